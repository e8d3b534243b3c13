import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.power_control import AirFedgaPowerControl, ChannelState, SignalStatistics
from algorithms.power_control.air_fedga import (
    Scaling,
    alternating_passes,
    closed_form,
    squared_error_bound,
    until_settled,
)

RULES = [
    AirFedgaPowerControl(),
    AirFedgaPowerControl(solver="alternating"),
    AirFedgaPowerControl(solver="alternating", start="sigma-max/1000"),
]

positive = st.floats(1e-3, 1e3)
noises = st.just(0.0) | positive


@st.composite
def transmissions(draw: st.DrawFn, noise: st.SearchStrategy[float] = noises) -> dict[str, Any]:
    """A group's channel, signals and weights, with the paper's d_i behind the weights."""
    num_members = draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    signals = rng.normal(size=(num_members, 5)) * draw(positive) * rng.uniform(0.1, 1.0, size=(num_members, 1))
    data_sizes = rng.integers(1, 500, size=num_members)
    channel = ChannelState(
        amplitudes=rng.rayleigh(size=num_members) + 1e-3,
        energy_budgets_j=rng.uniform(0.5, 2.0, size=num_members) * draw(positive),
        noise_energy_j=draw(noise),
    )
    return {
        "channel": channel,
        "signals": signals,
        "data_sizes": data_sizes,
        "weights": data_sizes / data_sizes.sum(),
    }


def test_closed_form_error_is_the_squared_bound_over_one_plus_snr() -> None:
    # W = 3, A = 2, n0 = 0.5: SNR = 4 / 0.5 = 8, C* = 9 / 9 = 1.
    assert squared_error_bound(closed_form(2.0, 3.0, 0.5), 3.0, 0.5) == pytest.approx(1.0, rel=1e-12)


def test_snr_with_equal_members_is_the_squared_number_of_members_times_the_weakest_power() -> None:
    amplitudes = np.array([0.5, 2.0, 1.0, 3.0])
    channel = ChannelState(amplitudes, np.full(4, 10.0), noise_energy_j=1.0)
    signals = np.eye(4)
    plan = AirFedgaPowerControl().plan(channel, SignalStatistics.of(signals), np.full(4, 0.25))
    snr = 4**2 * 0.5**2 * 10.0
    assert plan.predicted_squared_error == pytest.approx(1.0 / (1.0 + snr), rel=1e-12)


@given(
    amplitude=positive,
    bound=positive,
    noise=noises,
    s_fraction=st.floats(0.0, 1.0),
    r_factor=st.floats(0.0, 3.0),
)
def test_no_feasible_scaling_has_a_smaller_error_than_the_closed_form(
    amplitude: float, bound: float, noise: float, s_fraction: float, r_factor: float
) -> None:
    best = closed_form(amplitude, bound, noise)
    other = Scaling(s_fraction * best.alignment, r_factor * best.receive_scale)
    least = squared_error_bound(best, bound, noise)
    assert least <= squared_error_bound(other, bound, noise) * (1 + 1e-9) + 1e-12 * bound**2


@given(transmissions())
def test_alternation_started_at_sigma_max_equals_the_closed_form(group: dict[str, Any]) -> None:
    statistics = SignalStatistics.of(group["signals"])
    closed, alternating = (
        AirFedgaPowerControl(solver=solver).plan(group["channel"], statistics, group["weights"])
        for solver in ("closed-form", "alternating")
    )
    np.testing.assert_allclose(alternating.gains, closed.gains, rtol=1e-12)
    assert alternating.receive_scale == pytest.approx(closed.receive_scale, rel=1e-12)


def test_alternation_started_at_sigma_max_settles_in_two_passes() -> None:
    passes = list(itertools.islice(alternating_passes(2.0, 3.0, 0.5, start=2.0 / 3.0), 2))
    assert until_settled(iter(passes), 2.0 / 3.0, 1e-3) == passes[1] == pytest.approx(closed_form(2.0, 3.0, 0.5))


