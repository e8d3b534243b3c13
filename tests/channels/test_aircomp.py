import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels import aircomp


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def air_fedga_plan(
    amplitudes: np.ndarray, budgets_j: np.ndarray, weights: np.ndarray, bound: float, noise_energy_j: float
) -> tuple[np.ndarray, float, float]:
    """The closed form of Air-FedGA: gains g_i = a_i s / |h_i|, receive scale r, and s."""
    s = float(np.min(amplitudes * np.sqrt(budgets_j) / (weights * bound)))
    return weights * s / amplitudes, s / (s**2 + noise_energy_j / bound**2), s


def group(seed: int, num_senders: int = 6, num_entries: int = 40) -> tuple[np.ndarray, ...]:
    draw = rng(seed)
    signals = draw.standard_normal((num_senders, num_entries))
    amplitudes = draw.rayleigh(math.sqrt(0.5), num_senders)
    weights = draw.uniform(0.5, 1.5, num_senders)
    return signals, amplitudes, weights / weights.sum()


def test_superposition_with_equal_channels_and_no_noise_is_the_exact_sum() -> None:
    signals = rng().integers(-50, 50, (7, 30)).astype(float)
    received = aircomp.superpose(signals, np.ones(7), 0.0, rng())
    assert np.array_equal(received, signals.sum(axis=0))


