import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.grouping import DataAware, GroupingProblem, PlanningConstants, RandomGroups, TierGrouping, foresee
from algorithms.grouping.problem import Partition


def problem_of(histograms: np.ndarray) -> GroupingProblem:
    wide = np.asarray(histograms, dtype=np.float64)
    return GroupingProblem(np.linspace(1.0, 9.0, len(wide)), wide.sum(axis=1), wide, 0.1)


def label_distances(problem: GroupingProblem, groups: Partition) -> np.ndarray:
    return np.asarray(foresee(problem, PlanningConstants(), groups).label_distances)


@settings(max_examples=50, deadline=None)
@given(num_clients=st.integers(1, 25), data=st.data(), seed=st.integers(0, 999))
def test_groups_are_equal_in_size_up_to_one_and_none_is_empty(num_clients: int, data: st.DataObject, seed: int) -> None:
    num_groups = data.draw(st.integers(1, num_clients))
    problem = problem_of(np.random.default_rng(seed).integers(1, 20, (num_clients, 3)))
    groups = DataAware(num_groups=num_groups).partition(problem, np.random.default_rng(0))
    sizes = [len(group) for group in groups]
    assert len(groups) == num_groups
    assert max(sizes) - min(sizes) <= 1
    assert sorted(client for group in groups for client in group) == list(range(num_clients))


def test_a_group_with_far_more_data_still_takes_its_number_of_clients() -> None:
    problem = problem_of(np.array([[100], [1], [1], [1], [1], [1]]))
    groups = DataAware(num_groups=2).partition(problem, np.random.default_rng(0))
    assert [len(group) for group in groups] == [3, 3]


@pytest.mark.parametrize("num_groups", [2, 3, 7])
def test_single_class_clients_that_can_be_shared_out_evenly_are(num_groups: int) -> None:
    problem = problem_of(np.repeat(6 * np.eye(10), num_groups, axis=0))
    groups = DataAware(num_groups=num_groups).partition(problem, np.random.default_rng(0))
    assert label_distances(problem, groups).max() < 1e-12


def test_a_worked_example() -> None:
    # The largest first: 0 opens a group; 1 is of its class and 2 of the other, so they stay apart from their likes.
    problem = problem_of(np.array([[9, 0], [8, 0], [0, 7], [0, 6]]))
    assert DataAware(num_groups=2).partition(problem, np.random.default_rng(0)) == ((0, 2), (1, 3))


def test_label_distances_are_lower_than_of_tiers_and_of_random_groups_on_average() -> None:
    gains = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        mixes = rng.dirichlet(np.full(10, 0.3), size=40)
        problem = problem_of(np.array([rng.multinomial(rng.integers(20, 200), mix) for mix in mixes]))
        means = [
            label_distances(problem, rule.partition(problem, rng)).mean()
            for rule in (DataAware(num_groups=6), RandomGroups(num_groups=6), TierGrouping(num_groups=6))
        ]
        gains.append([means[1] - means[0], means[2] - means[0]])
    gain = np.array(gains)
    assert (gain.mean(axis=0) > 4 * gain.std(axis=0, ddof=1) / np.sqrt(20)).all()