@given(amplitude=positive, bound=positive, noise=noises, start=st.floats(1e-4, 10.0))
def test_error_never_rises_over_passes_and_alignment_never_exceeds_the_budget(
    amplitude: float, bound: float, noise: float, start: float
) -> None:
    largest = amplitude / bound
    passes = list(itertools.islice(alternating_passes(amplitude, bound, noise, start * largest), 30))
    errors = [squared_error_bound(scaling, bound, noise) for scaling in passes]
    assert all(scaling.alignment <= largest for scaling in passes)
    assert all(b <= a * (1 + 1e-9) + 1e-12 * bound**2 for a, b in itertools.pairwise(errors))


def test_alternation_started_low_stops_at_a_third_of_sigma_max_with_seven_times_the_error() -> None:
    # In the paper's letters: n = sigma_0^2 / D^2 = 2.8e-8, W = 20, sigma_max = 1e-3, theta = 1e-3.
    bound, sigma_max, noise = 20.0, 1e-3, 2.8e-8
    start = 1e-3 * sigma_max
    stopped = until_settled(alternating_passes(sigma_max * bound, bound, noise, start), start, 1e-3)
    best = squared_error_bound(closed_form(sigma_max * bound, bound, noise), bound, noise)
    passes = itertools.takewhile(lambda s: s != stopped, alternating_passes(sigma_max * bound, bound, noise, start))
    assert stopped.alignment / sigma_max == pytest.approx(0.37, abs=0.01)
    assert squared_error_bound(stopped, bound, noise) / best == pytest.approx(7.0, abs=0.5)
    assert sum(1 for _ in passes) + 1 == pytest.approx(970, abs=15)


@given(transmissions(positive))
def test_alternation_equals_algorithm_2_in_the_letters_of_the_paper(group: dict[str, Any]) -> None:
    channel, sizes = group["channel"], group["data_sizes"]
    d_group, w_bound = sizes.sum(), float(np.linalg.norm(group["signals"], axis=1).max())
    sigma_max = np.min(channel.amplitudes * np.sqrt(channel.energy_budgets_j) / (sizes * w_bound))
    sigma = sigma_max
    for _ in range(2):
        noise = channel.noise_energy_j / d_group**2
        eta = ((sigma**2 * w_bound**2 + noise) / (sigma * w_bound**2)) ** 2
        sigma = min(math.sqrt(eta), sigma_max)
    c_error = (sigma / math.sqrt(eta) - 1) ** 2 * w_bound**2 + channel.noise_energy_j / (d_group**2 * eta)

    rule = AirFedgaPowerControl(solver="alternating")
    plan = rule.plan(channel, SignalStatistics.of(group["signals"]), group["weights"])
    np.testing.assert_allclose(plan.gains, sizes * sigma / channel.amplitudes, rtol=1e-9)
    assert plan.receive_scale == pytest.approx(1.0 / (d_group * math.sqrt(eta)), rel=1e-9)
    assert plan.predicted_squared_error == pytest.approx(c_error, rel=1e-6, abs=1e-9 * w_bound**2)


@pytest.mark.parametrize("rule", RULES, ids=["closed-form", "alternating", "alternating-low"])
@given(group=transmissions(st.just(0.0)), group_share=st.floats(0.01, 1.0))
def test_without_noise_the_global_model_is_the_error_free_update_whatever_the_channel(
    rule: AirFedgaPowerControl, group: dict[str, Any], group_share: float
) -> None:
    models, weights, amplitudes = group["signals"], group["weights"], group["channel"].amplitudes
    plan = rule.plan(group["channel"], SignalStatistics.of(models), weights)
    estimate = plan.receive_scale * (plan.gains * amplitudes) @ models
    before = np.linspace(-1.0, 1.0, models.shape[1])
    after = (1 - group_share) * before + group_share * estimate
    exact = (1 - group_share) * before + (group_share * weights) @ models
    size = float(np.abs(models).max())
    np.testing.assert_allclose(after, exact, rtol=1e-9, atol=1e-12 * (1 + size))
    assert plan.predicted_squared_error == pytest.approx(0.0, abs=1e-20 * size**2)


