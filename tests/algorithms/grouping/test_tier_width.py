from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.grouping import GreedyPaper, GroupingProblem, TierWidth

spreads = st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0.0, 1.0)
times_of = st.lists(st.integers(1, 12).map(float) | st.floats(0.1, 50.0), min_size=1, max_size=7)


def problem_of(times_s: list[float]) -> GroupingProblem:
    histograms = np.ones((len(times_s), 2))
    return GroupingProblem(np.array(times_s), histograms.sum(axis=1), histograms, 0.1)


def groups_of(problem: GroupingProblem, xi: float) -> tuple[tuple[int, ...], ...]:
    return TierWidth(xi=xi).partition(problem, np.random.default_rng(0))


def all_partitions(clients: list[int]) -> Iterator[list[list[int]]]:
    if not clients:
        yield []
        return
    first, rest = clients[0], clients[1:]
    for groups in all_partitions(rest):
        yield [[first], *groups]
        for place in range(len(groups)):
            yield [*groups[:place], [first, *groups[place]], *groups[place + 1 :]]


@given(times=times_of, xi=spreads)
def test_every_group_keeps_the_spread(times: list[float], xi: float) -> None:
    problem = problem_of(times)
    for group in groups_of(problem, xi):
        assert np.ptp(problem.training_times_s[list(group)]) <= problem.allowed_spread_s(xi)


@settings(max_examples=60, deadline=None)
@given(times=times_of, xi=spreads)
def test_no_partition_that_keeps_the_spread_has_fewer_groups(times: list[float], xi: float) -> None:
    problem = problem_of(times)
    allowed_s = problem.allowed_spread_s(xi)
    keeping = (
        groups
        for groups in all_partitions(list(range(len(times))))
        if all(np.ptp(problem.training_times_s[group]) <= allowed_s for group in groups)
    )
    assert len(groups_of(problem, xi)) == min(len(groups) for groups in keeping)


@given(times=st.lists(st.floats(0.1, 50.0), min_size=1, max_size=200), xi=spreads)
def test_the_fastest_of_any_two_groups_may_not_be_together_which_proves_that_fewer_are_impossible(
    times: list[float], xi: float
) -> None:
    # A certificate that needs no search: clients pairwise too far apart need a group each, under any rule.
    problem = problem_of(times)
    fastest_s = sorted(problem.training_times_s[list(group)].min() for group in groups_of(problem, xi))
    assert (np.diff(fastest_s) > problem.allowed_spread_s(xi)).all()


@given(times=st.lists(st.floats(0.1, 50.0), min_size=2, max_size=30, unique=True))
def test_no_spread_gives_singletons_of_distinct_times_and_the_whole_spread_one_group(times: list[float]) -> None:
    problem = problem_of(times)
    assert groups_of(problem, 0.0) == tuple((client,) for client in range(len(times)))
    assert groups_of(problem, 1.0) == (tuple(range(len(times))),)


def test_clients_equally_fast_share_a_group_even_without_any_spread() -> None:
    assert groups_of(problem_of([3.0, 1.0, 3.0, 1.0]), 0.0) == ((0, 2), (1, 3))


def test_groups_are_windows_of_time_in_a_worked_example() -> None:
    # Spread 10 s, allowed 3 s: 1..4, then 5 opens, 8 just fits, 11 opens.
    assert groups_of(problem_of([1.0, 4.0, 5.0, 8.0, 11.0]), 0.3) == ((0, 1), (2, 3), (4,))


@pytest.mark.parametrize("seed", range(10))
def test_the_greedy_grouping_under_the_same_spread_never_has_fewer_groups(seed: int) -> None:
    rng = np.random.default_rng(seed)
    histograms = rng.integers(1, 20, (25, 3)).astype(float)
    problem = GroupingProblem(rng.uniform(1, 10, 25), histograms.sum(axis=1), histograms, 0.3)
    for xi in (0.1, 0.3, 0.6):
        assert len(groups_of(problem, xi)) <= len(GreedyPaper(xi=xi).partition(problem, rng))
