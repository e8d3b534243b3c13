import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.grouping import GroupingProblem, PlanningConstants, foresee
from algorithms.grouping.problem import as_partition

seeds = st.integers(0, 2**32 - 1)


def random_problem(seed: int, num_clients: int = 12, num_classes: int = 4) -> GroupingProblem:
    rng = np.random.default_rng(seed)
    histograms = rng.integers(0, 30, size=(num_clients, num_classes)) + (np.arange(num_classes) == 0)
    return GroupingProblem(rng.uniform(1.0, 10.0, num_clients), histograms.sum(axis=1), histograms, 0.5)


def random_groups(seed: int, num_clients: int = 12) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    row_of = rng.integers(0, rng.integers(1, num_clients + 1), num_clients)
    return [np.flatnonzero(row_of == row).tolist() for row in np.unique(row_of)]


def single_class_problem(num_clients: int = 100, num_classes: int = 10, samples: int = 600) -> GroupingProblem:
    histograms = np.zeros((num_clients, num_classes), dtype=np.int64)
    histograms[np.arange(num_clients), np.arange(num_clients) * num_classes // num_clients] = samples
    return GroupingProblem(np.linspace(6.0, 60.0, num_clients), histograms.sum(axis=1), histograms, 0.67)


def test_single_class_clients_of_ten_classes_have_a_label_distance_of_exactly_1_8() -> None:
    outlook = foresee(single_class_problem(), PlanningConstants(), [[i] for i in range(100)])
    np.testing.assert_allclose(outlook.label_distances, 1.8, rtol=1e-14)
    assert outlook.label_distances.mean() == pytest.approx(1.8, rel=1e-14)


@given(seed=seeds, aggregation_error=st.floats(0.0, 1.0))
def test_an_iid_partition_has_no_label_distance_and_only_the_aggregation_error_remains(
    seed: int, aggregation_error: float
) -> None:
    histograms = np.outer(np.arange(1, 13), np.array([1, 2, 3]))
    problem = GroupingProblem(np.arange(1.0, 13.0), histograms.sum(axis=1), histograms, 0.5)
    outlook = foresee(problem, PlanningConstants(aggregation_error=aggregation_error), random_groups(seed))
    assert np.all(outlook.label_distances < 1e-14)
    # L^2 C / (2 mu gamma L - mu) with mu = 0.5, L = 1, gamma = 0.9.
    assert outlook.residual == pytest.approx(aggregation_error / 0.4, abs=1e-14)


def test_equal_groups_that_update_equally_often_have_an_update_share_of_one_over_their_number() -> None:
    histograms = np.ones((12, 2), dtype=np.int64)
    problem = GroupingProblem(np.full(12, 3.0), histograms.sum(axis=1), histograms, 0.5)
    for num_groups in (1, 2, 3, 4, 6, 12):
        groups = np.arange(12).reshape(num_groups, -1).tolist()
        assert foresee(problem, PlanningConstants(), groups).update_share == pytest.approx(1 / num_groups)


@given(seeds, seeds)
def test_mean_gap_times_planned_staleness_is_the_longest_period(seed: int, grouping_seed: int) -> None:
    outlook = foresee(random_problem(seed), PlanningConstants(), random_groups(grouping_seed))
    assert outlook.mean_gap_s * outlook.max_staleness == pytest.approx(outlook.periods_s.max(), rel=1e-12)
    assert outlook.mean_gap_s <= outlook.periods_s.min() * (1 + 1e-12)
    assert outlook.frequencies.sum() == pytest.approx(1.0, rel=1e-12)
    assert outlook.shares.sum() == pytest.approx(1.0, rel=1e-12)


@given(seeds, seeds)
def test_adding_a_group_never_raises_the_mean_gap(seed: int, grouping_seed: int) -> None:
    problem, groups = random_problem(seed), random_groups(grouping_seed)
    gaps = [foresee(problem, PlanningConstants(), groups[:k]).mean_gap_s for k in range(1, len(groups) + 1)]
    assert gaps == sorted(gaps, reverse=True)


def test_a_hand_computed_outlook() -> None:
    # Two groups of one class each: label mix (1/4, 3/4), periods 1 + 1 and 3 + 1 s, shares 1/4 and 3/4.
    problem = GroupingProblem(np.array([1.0, 3.0]), np.array([10, 30]), np.array([[10, 0], [0, 30]]), 1.0)
    outlook = foresee(problem, PlanningConstants(), [[0], [1]])
    assert outlook.periods_s.tolist() == [2.0, 4.0]
    assert outlook.mean_gap_s == pytest.approx(4 / 3)
    assert outlook.frequencies.tolist() == pytest.approx([2 / 3, 1 / 3])
    assert outlook.label_distances.tolist() == pytest.approx([1.5, 0.5])
    share = 2 / 3 * 1 / 4 + 1 / 3 * 3 / 4
    assert outlook.update_share == pytest.approx(share)
    delta = (1 / 6 * 1.5**2 + 1 / 4 * 0.5**2) * 0.9 * 0.15 / (0.4 * share)
    assert outlook.residual == pytest.approx(delta)
    rounds = math.log((0.5 - delta) / math.log(2)) / math.log(1 - 0.4 * share)
    assert outlook.objective_s == pytest.approx((4 / 3 + 4.0) * rounds)
    assert outlook.rank == (False, outlook.objective_s)


def test_partitions_without_a_value_rank_by_residual_after_all_that_have_one() -> None:
    problem = single_class_problem()
    worst = foresee(problem, PlanningConstants(), [[i] for i in range(100)])
    best = foresee(problem, PlanningConstants(), [range(100)])
    assert math.isinf(worst.objective_s) and worst.rank == (True, worst.residual)
    assert best.rank < worst.rank


def test_a_target_that_is_met_from_the_start_still_needs_some_rounds() -> None:
    outlook = foresee(single_class_problem(), PlanningConstants(initial_gap=0.1), [range(100)])
    assert 0 < outlook.objective_s < 1e-2


@pytest.mark.parametrize("rate", [0.5, 1.0, 0.1, 1.7])
def test_a_planning_rate_outside_the_theorem_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="learning_rate must lie between"):
        PlanningConstants(learning_rate=rate)


