from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.selection import EnergyAware, EnergyQueues, Everybody, Fastest, RandomSubset, SelectionContext
from testbed.errors import RequestError


def context_of(num_clients: int, **changes: Any) -> SelectionContext:
    fields = {
        "data_sizes": np.ones(num_clients),
        "training_times_s": np.arange(num_clients, 0.0, -1.0),
        "amplitudes": np.ones(num_clients),
        "energy_budgets_j": np.ones(num_clients),
        "last_norms": np.ones(num_clients),
        "queues": EnergyQueues.empty(num_clients),
    }
    return SelectionContext(**(fields | changes))


@given(num_clients=st.integers(1, 12), wanted=st.integers(1, 12), seed=st.integers(0, 99))
def test_the_fastest_and_a_random_number_have_the_size_asked_for_and_more_than_there_are_is_refused(
    num_clients: int, wanted: int, seed: int
) -> None:
    context, rng = context_of(num_clients), np.random.default_rng(seed)
    everybody = tuple(range(num_clients))
    for rule in (Fastest(num_clients=wanted), RandomSubset(num_clients=wanted)):
        if wanted > num_clients:
            with pytest.raises(RequestError, match=f"{rule.kind}: num_clients = {wanted}, .* {num_clients} clients"):
                rule.select(everybody, context, rng)
        else:
            assert len(rule.select(everybody, context, rng)) == wanted
            # Fewer are there today: all of them.
            assert rule.select(everybody[: wanted - 1], context, rng) == everybody[: wanted - 1]


def test_the_fastest_are_the_fastest_and_ties_go_to_the_lower_id() -> None:
    context = context_of(5, training_times_s=np.array([3.0, 1.0, 2.0, 1.0, 1.0]))
    rule, rng = Fastest(num_clients=2), np.random.default_rng(0)
    assert rule.select((4, 3, 2, 1, 0), context, rng) == (1, 3)
    assert rule.select((0, 2, 4), context, rng) == (2, 4)


@pytest.mark.parametrize(
    ("fraction", "num_clients", "size"), [(1.0, 7, 7), (0.1, 30, 3), (0.3, 10, 3), (0.001, 30, 1), (0.25, 30, 8)]
)
def test_a_fraction_is_of_all_clients_to_the_nearest_number_and_at_least_one(
    fraction: float, num_clients: int, size: int
) -> None:
    context, rng = context_of(num_clients), np.random.default_rng(0)
    rule = RandomSubset(fraction=fraction)
    assert len(rule.select(tuple(range(num_clients)), context, rng)) == size
    assert len(rule.select(tuple(range(num_clients // 2)), context, rng)) == min(size, num_clients // 2)


def test_the_whole_fraction_is_everybody() -> None:
    context, rng = context_of(6), np.random.default_rng(0)
    assert RandomSubset(fraction=1.0).select((5, 0, 3), context, rng) == (0, 3, 5)
    assert Everybody().select((5, 0, 3), context, rng) == (0, 3, 5)


def test_every_client_is_in_a_random_subset_equally_often() -> None:
    context, rng, draws = context_of(10), np.random.default_rng(1), 4000
    counts = np.zeros(10)
    for _ in range(draws):
        counts[list(RandomSubset(num_clients=3).select(tuple(range(10)), context, rng))] += 1
    assert counts.sum() == 3 * draws
    assert np.abs(counts / draws - 0.3).max() < 4 * np.sqrt(0.3 * 0.7 / draws)


@pytest.mark.parametrize(
    "table", [{}, {"num_clients": 2, "fraction": 0.5}, {"fraction": 0.0}, {"fraction": 1.5}, {"num_clients": 0}]
)
def test_a_random_subset_needs_exactly_one_possible_size(table: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"num_clients|fraction"):
        RandomSubset.from_table("random", table)


@pytest.mark.parametrize("rule", [Everybody(), Fastest(num_clients=1), RandomSubset(num_clients=1)])
def test_a_rule_without_memory_keeps_the_state_as_it_is(rule: Any) -> None:
    queues = EnergyQueues(np.array([1.0, 2.0]))
    assert rule.advance(context_of(2, queues=queues), np.ones(2)) is queues
    assert EnergyAware().advance(context_of(2, queues=queues), np.ones(2)) is not queues


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"amplitudes": np.zeros(3)}, "amplitudes must be positive"),
        ({"data_sizes": np.array([1.0, 2.0, np.nan])}, "data_sizes must be positive"),
        ({"energy_budgets_j": np.ones(2)}, r"energy_budgets_j has shape \(2,\)"),
        ({"last_norms": np.array([1.0, -1.0, np.nan])}, "last_norms must be at least 0"),
        ({"last_norms": np.ones(4)}, r"last_norms has shape \(4,\)"),
        ({"queues": EnergyQueues.empty(4)}, r"queues has shape \(4,\)"),
    ],
)
def test_impossible_contexts_are_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        context_of(3, **changes)


@pytest.mark.parametrize("backlogs_j", [np.array([-1.0]), np.array([np.inf]), np.zeros((2, 2))])
def test_impossible_queues_are_refused(backlogs_j: np.ndarray) -> None:
    with pytest.raises(ValueError, match="backlogs_j"):
        EnergyQueues(backlogs_j)
