"""The contract of every payload: what the channel averages without error is the average of the models."""

from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.payload import Payload

MANY = settings(max_examples=25, deadline=None)
entries = st.floats(-1e4, 1e4, width=32)


@st.composite
def trainings(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Models `(num_members, num_entries)` and their base as learning hands them over, and aggregation weights."""
    num_members, num_entries = draw(st.integers(1, 4)), draw(st.integers(1, 5))

    def vector(elements: st.SearchStrategy[Any], size: int) -> np.ndarray:
        return np.array(draw(st.lists(elements, min_size=size, max_size=size)))

    models = vector(entries, num_members * num_entries).astype(np.float32).reshape(num_members, num_entries)
    data_sizes = vector(st.integers(1, 1000), num_members)
    base = vector(entries, num_entries).astype(np.float32)
    for given_array in (models, base):
        given_array.flags.writeable = False
    return models, base, data_sizes / data_sizes.sum()


@pytest.fixture(scope="module", params=examples("payload"), ids=str)
def payload(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


@MANY
@given(trained=trainings())
def test_the_weighted_mean_of_the_signals_decodes_to_the_weighted_mean_of_the_models(
    payload: Payload, trained: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    models, base, weights = trained
    decoded = payload.decode(weights @ payload.encode(models, base), base)
    size = float(max(np.abs(models).max(), np.abs(base).max()))
    np.testing.assert_allclose(decoded, weights @ models.astype(np.float64), rtol=0, atol=1e-12 * size)


@MANY
@given(trained=trainings())
def test_models_base_and_estimate_stay_as_they_were_and_share_no_memory_with_the_answer(
    payload: Payload, trained: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    models, base, weights = trained
    before = models.tobytes(), base.tobytes()
    signals = payload.encode(models, base)
    estimate = weights @ signals
    kept = estimate.copy()
    decoded = payload.decode(estimate, base)
    signals[:] = 7.0
    decoded[:] = 7.0
    assert (models.tobytes(), base.tobytes()) == before
    np.testing.assert_array_equal(estimate, kept)


@MANY
@given(trained=trainings())
def test_signals_and_group_model_are_double_precision_and_the_same_when_asked_again(
    payload: Payload, trained: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    models, base, weights = trained
    signals = payload.encode(models, base)
    decoded = payload.decode(weights @ signals, base)
    assert signals.dtype == decoded.dtype == np.float64
    assert len(signals) == len(models)
    assert decoded.shape == base.shape
    assert signals.tobytes() == payload.encode(models, base).tobytes()
    assert decoded.tobytes() == payload.decode(weights @ signals, base).tobytes()


@MANY
@given(trained=trainings(), luck=st.randoms(use_true_random=False))
def test_a_members_signal_depends_on_its_own_model_alone(
    payload: Payload, trained: tuple[np.ndarray, np.ndarray, np.ndarray], luck: Any
) -> None:
    models, base, _ = trained
    order = luck.sample(range(len(models)), len(models))
    np.testing.assert_array_equal(payload.encode(models[order], base), payload.encode(models, base)[order])
    np.testing.assert_array_equal(payload.encode(models[:1], base), payload.encode(models, base)[:1])
