"""The contract of every outer optimizer: a linear rule with a memory of its own, one for each vector."""

from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.outer_optimizer import OuterOptimizer

MANY = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)
NUM_ENTRIES = 5


@pytest.fixture(scope="module", params=examples("outer-optimizer"), ids=str)
def optimizer(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


def course(optimizer: OuterOptimizer, start: np.ndarray, deltas: np.ndarray, num_regions: int = 1) -> np.ndarray:
    """The parameters before and after each pseudo-gradient."""
    state, passed = optimizer.start(len(start), num_regions), [start]
    for delta in deltas:
        passed.append(state.step(passed[-1], delta))
    return np.array(passed)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=NUM_ENTRIES), rng.normal(size=(7, NUM_ENTRIES))


@MANY
@given(seed=seeds, num_regions=st.integers(1, 4))
def test_it_is_linear_in_the_pseudo_gradients_and_moves_with_the_parameters(
    optimizer: OuterOptimizer, seed: int, num_regions: int
) -> None:
    start, deltas = drawn(seed)
    passed = course(optimizer, start, deltas, num_regions)
    moved = course(optimizer, np.zeros(NUM_ENTRIES), -3.0 * deltas, num_regions)
    np.testing.assert_allclose(moved, -3.0 * (passed - start), rtol=1e-9, atol=1e-9)


@MANY
@given(seed=seeds)
def test_a_first_step_descends_along_a_positive_multiple_of_old_minus_new(optimizer: OuterOptimizer, seed: int) -> None:
    start, deltas = drawn(seed)
    ratio = (start - course(optimizer, start, deltas[:1])[1]) / deltas[0]
    assert ratio[0] > 0
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)


@MANY
@given(seed=seeds)
def test_entries_do_not_mix_and_states_do_not_share_their_memory(optimizer: OuterOptimizer, seed: int) -> None:
    start, deltas = drawn(seed)
    whole = course(optimizer, start, deltas)
    first, second = optimizer.start(2), optimizer.start(NUM_ENTRIES - 2)
    left, right = start[:2], start[2:]
    for i, delta in enumerate(deltas):
        left, right = first.step(left, delta[:2]), second.step(right, delta[2:])
        np.testing.assert_array_equal(np.concatenate([left, right]), whole[i + 1])


@MANY
@given(seed=seeds, dtype=st.sampled_from([np.float32, np.float64]))
def test_the_precision_is_that_of_the_parameters_and_what_it_was_given_stays(
    optimizer: OuterOptimizer, seed: int, dtype: type
) -> None:
    start, deltas = (array.astype(dtype) for array in drawn(seed))
    start.flags.writeable = deltas.flags.writeable = False
    passed = course(optimizer, start, deltas)
    assert passed.dtype == dtype
    state = optimizer.start(NUM_ENTRIES)
    answer = state.step(start, deltas[0])
    answer[:] = 7.0
    np.testing.assert_array_equal(state.step(passed[1], deltas[1]), passed[2])


@pytest.mark.parametrize(("parameters", "delta"), [(np.zeros(2), np.zeros(3)), (np.zeros(3), np.zeros((3, 1)))])
def test_another_shape_is_refused(optimizer: OuterOptimizer, parameters: np.ndarray, delta: np.ndarray) -> None:
    with pytest.raises(ValueError, match="shape"):
        optimizer.start(3).step(parameters, delta)
