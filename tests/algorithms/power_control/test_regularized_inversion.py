from dataclasses import replace

import numpy as np
import pytest
from groups import Transmitters, draw_group, spent_j
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.optimize import minimize

from algorithms.power_control import Plan, RegularizedInversion, ThresholdOptimal, TruncatedInversion
from algorithms.power_control.regularized_inversion import (
    FadingLaw,
    optimal_receive_scale,
    rayleigh_power_gains,
    regularizers,
)
from algorithms.power_control.truncated_inversion import common_received_power

seeds = st.integers(0, 2**32 - 1)
snrs_db = st.floats(-20.0, 40.0)
fractions = st.floats(0.05, 1.0)


def in_fade(group: Transmitters, power_gain: float) -> Transmitters:
    return group.with_channel(amplitudes=np.full(len(group.weights), np.sqrt(power_gain)))


def sent_in(rule: RegularizedInversion, group: Transmitters) -> tuple[np.ndarray, Plan]:
    """Return G = g ||x|| of every member in every sample, (num_members, num_samples), and the last plan."""
    plans = [in_fade(group, gain).plan(rule) for gain in rule.power_gains]
    return np.array([plan.gains for plan in plans]).T * group.statistics.norms[:, None], plans[-1]


def mean_error(rule: RegularizedInversion, group: Transmitters) -> float:
    """Return sum_i E[(r |h| G_i - b_i)^2] + r^2 n0 over the samples of the rule."""
    sent, plan = sent_in(rule, group)
    return ergodic_error(group, np.array(rule.power_gains), sent, plan.receive_scale)


def ergodic_error(group: Transmitters, power_gains: np.ndarray, sent: np.ndarray, receive_scale: float) -> float:
    miss = receive_scale * np.sqrt(power_gains) * sent - group.wanted[:, None]
    return float(np.sum(np.mean(miss**2, axis=1)) + receive_scale**2 * group.channel.noise_energy_j)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("snr_db", [-10.0, 10.0, 30.0])
def test_scipy_finds_nothing_better_over_all_gains_and_receive_scales(snr_db: float, fraction: float) -> None:
    gains = np.array([0.02, 0.3, 0.9, 3.0])
    rule = RegularizedInversion(average_fraction=fraction, power_gains=tuple(gains))
    group = draw_group(1, snr_db, num_members=2)
    best = mean_error(rule, group)
    caps = np.sqrt(group.channel.energy_budgets_j)
    unit = float(np.max(group.wanted / (caps * np.sqrt(gains.min()))))

    def error(x: np.ndarray) -> float:
        return ergodic_error(group, gains, x[:-1].reshape(2, 4) * caps[:, None], x[-1] * unit) / best

    def slack(x: np.ndarray) -> np.ndarray:
        return np.asarray(fraction - np.mean(x[:-1].reshape(2, 4) ** 2, axis=1))

    found = minimize(
        error,
        np.full(9, 0.3),
        bounds=[(0.0, 1.0)] * 8 + [(0.0, None)],
        constraints={"type": "ineq", "fun": slack},
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 3000},
    )
    assert found.fun + 1e-8 >= 1.0
    assert found.fun == pytest.approx(1.0, rel=1e-4)


@settings(max_examples=30, deadline=None)
@given(seeds, snrs_db, fractions, st.floats(0.01, 3.0))
def test_no_other_receive_scale_has_a_smaller_mean_error(
    seed: int, snr_db: float, fraction: float, factor: float
) -> None:
    group = draw_group(seed, snr_db)
    law = FadingLaw(np.array(rayleigh_power_gains(16)), fraction)
    caps = np.sqrt(group.channel.energy_budgets_j)
    best = optimal_receive_scale(law, group.wanted, caps, group.channel.noise_energy_j)

    def error(r: float) -> float:
        price = regularizers(law, r * caps / group.wanted)[:, None]
        inverted = group.wanted[:, None] / r * np.sqrt(law.power_gains) / (law.power_gains + price)
        return ergodic_error(group, law.power_gains, np.minimum(inverted, caps[:, None]), r)

    assert error(best) <= error(factor * best) * (1 + 1e-9)


@settings(max_examples=30, deadline=None)
@given(seeds, snrs_db, fractions)
def test_the_mean_energy_over_the_fades_keeps_the_average_cap_and_every_fade_the_peak(
    seed: int, snr_db: float, fraction: float
) -> None:
    rule = RegularizedInversion(average_fraction=fraction, power_gains=rayleigh_power_gains(16))
    group = draw_group(seed, snr_db)
    sent, _ = sent_in(rule, group)
    assert np.all(np.mean(sent**2, axis=1) <= fraction * group.channel.energy_budgets_j * (1 + 1e-9))
    assert np.all(sent**2 <= group.channel.energy_budgets_j[:, None] * (1 + 1e-12))


@settings(max_examples=30, deadline=None)
@given(seeds, snrs_db)
def test_without_fading_it_is_the_threshold_rule_inside_the_average_cap(seed: int, snr_db: float) -> None:
    group = in_fade(draw_group(seed, snr_db), 1.0)
    for fraction in (0.4, 1.0):
        plan = group.plan(RegularizedInversion(average_fraction=fraction, power_gains=(1.0,)))
        capped = group.with_channel(energy_budgets_j=fraction * group.channel.energy_budgets_j)
        optimal = capped.plan(ThresholdOptimal())
        np.testing.assert_allclose(plan.gains, optimal.gains, rtol=1e-8)
        assert plan.receive_scale == pytest.approx(optimal.receive_scale, rel=1e-8)


