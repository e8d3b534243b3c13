import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.grouping import AntiKmeans, GroupingProblem, KmeansLabel, PlanningConstants, RandomGroups, foresee
from algorithms.grouping.label_clusters import label_clusters
from algorithms.grouping.problem import Partition

MANY = settings(max_examples=10, deadline=None)


def problem_of(histograms: np.ndarray) -> GroupingProblem:
    wide = np.asarray(histograms, dtype=np.float64)
    return GroupingProblem(np.linspace(1.0, 9.0, len(wide)), wide.sum(axis=1), wide, 0.1)


def skewed(seed: int, num_clients: int = 30, num_classes: int = 5) -> GroupingProblem:
    rng = np.random.default_rng(seed)
    mixes = rng.dirichlet(np.full(num_classes, 0.3), size=num_clients)
    return problem_of(np.array([rng.multinomial(60, mix) for mix in mixes]))


def single_class(num_classes: int, clients_per_class: int) -> GroupingProblem:
    return problem_of(np.tile(7 * np.eye(num_classes), (clients_per_class, 1)))


def mean_label_distance(problem: GroupingProblem, groups: Partition) -> float:
    return float(foresee(problem, PlanningConstants(), groups).label_distances.mean())


@MANY
@given(data=st.data(), seed=st.integers(0, 99), values=st.sampled_from([1, 2, 20]))
def test_there_are_exactly_so_many_groups_however_few_label_mixes(data: st.DataObject, seed: int, values: int) -> None:
    num_clients = data.draw(st.integers(1, 14))
    num_groups = data.draw(st.integers(1, num_clients))
    problem = problem_of(np.random.default_rng(seed).integers(1, values + 1, (num_clients, 3)))
    for rule in (KmeansLabel, AntiKmeans):
        groups = rule(num_groups=num_groups).partition(problem, np.random.default_rng(seed))
        assert len(groups) == num_groups
        assert sorted(client for group in groups for client in group) == list(range(num_clients))


@pytest.mark.parametrize("seed", range(5))
def test_single_class_clients_in_as_many_groups_as_classes_are_sorted_by_class_or_dealt_evenly(seed: int) -> None:
    problem = single_class(num_classes=4, clients_per_class=8)
    alike = KmeansLabel(num_groups=4).partition(problem, np.random.default_rng(seed))
    assert alike == tuple(tuple(range(first, 32, 4)) for first in range(4))
    assert mean_label_distance(problem, alike) == pytest.approx(1.5)  # 2 - 2/4
    apart = AntiKmeans(num_groups=4).partition(problem, np.random.default_rng(seed))
    assert mean_label_distance(problem, apart) == pytest.approx(0.0, abs=1e-12)


@MANY
@given(seed=st.integers(0, 999), num_groups=st.integers(1, 8))
def test_a_cluster_is_dealt_over_the_groups_to_within_one_client(seed: int, num_groups: int) -> None:
    problem = skewed(seed)
    clusters = label_clusters(problem, num_groups, np.random.default_rng(seed))
    groups = AntiKmeans(num_groups=num_groups).partition(problem, np.random.default_rng(seed))
    sizes = [len(group) for group in groups]
    assert max(sizes) - min(sizes) <= 1
    for cluster in clusters:
        shares = [len(set(group) & set(cluster.tolist())) for group in groups]
        assert max(shares) - min(shares) <= 1


def test_clusters_are_of_label_mixes_whatever_the_amount_of_data() -> None:
    problem = problem_of(np.array([[1, 9], [100, 900], [90, 10], [9, 1]]))
    assert KmeansLabel(num_groups=2).partition(problem, np.random.default_rng(0)) == ((0, 1), (2, 3))


def test_dealing_clusters_apart_lowers_the_label_distance_against_keeping_them_together_on_average() -> None:
    # Over 20 populations; random groups of equal size lie between the two.
    figures = np.array(
        [
            [
                mean_label_distance(problem, rule(num_groups=5).partition(problem, np.random.default_rng(seed)))
                for rule in (KmeansLabel, RandomGroups, AntiKmeans)
            ]
            for seed in range(20)
            for problem in [skewed(seed)]
        ]
    )
    for worse, better in ((0, 1), (1, 2), (0, 2)):
        gain = figures[:, worse] - figures[:, better]
        assert gain.mean() > 4 * gain.std(ddof=1) / np.sqrt(len(gain)), (worse, better)


def test_scikit_learn_is_imported_only_when_somebody_clusters() -> None:
    code = "import sys, algorithms.grouping; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
