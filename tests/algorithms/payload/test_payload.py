import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.payload import DeltaPayload, ModelPayload, Payload

PAYLOADS = [ModelPayload(), DeltaPayload()]
seeds = st.integers(0, 2**32 - 1)


def trained(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    base = rng.normal(size=6).astype(np.float32)
    models = (base + 0.1 * rng.normal(size=(3, 6))).astype(np.float32)
    weights = rng.uniform(0.1, 1.0, size=3)
    return models, base, weights / weights.sum()


@pytest.mark.parametrize("payload", PAYLOADS, ids=["model", "delta"])
@given(seed=seeds)
def test_the_exact_weighted_mean_signal_decodes_to_the_weighted_mean_model(payload: Payload, seed: int) -> None:
    models, base, weights = trained(seed)
    decoded = payload.decode(weights @ payload.encode(models, base), base)
    np.testing.assert_allclose(decoded, weights @ models.astype(np.float64), rtol=0, atol=1e-12)


def test_a_model_payload_that_is_shrunk_shrinks_the_parameters_and_a_delta_payload_the_step() -> None:
    base, model = np.array([4.0]), np.array([[6.0]])
    half = 0.5
    assert ModelPayload().decode(half * ModelPayload().encode(model, base)[0], base).tolist() == [3.0]
    assert DeltaPayload().decode(half * DeltaPayload().encode(model, base)[0], base).tolist() == [5.0]


def test_an_update_is_new_minus_old() -> None:
    assert DeltaPayload().encode(np.array([[5.0, 1.0]]), np.array([2.0, 3.0])).tolist() == [[3.0, -2.0]]


@pytest.mark.parametrize("payload", PAYLOADS, ids=["model", "delta"])
def test_signals_and_decoded_models_are_double_precision_copies(payload: Payload) -> None:
    models, base, weights = trained(0)
    kept_models, kept_base = models.copy(), base.copy()
    signals = payload.encode(models, base)
    decoded = payload.decode(weights @ signals, base)
    assert signals.dtype == decoded.dtype == np.float64
    signals[:] = decoded[:] = 7.0
    np.testing.assert_array_equal(models, kept_models)
    np.testing.assert_array_equal(base, kept_base)


def test_decoding_a_model_does_not_hand_out_the_estimate_itself() -> None:
    estimate = np.ones(2)
    ModelPayload().decode(estimate, np.zeros(2))[:] = 5.0
    assert estimate.tolist() == [1.0, 1.0]
