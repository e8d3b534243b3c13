import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.special import j0

from channels.correlated_fading import CorrelatedFading, autocorrelation, exponential_weights, jakes_weights
from channels.fading import BlockStream, RayleighFading, RicianFading
from testbed.streams import Purpose, stream

NUM_LINKS = 10_000


def luck(seed: int = 2) -> BlockStream:
    return lambda block: stream(seed, Purpose.FADING, 0, block)


def correlated(**changes: object) -> CorrelatedFading:
    return CorrelatedFading.from_table("correlated", {"of": "rayleigh", **changes})


@given(st.floats(0.0, 0.999), st.integers(0, 300))
@settings(deadline=None)
def test_the_exponential_weights_have_autocorrelation_rho_to_the_lag_up_to_a_thousandth(rho: float, lag: int) -> None:
    assert autocorrelation(exponential_weights(rho), 0) == pytest.approx(1.0)
    assert abs(autocorrelation(exponential_weights(rho), lag) - rho**lag) < 1.1e-3


@pytest.mark.parametrize("normalised_doppler", [0.002, 0.01, 0.05, 0.1, 0.3, 0.5])
def test_the_jakes_weights_have_the_bessel_autocorrelation_for_two_doppler_periods(normalised_doppler: float) -> None:
    weights = jakes_weights(normalised_doppler)
    lags = range(int(2 / normalised_doppler) + 1)
    errors = [autocorrelation(weights, lag) - j0(2 * math.pi * normalised_doppler * lag) for lag in lags]
    assert max(map(abs, errors)) < 0.02
    assert autocorrelation(weights, 0) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("law", "target"),
    [
        (correlated(rho=0.9), lambda lag: 0.9**lag),
        (correlated(normalised_doppler=0.1), lambda lag: j0(2 * math.pi * 0.1 * lag)),
        (correlated(of={"kind": "rician", "k_factor_db": 3}, rho=0.7), lambda lag: 0.7**lag),
    ],
    ids=["gauss-markov", "jakes", "rician"],
)
def test_the_autocorrelation_over_blocks_is_the_target(law: CorrelatedFading, target: object) -> None:
    block, mean, stream_of = 7, law.of.line_of_sight, luck()
    now = law.coefficients(block, NUM_LINKS, stream_of) - mean
    power = 1 - mean**2
    for lag in (0, 1, 2, 5, 10):
        later = law.coefficients(block + lag, NUM_LINKS, stream_of) - mean
        products = now * later.conj() / power
        for part, expected in ((products.real, target(lag)), (products.imag, 0.0)):  # type: ignore[operator]
            assert abs(part.mean() - expected) <= 4 * part.std(ddof=1) / math.sqrt(NUM_LINKS)


def test_a_block_keeps_the_distribution_of_the_wrapped_law() -> None:
    power = np.abs(correlated(rho=0.95).coefficients(3, NUM_LINKS, luck())) ** 2
    p = math.exp(-1)  # P[|h|^2 > 1] of an exponential
    assert abs(power.mean() - 1) < 4 / math.sqrt(NUM_LINKS)
    assert abs((power > 1).mean() - p) < 4 * math.sqrt(p * (1 - p) / NUM_LINKS)
    h = correlated(of={"kind": "rician", "k_factor_db": 6}, rho=0.95).coefficients(3, NUM_LINKS, luck())
    direct = RicianFading(k_factor_db=6).line_of_sight
    assert abs(h.mean() - direct) < 4 * math.sqrt((1 - direct**2) / NUM_LINKS)


def test_looking_at_block_a_million_first_changes_nothing() -> None:
    for law in (correlated(rho=0.9), correlated(normalised_doppler=0.2)):
        fresh, looked = luck(), luck()
        far = law.coefficients(10**6, 4, looked)
        for block in (0, 1, 5, 40, 3):
            assert law.coefficients(block, 4, looked).tobytes() == law.coefficients(block, 4, luck()).tobytes()
        assert law.coefficients(10**6, 4, fresh).tobytes() == far.tobytes()


def test_walks_forwards_backwards_and_far_away_meet_the_same_fades() -> None:
    law, one, other = correlated(rho=0.5), luck(), luck()
    forwards = [law.coefficients(block, 3, one).tolist() for block in range(100)]
    law.coefficients(5000, 3, other)
    assert [law.coefficients(block, 3, other).tolist() for block in reversed(range(100))] == forwards[::-1]


def test_two_runs_with_one_law_do_not_share_their_luck() -> None:
    law = correlated(rho=0.5)
    one, other = law.coefficients(0, 3, luck(1)), law.coefficients(0, 3, luck(2))
    assert not np.any(one == other)


@pytest.mark.parametrize("of", [RayleighFading(), RicianFading(k_factor_db=3)], ids=lambda law: law.kind)
def test_without_correlation_it_is_the_wrapped_law(of: RayleighFading | RicianFading) -> None:
    law = correlated(of=of, rho=0.0)
    for block in (0, 9):
        wrapped = of.coefficients(block, 5, luck())
        np.testing.assert_allclose(law.coefficients(block, 5, luck()), wrapped, rtol=1e-15)
    assert (
        correlated(rho=0.0).coefficients(4, 5, luck()).tolist() == RayleighFading().coefficients(4, 5, luck()).tolist()
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "exactly one of rho and normalised_doppler"),
        ({"rho": 0.5, "normalised_doppler": 0.1}, "exactly one of rho and normalised_doppler"),
        ({"rho": 1.0}, "rho"),
        ({"normalised_doppler": 0.6}, "normalised_doppler"),
        ({"rho": 0.5, "of": "static"}, "must be rayleigh or rician"),
    ],
)
def test_what_cannot_be_correlated_is_refused(table: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        correlated(**table)