def test_strong_convexity_above_smoothness_is_refused() -> None:
    with pytest.raises(ValueError, match="strong_convexity must be at most smoothness"):
        PlanningConstants(strong_convexity=2.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training_times_s": np.array([1.0, np.inf])}, "training_times_s must be positive and finite"),
        ({"training_times_s": np.array([1.0])}, "one time and one data size per client"),
        ({"data_sizes": np.array([3, 5])}, "sum to its data size"),
        ({"label_histograms": np.array([[3, 0]])}, "label_histograms must be"),
        (
            {"data_sizes": np.array([3, 0]), "label_histograms": np.array([[3, 0], [0, 0]])},
            "at least one sample",
        ),
        ({"upload_time_s": -1.0}, "upload_time_s must be at least 0"),
        ({"mean_power_gains": np.ones(3)}, r"mean_power_gains must be \(2,\)"),
        ({"mean_power_gains": np.array([1.0, 0.0])}, "mean_power_gains must be positive and finite"),
        ({"mean_power_gains": np.array([1.0, np.inf])}, "mean_power_gains must be positive and finite"),
    ],
)
def test_an_impossible_problem_is_refused(changes: dict[str, Any], message: str) -> None:
    right: dict[str, Any] = {
        "training_times_s": np.array([1.0, 2.0]),
        "data_sizes": np.array([3, 4]),
        "label_histograms": np.array([[3, 0], [1, 3]]),
        "upload_time_s": 0.0,
    }
    GroupingProblem(**right)
    with pytest.raises(ValueError, match=message):
        GroupingProblem(**{**right, **changes})


def test_a_partition_is_written_in_one_form() -> None:
    assert as_partition([[5, 2], [], [4, 0, 1], [3]]) == ((0, 1, 4), (2, 5), (3,))
