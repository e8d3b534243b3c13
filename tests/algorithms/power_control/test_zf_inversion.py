import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.power_control import (
    AirFedgaPowerControl,
    ChannelState,
    SignalStatistics,
    ZeroForcingInversion,
)

seeds = st.integers(0, 2**32 - 1)


def group(seed: int, noise_energy_j: float = 2.0) -> tuple[ChannelState, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    num_members = int(rng.integers(1, 8))
    channel = ChannelState(
        rng.rayleigh(size=num_members) + 1e-3, rng.uniform(1.0, 20.0, size=num_members), noise_energy_j
    )
    weights = rng.uniform(0.1, 1.0, size=num_members)
    return channel, rng.normal(size=(num_members, 4)), weights / weights.sum()


@given(seeds)
def test_every_member_arrives_with_exactly_its_weight(seed: int) -> None:
    channel, signals, weights = group(seed)
    plan = ZeroForcingInversion().plan(channel, SignalStatistics.of(signals), weights)
    np.testing.assert_allclose(plan.receive_scale * plan.gains * channel.amplitudes, weights, rtol=1e-12)


@given(seeds)
def test_the_weakest_member_spends_its_whole_budget_and_nobody_more(seed: int) -> None:
    channel, signals, weights = group(seed)
    plan = ZeroForcingInversion().plan(channel, SignalStatistics.of(signals), weights)
    spent = plan.gains**2 * np.sum(signals**2, axis=1) / channel.energy_budgets_j
    assert spent.max() == pytest.approx(1.0, rel=1e-12)


def test_mean_squared_error_over_noise_draws_is_the_predicted_one() -> None:
    channel, signals, weights = group(seed=3)
    plan = ZeroForcingInversion().plan(channel, SignalStatistics.of(signals), weights)
    num_draws, num_entries = 20_000, signals.shape[1]
    noise = np.random.default_rng(0).normal(
        scale=np.sqrt(channel.noise_energy_j / num_entries), size=(num_draws, num_entries)
    )
    received = (plan.gains * channel.amplitudes) @ signals + noise
    errors = np.sum((plan.receive_scale * received - weights @ signals) ** 2, axis=1)
    standard_error = errors.std(ddof=1) / np.sqrt(num_draws)
    assert abs(errors.mean() - plan.predicted_squared_error) < 4 * standard_error


@given(seeds)
def test_with_equal_norms_the_shrinking_receiver_predicts_no_larger_error(seed: int) -> None:
    channel, signals, weights = group(seed)
    statistics = SignalStatistics.of(signals / np.linalg.norm(signals, axis=1, keepdims=True))
    inversion = ZeroForcingInversion().plan(channel, statistics, weights)
    shrinking = AirFedgaPowerControl().plan(channel, statistics, weights)
    # n0 / s^2 against the same, shrunk: C* = E / (1 + E) for W = 1.
    error = inversion.predicted_squared_error
    assert shrinking.predicted_squared_error == pytest.approx(error / (1 + error), rel=1e-9)


def test_a_member_with_a_zero_signal_limits_nobody() -> None:
    channel = ChannelState(np.array([1e-6, 1.0]), np.array([1.0, 1.0]), 1.0)
    signals = np.array([[0.0, 0.0], [3.0, 4.0]])
    plan = ZeroForcingInversion().plan(channel, SignalStatistics.of(signals), np.array([0.5, 0.5]))
    assert plan.gains[1] == pytest.approx(0.2)  # sqrt(1 J) / 5


def test_signals_that_are_all_zero_are_not_sent() -> None:
    channel = ChannelState(np.ones(2), np.ones(2), 1.0)
    plan = ZeroForcingInversion().plan(channel, SignalStatistics.of(np.zeros((2, 3))), np.array([0.5, 0.5]))
    assert plan.gains.tolist() == [0.0, 0.0] and plan.receive_scale == 0.0
