from dataclasses import replace

import numpy as np
import pytest
from groups import draw_group, spent_j
from hypothesis import given
from hypothesis import strategies as st

from algorithms.power_control import ChannelState, Cotaf, SignalStatistics, ZeroForcingInversion

seeds = st.integers(0, 2**32 - 1)
factors = st.floats(0.01, 100.0)


@given(seeds, factors)
def test_scaling_all_updates_scales_the_noise_energy_by_its_square(seed: int, factor: float) -> None:
    group = draw_group(seed)
    scaled = replace(group, signals=factor * group.signals)
    errors = [g.plan(Cotaf()).predicted_squared_error for g in (group, scaled)]
    assert errors[1] == pytest.approx(factor**2 * errors[0], rel=1e-9)


def test_halving_all_updates_quarters_the_noise_energy() -> None:
    group = draw_group(1)
    halved = replace(group, signals=0.5 * group.signals).plan(Cotaf()).predicted_squared_error
    assert halved == pytest.approx(group.plan(Cotaf()).predicted_squared_error / 4, rel=1e-12)


@pytest.mark.parametrize("num_members", [1, 3, 10])
def test_with_equal_weights_it_is_the_papers_rule(num_members: int) -> None:
    # p = P / max ||Delta||^2 and the server divides by N sqrt(p): noise n0 max ||Delta||^2 / (N^2 P).
    rng = np.random.default_rng(3)
    updates = rng.normal(size=(num_members, 6))
    power_j, n0, largest = 4.0, 2.0, float(np.max(np.sum(updates**2, axis=1)))
    channel = ChannelState(np.ones(num_members), np.full(num_members, power_j), n0)
    plan = Cotaf().plan(channel, SignalStatistics.of(updates), np.full(num_members, 1 / num_members))
    p = power_j / largest
    np.testing.assert_allclose(plan.gains, np.sqrt(p), rtol=1e-12)
    assert plan.receive_scale == pytest.approx(1 / (num_members * np.sqrt(p)), rel=1e-12)
    assert plan.predicted_squared_error == pytest.approx(n0 * largest / (num_members**2 * power_j), rel=1e-12)


def test_in_fading_the_server_divides_by_the_number_who_reach_the_least_amplitude() -> None:
    channel = ChannelState(np.array([0.1, 0.5, 2.0]), np.full(3, 9.0), 1.0)
    updates = np.array([[5.0, 0.0], [3.0, 0.0], [0.0, 1.0]])
    plan = Cotaf(min_amplitude=0.4).plan(channel, SignalStatistics.of(updates), np.full(3, 1 / 3))
    # p = 9 / 3^2 = 1 over the two who transmit; x_i = (0.4 / h_i) Delta_i; the server divides by 2 * 0.4.
    assert plan.active.tolist() == [False, True, True]
    np.testing.assert_allclose(plan.gains, [0.0, 0.8, 0.2], rtol=1e-12)
    assert plan.receive_scale == pytest.approx(1 / 0.8, rel=1e-12)


@given(seeds, st.floats(0.01, 2.0))
def test_a_larger_common_precoder_could_overspend_and_a_smaller_one_is_noisier(seed: int, factor: float) -> None:
    # With everybody in the weakest channel the precoder is the largest that keeps the smallest budget.
    group = draw_group(seed)
    same = group.with_channel(
        amplitudes=np.full(len(group.weights), 0.7), energy_budgets_j=np.full(len(group.weights), 3.0)
    )
    plan = same.plan(Cotaf())
    spent = factor**2 * spent_j(plan, same.signals) / 3.0
    error = same.channel.noise_energy_j * (plan.receive_scale / factor) ** 2
    assert plan.predicted_squared_error <= error * (1 + 1e-12) or spent.max() > 1.0


@given(seeds)
def test_in_equal_channels_with_equal_budgets_it_is_zero_forcing(seed: int) -> None:
    group = draw_group(seed)
    size = len(group.weights)
    same = group.with_channel(amplitudes=np.full(size, 0.7), energy_budgets_j=np.full(size, 3.0))
    plan, inversion = same.plan(Cotaf()), same.plan(ZeroForcingInversion())
    np.testing.assert_allclose(plan.gains, inversion.gains, rtol=1e-12)
    assert plan.receive_scale == pytest.approx(inversion.receive_scale, rel=1e-12)


@given(seeds)
def test_knowing_one_amplitude_and_one_power_is_never_better_than_zero_forcing(seed: int) -> None:
    group = draw_group(seed)
    best = group.plan(ZeroForcingInversion()).predicted_squared_error
    assert group.plan(Cotaf()).predicted_squared_error >= best * (1 - 1e-12)


def test_if_nobody_reaches_the_least_amplitude_the_strongest_transmits_alone_inside_its_budget() -> None:
    group = draw_group(6, num_members=4)
    plan = group.plan(Cotaf(min_amplitude=1e3))
    assert plan.active.sum() == 1 and plan.active[np.argmax(group.channel.amplitudes)]
    assert spent_j(plan, group.signals).max() == pytest.approx(group.channel.energy_budgets_j[plan.active][0])
