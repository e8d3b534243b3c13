"""Worked examples and laws of the ways to take over old global parameters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.compensation import (
    Blend,
    Carry,
    Compensation,
    ConstantCurvature,
    Flight,
    NormCurvature,
    Overwrite,
    RateCurvature,
    expand,
)

SENT = np.array([0.5, -0.2, 0.1, 0.3])
LOCAL = np.array([0.44, -0.12, 0.16, 0.26])
ANCHOR = np.array([0.4, -0.1, 0.25, 0.2])
FLIGHT = Flight(delay_steps=2, interval_steps=3, sync_every=4, tensors=(slice(0, 4),))
SIX_PLACES = 5.0001e-7

seeds = st.integers(0, 2**32 - 1)
strengths = st.floats(0, 1000)


def by_horizon(strength: float) -> ConstantCurvature:
    return ConstantCurvature(strength=strength, divide_gap_by="sync-every")


@pytest.mark.parametrize(
    ("compensation", "printed"),
    [
        (Carry(), [0.340000, -0.020000, 0.310000, 0.160000]),
        (Blend(alpha=0.5), [0.420000, -0.110000, 0.205000, 0.230000]),
        (Overwrite(), ANCHOR.tolist()),
        (by_horizon(0.5), [0.340023, -0.020040, 0.309966, 0.160010]),
        (by_horizon(500), [0.362500, -0.060000, 0.276250, 0.170000]),
        (NormCurvature(), [0.349592, -0.037053, 0.295612, 0.164263]),
        (NormCurvature(strength=0.5), [0.363980, -0.062631, 0.274030, 0.170658]),
        (RateCurvature(), [0.349592, -0.037052, 0.295612, 0.164263]),
    ],
    ids=str,
)
def test_the_worked_example_of_a_single_receipt(compensation: Compensation, printed: list[float]) -> None:
    np.testing.assert_allclose(compensation.apply(LOCAL, SENT, ANCHOR, FLIGHT), printed, rtol=0, atol=SIX_PLACES)


@pytest.mark.parametrize(
    ("compensation", "num_steps", "printed"),
    [
        (NormCurvature(), 1, 26.644573),
        (NormCurvature(strength=0.5), 1, 66.611433),
        (RateCurvature(), 2, 53.287419),
    ],
)
def test_the_scale_of_the_worked_example(compensation: Compensation, num_steps: int, printed: float) -> None:
    displacement, gap = SENT - LOCAL, ANCHOR - SENT
    correction = Carry().apply(LOCAL, SENT, ANCHOR, FLIGHT) - compensation.apply(LOCAL, SENT, ANCHOR, FLIGHT)
    scale = correction * num_steps / (displacement**2 * gap)
    np.testing.assert_allclose(scale, printed, rtol=0, atol=SIX_PLACES)


CURVATURES = np.array([1.0, 2.0, 0.5, 0.8])
MINIMA = np.array([1.0, -1.0, 0.5, 2.0])
RATE = 0.1


def descended(parameters: np.ndarray, num_steps: int) -> np.ndarray:
    for _ in range(num_steps):
        parameters = parameters - RATE * CURVATURES * (parameters - MINIMA)
    return parameters


def test_the_worked_example_on_a_quadratic() -> None:
    local, ideal = descended(SENT, 2), descended(ANCHOR, 2)
    np.testing.assert_allclose(local, [0.595, -0.488, 0.139, 0.56112], rtol=0, atol=SIX_PLACES)
    np.testing.assert_allclose(ideal, [0.514, -0.424, 0.274375, 0.47648], rtol=0, atol=SIX_PLACES)
    exact = (1 - (1 - RATE * CURVATURES) ** 2) / (SENT - local) ** 2
    np.testing.assert_allclose(exact, [21.052632, 4.340278, 64.102564, 2.252739], rtol=0, atol=SIX_PLACES)

    def error(compensation: Compensation) -> float:
        return float(np.linalg.norm(compensation.apply(local, SENT, ANCHOR, FLIGHT) - ideal))

    # The scale 5 of the whole quadratic term is lam / (tau H).
    assert error(Carry()) == pytest.approx(0.045900, abs=SIX_PLACES)
    assert error(Blend()) == pytest.approx(0.180978, abs=SIX_PLACES)
    assert error(by_horizon(5 * 2 * 4)) == pytest.approx(0.027795, abs=SIX_PLACES)
    wrong = ConstantCurvature(strength=5 * 2 * 4, divide_gap_by="sync-every", wrong_sign=True)
    assert error(wrong) == pytest.approx(0.096171, abs=SIX_PLACES)


@given(seed=seeds, num_steps=st.integers(1, 10))
def test_with_the_exact_curvature_a_quadratic_ends_where_the_steps_from_the_global_parameters_end(
    seed: int, num_steps: int
) -> None:
    rng = np.random.default_rng(seed)
    sent, anchor = rng.normal(size=(2, 4))
    local = descended(sent, num_steps)
    curvature = (1 - (1 - RATE * CURVATURES) ** num_steps) / (sent - local) ** 2
    np.testing.assert_allclose(expand(local, sent, anchor, curvature), descended(anchor, num_steps), rtol=0, atol=1e-9)


@given(seed=seeds)
def test_without_strength_every_form_is_the_carry_exactly(seed: int) -> None:
    local, sent, anchor = np.random.default_rng(seed).normal(size=(3, 4)).astype(np.float32)
    carried = Carry().apply(local, sent, anchor, FLIGHT)
    exact = local.astype(np.float64) + (anchor.astype(np.float64) - sent.astype(np.float64))
    assert carried.tobytes() == exact.astype(np.float32).tobytes()
    for form in (ConstantCurvature, NormCurvature, RateCurvature):
        assert form(strength=0).apply(local, sent, anchor, FLIGHT).tobytes() == carried.tobytes()


@given(seed=seeds, strength=strengths)
def test_without_a_gap_training_goes_on_as_if_nothing_had_arrived(seed: int, strength: float) -> None:
    local, sent = np.random.default_rng(seed).normal(size=(2, 4))
    for form in (ConstantCurvature, NormCurvature, RateCurvature):
        assert form(strength=strength).apply(local, sent, sent, FLIGHT).tobytes() == local.tobytes()
    blended = Blend(alpha=0.5).apply(local, sent, sent, FLIGHT)
    np.testing.assert_allclose(blended, 0.5 * local + 0.5 * sent, rtol=1e-6)


@given(seed=seeds, strength=st.floats(0.01, 10), delay_steps=st.integers(1, 9))
def test_the_normed_forms_correct_by_their_share_of_the_displacement(
    seed: int, strength: float, delay_steps: int
) -> None:
    local, sent, anchor = np.random.default_rng(seed).normal(size=(3, 4))
    flight = Flight(delay_steps=delay_steps, interval_steps=9, sync_every=9, tensors=(slice(0, 4),))
    carried = Carry().apply(local, sent, anchor, flight)
    size = np.linalg.norm(sent - local)
    for form in (NormCurvature, RateCurvature):
        correction = form(strength=strength).apply(local, sent, anchor, flight) - carried
        assert np.linalg.norm(correction) == pytest.approx(strength * size, rel=1e-4)


def test_norms_are_of_each_tensor_or_of_the_fragment() -> None:
    flight = Flight(delay_steps=2, interval_steps=3, sync_every=4, tensors=(slice(0, 2), slice(2, 4)))
    per_tensor = NormCurvature().apply(LOCAL, SENT, ANCHOR, flight)
    half = Flight(delay_steps=2, interval_steps=3, sync_every=4, tensors=(slice(0, 2),))
    for piece in (slice(0, 2), slice(2, 4)):
        alone = NormCurvature().apply(LOCAL[piece], SENT[piece], ANCHOR[piece], half)
        np.testing.assert_array_equal(per_tensor[piece], alone)
    whole = NormCurvature(norm_over="fragment").apply(LOCAL, SENT, ANCHOR, flight)
    np.testing.assert_array_equal(whole, NormCurvature().apply(LOCAL, SENT, ANCHOR, FLIGHT))
    assert not np.array_equal(whole, per_tensor)


def test_the_constant_form_divides_by_the_steps_since_the_previous_sending_unless_asked_for_the_horizon() -> None:
    flight = Flight(delay_steps=2, interval_steps=8, sync_every=4, tensors=(slice(0, 4),))
    own = ConstantCurvature(strength=1000).apply(LOCAL, SENT, ANCHOR, flight)
    np.testing.assert_array_equal(own, by_horizon(500).apply(LOCAL, SENT, ANCHOR, flight))


def test_the_cap_holds_the_scale_of_the_rate_form_down() -> None:
    capped = RateCurvature(max_strength=10).apply(LOCAL, SENT, ANCHOR, FLIGHT)
    # c = lam_max / tau, and the constant form has c = lam / (tau H).
    np.testing.assert_allclose(capped, by_horizon(10 * 4).apply(LOCAL, SENT, ANCHOR, FLIGHT), rtol=1e-12)
    loose = RateCurvature(max_strength=1e9).apply(LOCAL, SENT, ANCHOR, FLIGHT)
    np.testing.assert_array_equal(loose, RateCurvature().apply(LOCAL, SENT, ANCHOR, FLIGHT))


def test_the_control_turns_the_quadratic_term_round() -> None:
    carried = Carry().apply(LOCAL, SENT, ANCHOR, FLIGHT)
    for form in (ConstantCurvature, NormCurvature, RateCurvature):
        right = form().apply(LOCAL, SENT, ANCHOR, FLIGHT) - carried
        wrong = form(wrong_sign=True).apply(LOCAL, SENT, ANCHOR, FLIGHT) - carried
        np.testing.assert_allclose(wrong, -right, rtol=1e-9)
        assert np.abs(right).max() > 0


@pytest.mark.parametrize("name", ["delay_steps", "interval_steps", "sync_every"])
def test_a_flight_that_cannot_be_is_refused(name: str) -> None:
    steps = {"delay_steps": 1, "interval_steps": 1, "sync_every": 1, name: -1}
    with pytest.raises(ValueError, match=name):
        Flight(**steps, tensors=(slice(0, 1),))
