import math

import numpy as np
import pytest
from groups import draw_group, spent_j
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.integrate import quad
from scipy.special import exp1

from algorithms.power_control import ChannelState, SignalStatistics, TruncatedInversion, ZeroForcingInversion
from algorithms.power_control.truncated_inversion import active_probability, common_received_power

seeds = st.integers(0, 2**32 - 1)
thresholds = st.floats(0.0, 2.0)


@given(seeds)
def test_without_a_threshold_it_is_zero_forcing_to_the_last_bit(seed: int) -> None:
    group = draw_group(seed)
    truncated, inversion = group.plan(TruncatedInversion(power_gain_threshold=0.0)), group.plan(ZeroForcingInversion())
    assert truncated.gains.tobytes() == inversion.gains.tobytes()
    assert truncated.active.all()
    assert (truncated.receive_scale, truncated.predicted_squared_error) == (
        inversion.receive_scale,
        inversion.predicted_squared_error,
    )


@given(seeds, thresholds)
def test_who_passes_transmits_and_arrives_with_its_renormalised_weight(seed: int, threshold: float) -> None:
    group = draw_group(seed)
    plan = group.plan(TruncatedInversion(power_gain_threshold=threshold))
    passes = group.channel.amplitudes**2 >= threshold
    if not passes.any():
        passes = group.channel.amplitudes == group.channel.amplitudes.max()
    np.testing.assert_array_equal(plan.active, passes)
    arriving = plan.receive_scale * plan.gains * group.channel.amplitudes
    np.testing.assert_allclose(arriving[passes], group.weights[passes] / group.weights[passes].sum(), rtol=1e-12)
    assert np.all(arriving[~passes] == 0.0)


@given(seeds, thresholds, st.floats(0.01, 2.0))
def test_no_unbiased_plan_inside_the_budgets_is_less_noisy(seed: int, threshold: float, factor: float) -> None:
    # The error of alignment s is n0 / s^2: less only for a larger s, which overspends.
    group = draw_group(seed)
    plan = group.plan(TruncatedInversion(power_gain_threshold=threshold))
    spent = factor**2 * spent_j(plan, group.signals) / group.channel.energy_budgets_j
    error = group.channel.noise_energy_j * (plan.receive_scale / factor) ** 2
    assert plan.predicted_squared_error <= error * (1 + 1e-12) or spent.max() > 1.0


def test_silencing_a_deep_fade_makes_the_others_louder() -> None:
    channel = ChannelState(np.array([0.01, 1.0, 1.0]), np.full(3, 10.0), 1.0)
    statistics, weights = SignalStatistics.of(np.eye(3)), np.full(3, 1 / 3)
    truncated = TruncatedInversion(power_gain_threshold=0.1).plan(channel, statistics, weights)
    # s = sqrt(10) / (1/2), so n0 / s^2 = 1 / 40; inverting the fade gives s = 0.01 sqrt(10) * 3.
    assert truncated.active.tolist() == [False, True, True]
    assert truncated.predicted_squared_error == pytest.approx(1 / 40, rel=1e-12)
    inversion = ZeroForcingInversion().plan(channel, statistics, weights)
    assert inversion.predicted_squared_error == pytest.approx(1 / (9 * 1e-3), rel=1e-12)


def test_if_nobody_passes_the_strongest_transmits_alone() -> None:
    channel = ChannelState(np.array([0.1, 0.3, 0.2]), np.full(3, 10.0), 1.0)
    rule = TruncatedInversion(power_gain_threshold=1.0)
    plan = rule.plan(channel, SignalStatistics.of(np.eye(3)), np.array([0.5, 0.2, 0.3]))
    assert plan.active.tolist() == [False, True, False]
    assert plan.receive_scale * plan.gains[1] * 0.3 == pytest.approx(1.0)


@pytest.mark.parametrize("threshold", [0.05, 0.5, 1.5])
def test_members_in_unit_rayleigh_fading_are_active_with_probability_exp_minus_the_threshold(threshold: float) -> None:
    num_members = 100_000
    amplitudes = np.random.default_rng(1).rayleigh(np.sqrt(0.5), num_members)
    channel = ChannelState(amplitudes, np.ones(num_members), 1.0)
    statistics = SignalStatistics(np.ones(num_members), 1.0, 0.0, 1)
    rule = TruncatedInversion(power_gain_threshold=threshold)
    plan = rule.plan(channel, statistics, np.full(num_members, 1 / num_members))
    expected = math.exp(-threshold)
    assert active_probability(threshold) == expected
    standard_error = math.sqrt(expected * (1 - expected) / num_members)
    assert abs(plan.active.mean() - expected) <= 4 * standard_error


@pytest.mark.parametrize("threshold", [0.05, 0.5, 1.5])
def test_arriving_with_the_common_received_power_costs_the_average_power(threshold: float) -> None:
    power = common_received_power(3.0, threshold)
    exact, _ = quad(lambda gain: power / gain * math.exp(-gain), threshold, math.inf)
    assert exact == pytest.approx(3.0, rel=1e-7)
    gains = np.random.default_rng(2).exponential(size=200_000)
    spent = np.where(gains >= threshold, power / gains, 0.0)
    assert abs(spent.mean() - 3.0) <= 4 * spent.std(ddof=1) / math.sqrt(len(spent))


@given(st.floats(0.01, 5.0), st.floats(1.01, 2.0))
def test_silencing_more_lets_the_others_arrive_louder_on_the_same_average(threshold: float, factor: float) -> None:
    assert common_received_power(1.0, factor * threshold) > common_received_power(1.0, threshold)
    assert common_received_power(2.0, threshold) == pytest.approx(2.0 / exp1(threshold))


def test_inverting_every_fade_of_rayleigh_fading_costs_infinite_power() -> None:
    assert common_received_power(1.0, 0.0) == 0.0


@pytest.mark.parametrize("settings", [{}, {"power_gain_threshold": -0.1}])
def test_a_threshold_must_be_stated_and_not_be_negative(settings: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="power_gain_threshold"):
        TruncatedInversion(**settings)
