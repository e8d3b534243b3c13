import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.grouping import GroupingProblem, LabelBalancedTier, PlanningConstants, TierWidth, foresee
from algorithms.grouping.label_mix import class_order, dominant_class

MANY = settings(max_examples=25, deadline=None)
spreads = st.floats(0.0, 1.0)


def skewed(seed: int, num_clients: int = 24, num_classes: int = 4) -> GroupingProblem:
    rng = np.random.default_rng(seed)
    histograms = rng.multinomial(30, rng.dirichlet(np.full(num_classes, 0.3), size=num_clients)).astype(float)
    return GroupingProblem(rng.uniform(1.0, 10.0, num_clients), histograms.sum(axis=1), histograms, 0.3)


@MANY
@given(seed=st.integers(0, 999), xi=spreads, per_window=st.integers(1, 5))
def test_every_group_lies_in_one_window_which_its_groups_share_out_evenly_class_by_class(
    seed: int, xi: float, per_window: int
) -> None:
    problem, rng = skewed(seed), np.random.default_rng(0)
    groups = LabelBalancedTier(xi=xi, groups_per_window=per_window).partition(problem, rng)
    class_of = dominant_class(problem)
    for window in TierWidth(xi=xi).partition(problem, rng):
        inside = [group for group in groups if set(group) <= set(window)]
        assert sorted(client for group in inside for client in group) == list(window)
        assert len(inside) == min(per_window, len(window))
        counts = np.array([np.bincount(class_of[list(group)], minlength=4) for group in inside])
        assert np.ptp(counts, axis=0).max() <= 1
        assert np.ptp(counts.sum(axis=1)) <= 1
    for group in groups:
        assert np.ptp(problem.training_times_s[list(group)]) <= problem.allowed_spread_s(xi)


@MANY
@given(seed=st.integers(0, 999), xi=spreads)
def test_one_group_per_window_is_the_tiers_of_that_width(seed: int, xi: float) -> None:
    problem, rng = skewed(seed), np.random.default_rng(0)
    assert LabelBalancedTier(xi=xi, groups_per_window=1).partition(problem, rng) == TierWidth(xi=xi).partition(
        problem, rng
    )


def test_equal_shares_of_every_class_in_every_window_leave_no_label_distance() -> None:
    # Two windows of 3 x 4 single-class clients: three groups a window get one client of each class.
    histograms = np.tile(5 * np.eye(4), (6, 1))
    times_s = np.concatenate([np.linspace(1, 2, 12), np.linspace(9, 10, 12)])
    problem = GroupingProblem(times_s, histograms.sum(axis=1), histograms, 0.1)
    rule = LabelBalancedTier(xi=0.2, groups_per_window=3)
    groups = rule.partition(problem, np.random.default_rng(0))
    assert len(groups) == 6
    assert foresee(problem, PlanningConstants(), groups).label_distances.max() < 1e-12


@MANY
@given(seed=st.integers(0, 999), classes=st.permutations(range(4)))
def test_the_order_of_the_classes_does_not_depend_on_their_names(seed: int, classes: list[int]) -> None:
    problem = skewed(seed, num_clients=5)
    renamed = GroupingProblem(
        problem.training_times_s, problem.data_sizes, problem.label_histograms[:, classes], problem.upload_time_s
    )
    np.testing.assert_array_equal(
        renamed.label_histograms[:, class_order(renamed)], problem.label_histograms[:, class_order(problem)]
    )
