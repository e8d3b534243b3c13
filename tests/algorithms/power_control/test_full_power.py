from dataclasses import replace

import numpy as np
import pytest
from groups import draw_group, error_of, spent_j
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from algorithms.power_control import ChannelState, FullPower, SignalStatistics, ThresholdOptimal

seeds = st.integers(0, 2**32 - 1)
snrs_db = st.floats(-20.0, 40.0)


@given(seeds, snrs_db)
def test_everybody_spends_its_whole_budget(seed: int, snr_db: float) -> None:
    group = draw_group(seed, snr_db)
    np.testing.assert_allclose(spent_j(group.plan(FullPower()), group.signals), group.channel.energy_budgets_j)


@given(seeds, snrs_db, st.floats(0.0, 3.0))
def test_no_other_receive_scale_has_a_smaller_error(seed: int, snr_db: float, factor: float) -> None:
    group = draw_group(seed, snr_db)
    plan = group.plan(FullPower())
    other = error_of(group, factor * plan.receive_scale, group.loudest)
    assert plan.predicted_squared_error <= other * (1 + 1e-12)


def test_the_receive_scale_is_the_one_that_scipy_finds() -> None:
    group = draw_group(2, num_members=5)
    found = minimize_scalar(lambda r: error_of(group, r, group.loudest), bounds=(0.0, 10.0), method="bounded")
    plan = group.plan(FullPower())
    assert plan.predicted_squared_error == pytest.approx(found.fun, rel=1e-9)
    assert plan.receive_scale == pytest.approx(found.x, rel=1e-4)


def test_with_equal_norms_the_receive_scale_is_the_textbooks() -> None:
    # a = 1/2 each, h = (1, 2), caps sqrt(4) / 2 = 1, so c = (1, 2), W = 2, n0 = 4: r = 1.5 / (5 + 1).
    channel = ChannelState(np.array([1.0, 2.0]), np.array([4.0, 4.0]), 4.0)
    plan = FullPower().plan(channel, SignalStatistics.of(2.0 * np.eye(2)), np.array([0.5, 0.5]))
    assert plan.gains.tolist() == [1.0, 1.0]
    assert plan.receive_scale == pytest.approx(0.25, rel=1e-12)


@given(seeds)
def test_in_overwhelming_noise_it_is_the_threshold_rule(seed: int) -> None:
    group = draw_group(seed, snr_db=-120.0)
    full, optimal = group.plan(FullPower()), group.plan(ThresholdOptimal())
    np.testing.assert_allclose(full.gains, optimal.gains, rtol=1e-12)
    assert full.receive_scale == pytest.approx(optimal.receive_scale, rel=1e-12)


def test_a_strong_channel_bends_the_estimate_towards_its_member() -> None:
    channel = ChannelState(np.array([1.0, 3.0]), np.array([1.0, 1.0]), 0.0)
    plan = FullPower().plan(channel, SignalStatistics.of(np.eye(2)), np.array([0.5, 0.5]))
    weak, strong = plan.receive_scale * plan.gains * channel.amplitudes
    assert weak < 0.5 < strong


def test_a_zero_signal_is_not_amplified_and_changes_nothing_for_the_others() -> None:
    group = draw_group(4, num_members=3)
    silent = replace(group, signals=group.signals * np.array([[0.0], [1.0], [1.0]]))
    plan, reference = silent.plan(FullPower()), group.plan(FullPower())
    assert plan.gains[0] == 0.0
    np.testing.assert_array_equal(plan.gains[1:], reference.gains[1:])
