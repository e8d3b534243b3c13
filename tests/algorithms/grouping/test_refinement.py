import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.grouping import GroupingProblem, PlanningConstants, foresee, refine
from algorithms.grouping.greedy import place_greedily
from algorithms.grouping.problem import Partition, as_partition
from algorithms.grouping.refinement import best_move, best_swap
from algorithms.grouping.tally import Rank, Tally

seeds = st.integers(0, 2**32 - 1)
target_gaps = st.sampled_from([0.05, 0.5])  # with the small one hardly any partition has a value


def skewed_problem(seed: int, num_clients: int) -> GroupingProblem:
    rng = np.random.default_rng(seed)
    mixes = rng.dirichlet(np.full(3, 0.3), size=num_clients)
    histograms = np.array([rng.multinomial(rng.integers(5, 40), mix) for mix in mixes])
    return GroupingProblem(rng.uniform(1.0, 10.0, num_clients), histograms.sum(axis=1), histograms, 0.3)


def moves(groups: Partition, client: int) -> list[Partition]:
    rows = [[i for i in group if i != client] for group in groups] + [[]]
    moved = [as_partition([[*row, client] if k == j else row for k, row in enumerate(rows)]) for j in range(len(rows))]
    return [partition for partition in moved if partition != groups]


def swaps(groups: Partition, client: int) -> list[Partition]:
    own = next(group for group in groups if client in group)
    partners = [k for group in groups if group != own for k in group]
    exchange = [{client: k, k: client} for k in partners]
    return [as_partition([[names.get(i, i) for i in group] for group in groups]) for names in exchange]


def best_of(problem: GroupingProblem, constants: PlanningConstants, xi: float, candidates: list[Partition]) -> Rank:
    times, allowed_s = problem.training_times_s, problem.allowed_spread_s(xi)
    fitting = [groups for groups in candidates if all(np.ptp(times[list(group)]) <= allowed_s for group in groups)]
    return min((foresee(problem, constants, groups).rank for groups in fitting), default=(True, np.inf))


@settings(max_examples=60, deadline=None)
@given(seed=seeds, xi=st.floats(0.1, 1.0), target_gap=target_gaps)
def test_the_best_move_and_the_best_swap_equal_trying_them_one_by_one(seed: int, xi: float, target_gap: float) -> None:
    problem, constants = skewed_problem(seed, 8), PlanningConstants(target_gap=target_gap)
    groups = place_greedily(problem, constants, xi)
    tally = Tally.of(problem, constants, groups)
    for client in range(8):
        move, _ = best_move(tally, client, problem.allowed_spread_s(xi))
        swap, _ = best_swap(tally, client, problem.allowed_spread_s(xi))
        assert move == pytest.approx(best_of(problem, constants, xi, moves(groups, client)), rel=1e-8)
        assert swap == pytest.approx(best_of(problem, constants, xi, swaps(groups, client)), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, xi=st.floats(0.0, 1.0), target_gap=target_gaps)
def test_refinement_never_ranks_worse_than_what_it_started_from(seed: int, xi: float, target_gap: float) -> None:
    problem, constants = skewed_problem(seed, 14), PlanningConstants(target_gap=target_gap)
    placed = place_greedily(problem, constants, xi)
    refined = refine(problem, constants, placed, xi, max_passes=10)
    before, after = (foresee(problem, constants, groups).rank for groups in (placed, refined))
    assert after <= before


@settings(max_examples=15, deadline=None)
@given(seed=seeds, xi=st.floats(0.2, 1.0), target_gap=target_gaps)
def test_after_refinement_no_single_move_or_swap_ranks_better(seed: int, xi: float, target_gap: float) -> None:
    problem, constants = skewed_problem(seed, 7), PlanningConstants(target_gap=target_gap)
    groups = refine(problem, constants, [[i] for i in range(7)], xi, max_passes=100)
    infeasible, value = foresee(problem, constants, groups).rank
    for client in range(7):
        candidates = moves(groups, client) + swaps(groups, client)
        rank = best_of(problem, constants, xi, candidates)
        assert (rank[0], rank[1] * (1 + 1e-8)) >= (infeasible, value)


def test_a_swap_is_found_where_no_move_is_allowed_and_no_partition_has_a_value() -> None:
    # Client 0 may join client 2 but not client 1: it can only take the place of client 1.
    histograms = np.array([[9, 0], [0, 9], [0, 9]])
    problem = GroupingProblem(np.array([5.0, 1.0, 4.0]), histograms.sum(axis=1), histograms, 0.1)
    constants = PlanningConstants(target_gap=1e-3)
    assert refine(problem, constants, [[0], [1, 2]], 0.8, max_passes=1) == ((0, 2), (1,))


def test_no_pass_changes_a_partition_that_a_pass_left_unchanged() -> None:
    problem, constants = skewed_problem(3, 14), PlanningConstants()
    once = refine(problem, constants, [[i] for i in range(14)], 0.4, max_passes=100)
    assert refine(problem, constants, once, 0.4, max_passes=1) == once
