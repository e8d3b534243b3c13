"""The contract of every selection: some of those who can be asked, by the context and the stream alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.selection.context import EnergyQueues, Selection, SelectionContext

MANY = settings(max_examples=15, deadline=None)
FIELDS = ("data_sizes", "training_times_s", "amplitudes", "energy_budgets_j", "last_norms")


@st.composite
def contexts(draw: st.DrawFn) -> SelectionContext:
    num_clients = draw(st.integers(3, 12))

    def vector(elements: st.SearchStrategy[Any]) -> np.ndarray:
        return np.array(draw(st.lists(elements, min_size=num_clients, max_size=num_clients)), dtype=np.float64)

    context = SelectionContext(
        data_sizes=vector(st.integers(1, 9)),
        training_times_s=vector(st.integers(1, 5).map(float) | st.floats(0.1, 10.0)),
        amplitudes=vector(st.floats(1e-3, 10.0)),
        energy_budgets_j=vector(st.floats(0.1, 10.0)),
        last_norms=vector(st.just(np.nan) | st.floats(0.0, 10.0)),
        queues=EnergyQueues(vector(st.just(0.0) | st.floats(0.0, 50.0))),
    )
    for array in (*(getattr(context, name) for name in FIELDS), context.queues.backlogs_j):
        array.flags.writeable = False
    return context


def some_of(context: SelectionContext, seed: int) -> tuple[int, ...]:
    rng = np.random.default_rng(seed)
    return tuple(rng.permutation(context.num_clients)[: rng.integers(1, context.num_clients + 1)].tolist())


@pytest.fixture(scope="module", params=examples("selection"), ids=str)
def rule(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


@MANY
@given(context=contexts(), seed=st.integers(0, 1000))
def test_the_chosen_are_candidates_ascending_and_at_least_one(
    rule: Selection, context: SelectionContext, seed: int
) -> None:
    candidates = some_of(context, seed)
    chosen = rule.select(candidates, context, np.random.default_rng(seed))
    assert type(chosen) is tuple
    assert chosen
    assert all(type(client) is int for client in chosen)
    assert set(chosen) <= set(candidates)
    assert list(chosen) == sorted(set(chosen))


@MANY
@given(context=contexts(), seed=st.integers(0, 1000))
def test_asking_twice_changes_nothing_nor_does_the_order_of_the_candidates(
    rule: Selection, context: SelectionContext, seed: int
) -> None:
    candidates = some_of(context, seed)
    answers = [
        rule.select(asked, context, np.random.default_rng(seed))
        for asked in (candidates, candidates, candidates[::-1], tuple(sorted(candidates)))
    ]
    assert len(set(answers)) == 1


@MANY
@given(context=contexts(), seed=st.integers(0, 1000), factor=st.sampled_from([0.25, 2.0, 1024.0]))
def test_the_units_of_time_energy_amplitude_and_norm_change_nothing(
    rule: Selection, context: SelectionContext, seed: int, factor: float
) -> None:
    candidates = some_of(context, seed)
    chosen = rule.select(candidates, context, np.random.default_rng(seed))
    for changed in (
        replace(context, training_times_s=factor * context.training_times_s),
        replace(context, amplitudes=factor * context.amplitudes),
        replace(context, last_norms=factor * context.last_norms),
        replace(
            context,
            energy_budgets_j=factor * context.energy_budgets_j,
            queues=EnergyQueues(factor * context.queues.backlogs_j),
        ),
    ):
        assert rule.select(candidates, changed, np.random.default_rng(seed)) == chosen


@MANY
@given(context=contexts())
def test_where_nobody_can_be_asked_nobody_is(rule: Selection, context: SelectionContext) -> None:
    assert rule.select((), context, np.random.default_rng(0)) == ()


@MANY
@given(context=contexts(), seed=st.integers(0, 1000))
def test_a_round_leaves_the_context_as_it_was_and_a_state_of_one_backlog_per_client(
    rule: Selection, context: SelectionContext, seed: int
) -> None:
    spent_j = np.random.default_rng(seed).uniform(0, 5, context.num_clients)
    before = context.queues.backlogs_j.tobytes()
    first, second = (rule.advance(context, spent_j) for _ in range(2))
    assert context.queues.backlogs_j.tobytes() == before
    assert first.backlogs_j.tobytes() == second.backlogs_j.tobytes()
    assert first.backlogs_j.shape == (context.num_clients,)