@given(transmissions())
def test_the_bottleneck_spends_exactly_its_budget_and_nobody_exceeds_it(group: dict[str, Any]) -> None:
    channel, weights = group["channel"], group["weights"]
    signals = group["signals"] / np.linalg.norm(group["signals"], axis=1, keepdims=True)
    plan = AirFedgaPowerControl().plan(channel, SignalStatistics.of(signals), weights)
    spent = plan.gains**2 * np.sum(signals**2, axis=1) / channel.energy_budgets_j
    bottleneck = np.argmin(channel.amplitudes * np.sqrt(channel.energy_budgets_j) / weights)
    assert np.all(spent <= 1 + 1e-12)
    assert spent[bottleneck] == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("rule", RULES, ids=["closed-form", "alternating", "alternating-low"])
@given(group=transmissions())
def test_no_member_exceeds_its_budget_when_norms_differ(rule: AirFedgaPowerControl, group: dict[str, Any]) -> None:
    plan = rule.plan(group["channel"], SignalStatistics.of(group["signals"]), group["weights"])
    spent_j = plan.gains**2 * np.sum(group["signals"] ** 2, axis=1)
    assert np.all(spent_j <= group["channel"].energy_budgets_j * (1 + 1e-12))


@given(transmissions())
def test_the_expected_error_never_exceeds_the_predicted_bound(group: dict[str, Any]) -> None:
    channel, weights = group["channel"], group["weights"]
    plan = AirFedgaPowerControl().plan(channel, SignalStatistics.of(group["signals"]), weights)
    bias = (plan.receive_scale * plan.gains * channel.amplitudes - weights) @ group["signals"]
    expected = bias @ bias + plan.receive_scale**2 * channel.noise_energy_j
    size = float(np.sum(group["signals"] ** 2))
    assert expected <= plan.predicted_squared_error * (1 + 1e-9) + 1e-20 * size


@given(group=transmissions(positive), factor=st.floats(1.01, 100.0))
def test_more_noise_means_more_predicted_error(group: dict[str, Any], factor: float) -> None:
    quiet, statistics = group["channel"], SignalStatistics.of(group["signals"])
    loud = ChannelState(quiet.amplitudes, quiet.energy_budgets_j, factor * quiet.noise_energy_j)
    rule = AirFedgaPowerControl()
    errors = [rule.plan(channel, statistics, group["weights"]).predicted_squared_error for channel in (quiet, loud)]
    assert errors[0] < errors[1] <= statistics.bound**2


@given(transmissions())
def test_renaming_members_permutes_the_gains_and_changes_nothing_else(group: dict[str, Any]) -> None:
    channel, weights, signals = group["channel"], group["weights"], group["signals"]
    order = np.arange(len(weights))[::-1]
    renamed = ChannelState(channel.amplitudes[order], channel.energy_budgets_j[order], channel.noise_energy_j)
    rule = AirFedgaPowerControl()
    plan = rule.plan(channel, SignalStatistics.of(signals), weights)
    other = rule.plan(renamed, SignalStatistics.of(signals[order]), weights[order])
    np.testing.assert_array_equal(other.gains, plan.gains[order])
    assert other.receive_scale == plan.receive_scale


def test_signals_that_are_all_zero_are_not_sent() -> None:
    channel = ChannelState(np.ones(2), np.ones(2), 1.0)
    plan = AirFedgaPowerControl().plan(channel, SignalStatistics.of(np.zeros((2, 3))), np.array([0.5, 0.5]))
    assert plan.gains.tolist() == [0.0, 0.0] and plan.receive_scale == 0.0 and plan.predicted_squared_error == 0.0


def test_an_alternation_that_cannot_settle_says_so() -> None:
    growing = (Scaling(2.0**k, 1.0) for k in range(100))
    with pytest.raises(RuntimeError, match="did not settle"):
        until_settled(growing, 1.0, 1e-3)
