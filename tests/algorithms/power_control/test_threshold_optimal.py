from typing import Any

import numpy as np
import pytest
from groups import Transmitters, draw_group, error_of, spent_j
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar

from algorithms.power_control import ChannelState, FullPower, SignalStatistics, ThresholdOptimal, ZeroForcingInversion

RULE = ThresholdOptimal()
seeds = st.integers(0, 2**32 - 1)
snrs_db = st.floats(-20.0, 40.0)


def best_error_for(group: Transmitters, receive_scale: float) -> float:
    """Return the least error for a receive scale: everybody inverts as far as its cap allows."""
    return error_of(group, receive_scale, np.minimum(group.loudest, group.wanted / receive_scale))


@pytest.mark.parametrize("snr_db", [-20.0, -10.0, 0.0, 10.0, 20.0, 30.0])
@pytest.mark.parametrize("seed", range(5))
def test_the_error_is_that_of_a_grid_search_to_1e_minus_9(seed: int, snr_db: float) -> None:
    group = draw_group(seed, snr_db)
    plan = group.plan(RULE)
    grid = np.geomspace(1e-6, 2.0, 2001) * float(np.max(group.wanted / group.loudest))
    best = grid[np.argmin([best_error_for(group, r) for r in grid])]
    for width in (1e-2, 1e-4, 1e-6):
        finer = best * (1.0 + width * np.linspace(-1.0, 1.0, 401))
        best = finer[np.argmin([best_error_for(group, r) for r in finer])]
    assert plan.predicted_squared_error <= best_error_for(group, best) * (1 + 1e-12)
    assert plan.predicted_squared_error == pytest.approx(best_error_for(group, best), rel=1e-9)


@pytest.mark.parametrize("snr_db", [-10.0, 10.0, 30.0])
@pytest.mark.parametrize("seed", range(4))
def test_scipy_finds_nothing_better_over_all_gains_and_receive_scales(seed: int, snr_db: float) -> None:
    group = draw_group(seed, snr_db, num_members=4)
    best = group.plan(RULE).predicted_squared_error

    def error(x: np.ndarray) -> float:
        return error_of(group, x[-1], x[:-1] * group.loudest) / best

    start = np.array([0.5] * 4 + [0.5 * float(np.max(group.wanted / group.loudest))])
    bounds = [(0.0, 1.0)] * 4 + [(0.0, None)]
    found = minimize(error, start, bounds=bounds, method="SLSQP", options={"ftol": 1e-14, "maxiter": 2000})
    assert found.fun + 1e-9 >= 1.0
    assert found.fun == pytest.approx(1.0, rel=1e-5)


@given(seeds, snrs_db)
def test_it_is_never_worse_than_full_power_or_zero_forcing(seed: int, snr_db: float) -> None:
    group = draw_group(seed, snr_db)
    error = group.plan(RULE).predicted_squared_error
    for other in (FullPower(), ZeroForcingInversion()):
        assert error <= group.plan(other).predicted_squared_error * (1 + 1e-9)


@given(seeds, snrs_db)
def test_the_lowest_quality_is_at_its_cap_and_everybody_above_the_threshold_inverts(seed: int, snr_db: float) -> None:
    group = draw_group(seed, snr_db)
    plan = group.plan(RULE)
    quality, sqrt_eta = group.loudest / group.wanted, 1.0 / plan.receive_scale
    spent = spent_j(plan, group.signals) / group.channel.energy_budgets_j
    assert spent[np.argmin(quality)] == pytest.approx(1.0, rel=1e-9)
    above, below = quality > sqrt_eta * (1 + 1e-9), quality < sqrt_eta * (1 - 1e-9)
    arriving = plan.gains * group.channel.amplitudes
    np.testing.assert_allclose(arriving[above], group.weights[above] * sqrt_eta, rtol=1e-9)
    np.testing.assert_allclose(spent[below], 1.0, rtol=1e-9)


@given(seeds, snrs_db)
def test_one_member_transmits_at_full_power_into_the_mmse_receiver(seed: int, snr_db: float) -> None:
    group = draw_group(seed, snr_db, num_members=1)
    plan = group.plan(RULE)
    power, n0 = group.loudest[0] ** 2, group.channel.noise_energy_j
    sqrt_eta = (n0 + power) / (group.wanted[0] * group.loudest[0])
    assert spent_j(plan, group.signals)[0] == pytest.approx(group.channel.energy_budgets_j[0], rel=1e-12)
    assert plan.receive_scale == pytest.approx(1.0 / sqrt_eta, rel=1e-12)


@given(seeds)
def test_without_noise_it_is_zero_forcing(seed: int) -> None:
    group = draw_group(seed).with_channel(noise_energy_j=0.0)
    plan, inversion = group.plan(RULE), group.plan(ZeroForcingInversion())
    np.testing.assert_allclose(plan.gains, inversion.gains, rtol=1e-9)
    assert plan.receive_scale == pytest.approx(inversion.receive_scale, rel=1e-12)


def test_worked_example_of_two_members() -> None:
    # b = 1/2 each, C = (1, 4), n0 = 1: sqrt(eta_1) = 2 / 0.5 = 4, sqrt(eta_2) = 18 / 2.5 = 7.2; the least is 4, so the
    # strong member inverts with C = 2. Error: (1/4 - 1/2)^2 + 0 + 1/16 = 1/8.
    channel = ChannelState(np.array([1.0, 4.0]), np.ones(2), 1.0)
    plan = RULE.plan(channel, SignalStatistics.of(np.eye(2)), np.array([0.5, 0.5]))
    assert plan.gains.tolist() == [1.0, 0.5]
    assert (plan.receive_scale, plan.predicted_squared_error) == (0.25, 0.125)


def test_a_zero_signal_does_not_lower_anybodys_threshold() -> None:
    channel = ChannelState(np.array([1e-9, 1.0, 4.0]), np.ones(3), 1.0)
    signals = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    plan = RULE.plan(channel, SignalStatistics.of(signals), np.array([0.5, 0.25, 0.25]))
    assert plan.receive_scale == 0.25
    assert plan.predicted_squared_error == 0.125


def test_the_scalar_search_of_scipy_agrees_with_the_sorted_quotients() -> None:
    group: Any = draw_group(9, snr_db=0.0, num_members=8)
    found = minimize_scalar(
        lambda r: best_error_for(group, r), bounds=(1e-9, 10.0), method="bounded", options={"xatol": 1e-12}
    )
    assert group.plan(RULE).predicted_squared_error == pytest.approx(found.fun, rel=1e-9)
