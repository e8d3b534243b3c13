import numpy as np
import pytest
from groups import draw_group, spent_j
from hypothesis import given
from hypothesis import strategies as st

from algorithms.power_control import IdealPowerControl, ZeroForcingInversion
from channels.aircomp import superpose

seeds = st.integers(0, 2**32 - 1)


@given(seeds)
def test_the_estimate_is_the_weighted_mean_to_rounding_whatever_the_noise_of_the_cell(seed: int) -> None:
    group = draw_group(seed, snr_db=-20.0)
    plan = group.plan(IdealPowerControl())
    assert plan.noiseless and plan.predicted_squared_error == 0.0
    received = superpose(group.signals, plan.gains * group.channel.amplitudes, 0.0, np.random.default_rng(0))
    np.testing.assert_allclose(plan.receive_scale * received, group.weights @ group.signals, rtol=1e-9, atol=1e-12)


@given(seeds)
def test_it_is_zero_forcing_in_a_cell_without_noise_and_spends_the_same(seed: int) -> None:
    group = draw_group(seed).with_channel(noise_energy_j=0.0)
    ideal, inversion = group.plan(IdealPowerControl()), group.plan(ZeroForcingInversion())
    np.testing.assert_array_equal(ideal.gains, inversion.gains)
    assert ideal.receive_scale == inversion.receive_scale
    assert ideal.predicted_squared_error == inversion.predicted_squared_error


def test_the_weakest_member_spends_its_whole_budget() -> None:
    group = draw_group(3)
    spent = spent_j(group.plan(IdealPowerControl()), group.signals) / group.channel.energy_budgets_j
    assert spent.max() == pytest.approx(1.0, rel=1e-12)


def test_no_other_rule_hears_without_noise() -> None:
    assert not draw_group(3).plan(ZeroForcingInversion()).noiseless