@settings(max_examples=30, deadline=None)
@given(seeds, snrs_db)
def test_with_fraction_one_everybody_inverts_up_to_its_peak(seed: int, snr_db: float) -> None:
    group = draw_group(seed, snr_db)
    plan = group.plan(RegularizedInversion(average_fraction=1.0))
    inverted = group.wanted / (plan.receive_scale * group.channel.amplitudes)
    expected = np.minimum(inverted, np.sqrt(group.channel.energy_budgets_j))
    np.testing.assert_allclose(np.sqrt(spent_j(plan, group.signals)), expected, rtol=1e-9)


def test_in_a_deep_fade_a_member_under_an_average_cap_whispers() -> None:
    group = draw_group(2, snr_db=20.0, num_members=3)
    rule = RegularizedInversion(average_fraction=0.05)
    amplitudes = [in_fade(group, gain).plan(rule).gains[0] for gain in (1e-6, 1e-3, 0.1)]
    assert amplitudes[0] < amplitudes[1] < amplitudes[2]


@pytest.mark.parametrize("snr_db", [-10.0, 10.0, 30.0])
def test_it_is_never_worse_on_average_than_truncated_inversion_with_the_same_average_power(snr_db: float) -> None:
    # One member, unit weight and norm: truncated inversion arrives with rho_0 or not at all.
    group = replace(draw_group(3, snr_db, num_members=1), signals=np.eye(1))
    budget_j, fraction = float(group.channel.energy_budgets_j[0]), 0.05
    rule = RegularizedInversion(average_fraction=fraction, power_gains=rayleigh_power_gains(4000))
    gains = np.array(rule.power_gains)
    law, caps = FadingLaw(gains, fraction), np.sqrt(group.channel.energy_budgets_j)
    r = optimal_receive_scale(law, group.wanted, caps, group.channel.noise_energy_j)
    price = regularizers(law, r * caps / group.wanted)[:, None]
    inverted = group.wanted[:, None] / r * np.sqrt(gains) / (gains + price)
    best = ergodic_error(group, gains, np.minimum(inverted, caps[:, None]), r)
    for threshold in (0.1, 0.3, 1.0):
        power = common_received_power(fraction * budget_j, threshold)
        active = gains >= threshold
        assert power / threshold <= budget_j  # the weakest active fade keeps the peak as well
        bias = float(np.mean(~active))
        assert best <= (bias + group.channel.noise_energy_j / power) * (1 + 1e-3)


@settings(max_examples=20, deadline=None)
@given(seeds, snrs_db)
def test_more_average_power_and_less_noise_lower_the_mean_error(seed: int, snr_db: float) -> None:
    group = draw_group(seed, snr_db, num_members=3)
    rules = [
        RegularizedInversion(average_fraction=fraction, power_gains=rayleigh_power_gains(8))
        for fraction in (0.1, 0.3, 1.0)
    ]
    errors = np.array([mean_error(rule, group) for rule in rules])
    assert np.all(np.diff(errors) <= 1e-9 * errors[1:])
    louder = group.with_channel(noise_energy_j=2.0 * group.channel.noise_energy_j)
    assert mean_error(rules[1], louder) >= errors[1] * (1 - 1e-9)


def test_without_noise_no_sample_bends_the_estimate() -> None:
    group = draw_group(5, num_members=3).with_channel(noise_energy_j=0.0)
    assert mean_error(RegularizedInversion(average_fraction=0.3), group) == pytest.approx(0.0, abs=1e-20)


def test_path_loss_scales_the_distribution_of_a_member() -> None:
    # Members whose channels are that much weaker on average, and in the fade at hand, with as much more budget.
    group, rule = draw_group(7, snr_db=20.0, num_members=3), RegularizedInversion(average_fraction=0.05)
    factors = np.array([0.5, 1e-2, 3.0])
    far = group.with_channel(
        amplitudes=group.channel.amplitudes * np.sqrt(factors),
        energy_budgets_j=group.channel.energy_budgets_j / factors,
        mean_power_gains=factors,
    )
    near_plan, far_plan = (g.plan(rule) for g in (group, far))
    assert far_plan.receive_scale == pytest.approx(near_plan.receive_scale, rel=1e-9)
    np.testing.assert_allclose(far_plan.gains, near_plan.gains / np.sqrt(factors), rtol=1e-9)


def test_the_quantiles_have_the_mean_and_the_inverse_tail_of_the_exponential_law() -> None:
    gains = np.array(rayleigh_power_gains(100_000))
    assert gains.mean() == pytest.approx(1.0, abs=1e-4)
    assert np.mean(gains > 2.0) == pytest.approx(np.exp(-2.0), abs=2e-5)


@pytest.mark.parametrize("wrong", [{"average_fraction": 0.0}, {"average_fraction": 1.1}, {"power_gains": ()}])
def test_settings_without_a_meaning_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RegularizedInversion(**wrong)


def test_truncation_is_not_part_of_it() -> None:
    group = draw_group(9, num_members=4).with_channel(amplitudes=np.array([1e-3, 1.0, 1.0, 1.0]))
    assert group.plan(RegularizedInversion()).active.all()
    assert not group.plan(TruncatedInversion(power_gain_threshold=0.1)).active.all()
