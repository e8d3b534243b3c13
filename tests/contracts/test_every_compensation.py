"""The contract of every compensation: what arrives when nothing was missed is taken over, and entries do not mix."""

from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.compensation import Blend, Compensation, Flight

MANY = settings(max_examples=25, deadline=None)
SIZES = (3, 1, 2)
TENSORS = (slice(0, 3), slice(3, 4), slice(4, 6))
seeds = st.integers(0, 2**32 - 1)


@st.composite
def flights(draw: st.DrawFn) -> Flight:
    return Flight(
        delay_steps=draw(st.integers(0, 12)),
        interval_steps=draw(st.integers(1, 40)),
        sync_every=draw(st.integers(1, 100)),
        tensors=TENSORS,
    )


def drawn(seed: int, dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The parameters of a fragment now, when it was sent, and the global ones; all read-only."""
    rng = np.random.default_rng(seed)
    vectors = [rng.normal(size=6).astype(dtype) for _ in range(3)]
    for vector in vectors:
        vector.flags.writeable = False
    return vectors[0], vectors[1], vectors[2]


@pytest.fixture(scope="module", params=examples("compensation"), ids=str)
def compensation(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


@MANY
@given(seed=seeds, flight=flights())
def test_where_local_and_global_parameters_agree_and_nothing_moved_nothing_changes(
    compensation: Compensation, seed: int, flight: Flight
) -> None:
    _, there, _ = drawn(seed)
    np.testing.assert_allclose(compensation.apply(there, there, there, flight), there, rtol=1e-15)


@MANY
@given(seed=seeds, flight=flights())
def test_a_region_that_took_no_step_meanwhile_takes_the_global_parameters_over(
    compensation: Compensation, seed: int, flight: Flight
) -> None:
    sent, _, anchor = drawn(seed)
    alpha = compensation.alpha if isinstance(compensation, Blend) else 0.0  # a blend keeps its share whatever it is
    taken = compensation.apply(sent, sent, anchor, flight)
    np.testing.assert_allclose(taken, alpha * sent + (1 - alpha) * anchor, rtol=0, atol=1e-12)


@MANY
@given(seed=seeds, flight=flights())
def test_tensors_of_a_fragment_may_be_permuted_with_their_entries(
    compensation: Compensation, seed: int, flight: Flight
) -> None:
    vectors = drawn(seed)
    turned = Flight(
        delay_steps=flight.delay_steps,
        interval_steps=flight.interval_steps,
        sync_every=flight.sync_every,
        tensors=(slice(0, 2), slice(2, 5), slice(5, 6)),
    )
    order = [4, 5, 0, 1, 2, 3]
    expected = compensation.apply(*vectors, flight)[order]
    np.testing.assert_allclose(
        compensation.apply(*(vector[order] for vector in vectors), turned), expected, rtol=1e-9, atol=1e-9
    )


@MANY
@given(seed=seeds, flight=flights())
def test_turning_all_signs_round_turns_the_answer_round(compensation: Compensation, seed: int, flight: Flight) -> None:
    vectors = drawn(seed)
    answer = compensation.apply(*vectors, flight)
    np.testing.assert_allclose(compensation.apply(*(-v for v in vectors), flight), -answer, rtol=1e-12, atol=1e-12)


@MANY
@given(seed=seeds, flight=flights(), dtype=st.sampled_from([np.float32, np.float64]))
def test_the_answer_is_new_of_the_local_precision_and_the_same_when_asked_again(
    compensation: Compensation, seed: int, flight: Flight, dtype: type
) -> None:
    vectors = drawn(seed, dtype)
    before = [vector.tobytes() for vector in vectors]
    answer = compensation.apply(*vectors, flight)
    kept = answer.tobytes()
    assert answer.dtype == dtype
    assert not any(np.shares_memory(answer, vector) for vector in vectors)
    answer[:] = 7.0
    assert compensation.apply(*vectors, flight).tobytes() == kept
    assert [vector.tobytes() for vector in vectors] == before