@given(st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_inverting_the_channels_without_noise_recovers_the_weighted_sum(num_senders: int, seed: int) -> None:
    signals, amplitudes, weights = group(seed, num_senders)
    gains = 3.0 * weights / amplitudes
    received = aircomp.superpose(signals, gains * amplitudes, 0.0, rng())
    error = aircomp.aggregation_error(received, 1 / 3.0, weights, signals)
    assert error.nmse < 1e-24
    np.testing.assert_allclose(received / 3.0, weights @ signals, atol=1e-12)


def test_the_noise_energy_is_that_of_the_whole_vector() -> None:
    q, n0 = 50_000, 2.5
    received = aircomp.superpose(np.zeros((1, q)), np.ones(1), n0, rng(1))
    # ||z||^2 = (n0 / q) chi^2_q: mean n0, standard deviation n0 sqrt(2 / q).
    assert abs(np.sum(received**2) - n0) < 4 * n0 * math.sqrt(2 / q)


def test_permuting_the_senders_changes_the_sum_by_rounding_only() -> None:
    signals, amplitudes, _ = group(2)
    order = [3, 1, 5, 0, 2, 4]
    one = aircomp.superpose(signals, amplitudes, 1.0, rng(4))
    other = aircomp.superpose(signals[order], amplitudes[order], 1.0, rng(4))
    np.testing.assert_allclose(one, other, atol=1e-13)


def test_single_precision_signals_are_summed_in_double_precision() -> None:
    signals = np.full((3, 1), np.float32(1e8))
    signals[1:] = 1.0
    assert aircomp.superpose(signals, np.ones(3), 0.0, rng())[0] == 1e8 + 2


def test_without_noise_nothing_is_drawn() -> None:
    generator = rng(9)
    aircomp.superpose(np.ones((1, 4)), np.ones(1), 0.0, generator)
    assert generator.random() == rng(9).random()


@given(st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_invariant_3_the_bottleneck_spends_exactly_its_budget_and_nobody_more(seed: int) -> None:
    signals, amplitudes, weights = group(seed)
    budgets_j = rng(seed + 1).uniform(1.0, 10.0, 6)
    bound = float(np.max(np.linalg.norm(signals, axis=1)))
    gains, _, _ = air_fedga_plan(amplitudes, budgets_j, weights, bound, 1.0)
    bottleneck = int(np.argmin(amplitudes * np.sqrt(budgets_j) / weights))
    signals[bottleneck] *= bound / np.linalg.norm(signals[bottleneck])
    energies_j = aircomp.transmit_energies_j(gains, signals)
    assert energies_j[bottleneck] == pytest.approx(budgets_j[bottleneck], rel=1e-12)
    assert np.all(energies_j <= budgets_j * (1 + 1e-12))


def test_transmit_energy_is_the_squared_norm_of_what_is_radiated() -> None:
    signals, amplitudes, _ = group(3)
    radiated = amplitudes[:, None] * signals
    expected = np.linalg.norm(radiated, axis=1) ** 2
    np.testing.assert_allclose(aircomp.transmit_energies_j(amplitudes, signals), expected, rtol=1e-12)


@pytest.mark.parametrize("aligned", [True, False])
def test_invariant_4_the_mean_squared_error_over_noise_draws_is_the_closed_form(aligned: bool) -> None:
    num_draws, n0 = 10_000, 3.0
    signals, amplitudes, weights = group(6, num_entries=12)
    bound = float(np.max(np.linalg.norm(signals, axis=1)))
    gains, r, s = air_fedga_plan(amplitudes, np.full(6, 10.0), weights, bound, n0)
    c = gains * amplitudes if aligned else amplitudes
    generator = rng(11)
    squared_errors = np.array(
        [
            aircomp.aggregation_error(aircomp.superpose(signals, c, n0, generator), r, weights, signals).squared_error
            for _ in range(num_draws)
        ]
    )
    expected = aircomp.expected_squared_error(r, c, weights, signals, n0)
    standard_error = squared_errors.std(ddof=1) / math.sqrt(num_draws)
    assert abs(squared_errors.mean() - expected) < 3 * standard_error
    if aligned:  # the paper's form and its bound C_t with sigma / sqrt(eta) = r s and n = n0
        target = weights @ signals
        assert expected == pytest.approx((r * s - 1) ** 2 * np.dot(target, target) + r**2 * n0, rel=1e-12)
        assert expected <= (r * s - 1) ** 2 * bound**2 + r**2 * n0


def test_the_error_of_a_missed_target_is_relative_to_the_target() -> None:
    error = aircomp.aggregation_error(np.array([3.0, 0.0]), 2.0, np.array([1.0]), np.array([[3.0, 4.0]]))
    assert error.error.tolist() == [3.0, -4.0]
    assert (error.squared_error, error.nmse) == (25.0, 1.0)


def test_the_relative_error_of_a_zero_target_is_zero_or_infinite() -> None:
    nothing = np.zeros((1, 2))
    assert aircomp.aggregation_error(np.zeros(2), 1.0, np.ones(1), nothing).nmse == 0.0
    assert aircomp.aggregation_error(np.ones(2), 1.0, np.ones(1), nothing).nmse == math.inf


@given(st.integers(1, 10**6), st.integers(1, 2000), st.floats(1.0, 1e9))
@settings(deadline=None)
def test_channel_uses_are_whole_symbols_and_the_airtime_is_theirs(q: int, r: int, bandwidth_hz: float) -> None:
    uses = aircomp.channel_uses(q, r)
    assert uses % r == 0
    assert q <= uses < q + r
    assert aircomp.airtime_s(q, bandwidth_hz, r) == uses / bandwidth_hz


def test_the_published_airtime_of_logistic_regression_at_one_megahertz_is_two_thirds_of_a_second() -> None:
    assert aircomp.airtime_s(669_706, 1e6, 1) == pytest.approx(0.67, abs=0.005)


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="num_senders"):
        aircomp.superpose(np.ones((2, 3)), np.ones(3), 0.0, rng())
    with pytest.raises(ValueError, match="noise_energy_j"):
        aircomp.superpose(np.ones((2, 3)), np.ones(2), -1.0, rng())


@given(st.integers(1, 5), st.integers(1, 30), st.integers(1, 4), st.integers(0, 1000))
@settings(deadline=None)
def test_sections_with_their_own_amplitudes_are_the_sums_of_the_parts_under_the_same_noise(
    num_senders: int, num_entries: int, num_sections: int, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    signals = draw.standard_normal((num_senders, num_entries))
    num_sections = min(num_sections, num_entries)
    starts = [0, *sorted(draw.choice(np.arange(1, num_entries), num_sections - 1, replace=False).tolist())]
    amplitudes = draw.random((num_senders, num_sections))
    whole = aircomp.superpose(signals, amplitudes, 0.3, rng(7), starts)
    noise = aircomp.superpose(0 * signals, amplitudes[:, 0], 0.3, rng(7))
    per_entry = np.repeat(amplitudes, np.diff([*starts, num_entries]), axis=1)
    np.testing.assert_allclose(whole, np.sum(per_entry * signals, axis=0) + noise, rtol=1e-9, atol=1e-12)


def test_one_amplitude_for_every_section_is_needed() -> None:
    with pytest.raises(ValueError, match="2 sections need one amplitude each"):
        aircomp.superpose(np.ones((1, 4)), np.ones((1, 3)), 0.0, rng(), [0, 2])
