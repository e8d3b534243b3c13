from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import small_experiment, small_scenario

from algorithms.grouping import CommunicationAware, GroupingProblem
from algorithms.grouping.problem import Partition
from testbed.errors import RequestError


def problem_of(gains: np.ndarray | None, num_clients: int = 0) -> GroupingProblem:
    num_clients = num_clients or len(gains)
    histograms = np.ones((num_clients, 2))
    return GroupingProblem(np.linspace(1.0, 9.0, num_clients), histograms.sum(axis=1), histograms, 0.1, gains)


def groups_of(gains: np.ndarray, num_groups: int) -> Partition:
    return CommunicationAware(num_groups=num_groups).partition(problem_of(gains), np.random.default_rng(0))


def partitions(clients: tuple[int, ...], sizes: tuple[int, ...]) -> Iterator[list[tuple[int, ...]]]:
    """Yield every way of cutting `clients` into groups of these sizes."""
    if not sizes:
        yield []
        return
    for first in combinations(clients, sizes[0]):
        rest = tuple(client for client in clients if client not in first)
        for others in partitions(rest, sizes[1:]):
            yield [first, *others]


def weakest(gains: np.ndarray, groups: Partition | list[tuple[int, ...]]) -> np.ndarray:
    """Return the groups' weakest gains, the strongest of them first."""
    return np.sort([gains[list(group)].min() for group in groups])[::-1]


def spread_db(gains: np.ndarray, groups: Partition | list[tuple[int, ...]]) -> float:
    levels_db = 10 * np.log10(gains)
    return float(sum(np.ptp(levels_db[list(group)]) for group in groups))


fading_gains = st.lists(st.floats(1e-9, 1.0), min_size=2, max_size=7, unique=True).map(np.array)


@settings(max_examples=40, deadline=None)
@given(gains=fading_gains, data=st.data())
def test_no_partition_into_groups_of_these_sizes_has_a_stronger_weakest_member_in_any_place(
    gains: np.ndarray, data: st.DataObject
) -> None:
    groups = groups_of(gains, data.draw(st.integers(1, len(gains))))
    sizes = tuple(len(group) for group in groups)
    assert max(sizes) - min(sizes) <= 1
    best = weakest(gains, groups)
    for other in partitions(tuple(range(len(gains))), sizes):
        assert np.all(best >= weakest(gains, other))


@pytest.mark.parametrize(("num_clients", "num_groups"), [(6, 2), (6, 3), (8, 2)])
@pytest.mark.parametrize("seed", range(5))
def test_of_equal_parts_none_have_a_smaller_sum_of_spreads(num_clients: int, num_groups: int, seed: int) -> None:
    gains = 10 ** np.random.default_rng(seed).uniform(-9, 0, num_clients)
    sizes = (num_clients // num_groups,) * num_groups
    least = min(spread_db(gains, other) for other in partitions(tuple(range(num_clients)), sizes))
    assert spread_db(gains, groups_of(gains, num_groups)) == pytest.approx(least)


@settings(max_examples=40, deadline=None)
@given(gains=fading_gains, data=st.data())
def test_renumbering_the_clients_only_renumbers_the_groups(gains: np.ndarray, data: st.DataObject) -> None:
    num_groups = data.draw(st.integers(1, len(gains)))
    order = np.array(data.draw(st.permutations(range(len(gains)))))
    renumbered = groups_of(gains[order], num_groups)
    assert {frozenset(order[list(group)].tolist()) for group in renumbered} == {
        frozenset(group) for group in groups_of(gains, num_groups)
    }


def test_clients_of_equal_gain_go_by_id() -> None:
    assert groups_of(np.array([0.5, 0.25, 0.5, 0.25, 0.5]), 2) == ((0, 1, 3), (2, 4))


@pytest.mark.parametrize("gains", [None, np.full(4, 0.3)])
def test_where_all_channels_are_alike_several_groups_are_refused_and_one_is_everybody(gains: np.ndarray | None) -> None:
    problem, rng = problem_of(gains, 4), np.random.default_rng(0)
    with pytest.raises(
        RequestError, match=r"communication-aware: all clients have the same mean power gain.*path_loss"
    ):
        CommunicationAware(num_groups=2).partition(problem, rng)
    assert CommunicationAware(num_groups=1).partition(problem, rng) == ((0, 1, 2, 3),)


GROUPING = {"kind": "communication-aware", "num_groups": 2}


@pytest.mark.parametrize("seed", range(4))
def test_in_a_run_the_near_clients_transmit_together_and_so_do_the_far_ones(seed: int) -> None:
    square = {"kind": "power-law", "gain_db_at_1_m": 0, "exponent": 2, "side_m": 10}
    settings = {"channel__uplink__path_loss": square, "run__kernel": "none", "algorithm__grouping": GROUPING}
    experiment = small_experiment(seed, **settings)
    experiment.run()
    members: dict[int, list[int]] = {}
    for row in experiment.simulation.records.rows("membership"):
        members.setdefault(row["group"], []).append(row["client"])
    distances_m = experiment.world.cell.uplink.path_loss.distances_m(6, experiment.simulation.stream)
    near, far = sorted(members.values(), key=lambda clients: distances_m[clients].max())
    assert distances_m[near].max() < distances_m[far].min()
    assert sorted([*near, *far]) == list(range(6))


def test_a_scenario_without_distances_is_refused_before_anything_runs() -> None:
    with pytest.raises(RequestError, match="same mean power gain"):
        small_scenario(algorithm__grouping=GROUPING).run(seed=0)
