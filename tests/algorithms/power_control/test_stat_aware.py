import numpy as np
import pytest
from groups import Transmitters, draw_group
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from algorithms.power_control import (
    ChannelState,
    FullPower,
    Plan,
    SignalStatistics,
    StatAware,
    ThresholdOptimal,
    ZeroForcingInversion,
)
from algorithms.power_control.plan import amplitude_caps
from algorithms.power_control.stat_aware import Sharing, arrivals, squared_error

RULE = StatAware()
seeds = st.integers(0, 2**32 - 1)
snrs_db = st.floats(-20.0, 40.0)
shares = st.floats(0.01, 0.99)
Q = 10


def statistics_of(common: float, own: float, num_members: int) -> SignalStatistics:
    """Return the statistics of signals whose entries are m + v s."""
    norm = float(np.sqrt(Q * (common**2 + own**2)))
    return SignalStatistics(np.full(num_members, norm), norm, common, Q)


def objective(group: Transmitters, statistics: SignalStatistics, gains: np.ndarray, receive_scale: float) -> float:
    """Return q (v^2 sum (r c_i - a_i)^2 + m^2 (sum (r c_i - a_i))^2) + r^2 n0, in the letters of the paper."""
    miss = receive_scale * gains * group.channel.amplitudes - group.weights
    own, common = statistics.entry_std**2 * np.sum(miss**2), statistics.entry_mean**2 * np.sum(miss) ** 2
    return float(Q * (own + common) + receive_scale**2 * group.channel.noise_energy_j)


def planned(group: Transmitters, statistics: SignalStatistics, rule: object = RULE) -> Plan:
    return rule.plan(group.channel, statistics, group.weights)  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("snr_db", [-10.0, 10.0, 30.0])
@pytest.mark.parametrize(("common", "own"), [(0.0, 1.0), (0.3, 1.0), (1.0, 1.0), (1.0, 0.2), (1.0, 0.01)])
def test_scipy_finds_nothing_better_over_all_gains_and_receive_scales(
    common: float, own: float, snr_db: float, seed: int
) -> None:
    group = draw_group(seed, snr_db, num_members=4)
    statistics = statistics_of(common, own, 4)
    plan = planned(group, statistics)
    best = plan.predicted_squared_error
    assert best == pytest.approx(objective(group, statistics, plan.gains, plan.receive_scale), rel=1e-9)
    caps = amplitude_caps(group.channel, statistics)
    unit = float(np.max(group.weights / (group.channel.amplitudes * caps)))

    def error(x: np.ndarray) -> float:
        return objective(group, statistics, x[:-1] * caps, x[-1] * unit) / best

    bounds = [(0.0, 1.0)] * 4 + [(0.0, None)]
    found = minimize(error, np.full(5, 0.5), bounds=bounds, method="SLSQP", options={"ftol": 1e-15, "maxiter": 2000})
    assert found.fun + 1e-9 >= 1.0
    assert found.fun == pytest.approx(1.0, rel=1e-4)


@settings(max_examples=25, deadline=None)
@given(seeds, snrs_db, st.floats(0.1, 0.99), st.floats(0.01, 3.0))
def test_coordinate_descent_reaches_the_water_level_and_stops_there(
    seed: int, snr_db: float, own: float, factor: float
) -> None:
    group = draw_group(seed, snr_db)
    sharing = Sharing(1.0 - own, own, 1.0)
    caps = factor * group.loudest / group.loudest.sum()
    level = arrivals(sharing, group.weights, caps)
    t = np.minimum(group.weights, caps)
    for _ in range(1000):
        for i in range(len(t)):
            others = np.sum(t - group.weights) - (t[i] - group.weights[i])
            t[i] = min(group.weights[i] - sharing.common * others, caps[i])
    np.testing.assert_allclose(t, level, rtol=1e-6, atol=1e-9)


@given(seeds, snrs_db, shares, st.floats(0.0, 3.0))
def test_no_other_receive_scale_has_a_smaller_error(seed: int, snr_db: float, own: float, factor: float) -> None:
    group = draw_group(seed, snr_db)
    statistics = statistics_of(np.sqrt(1.0 - own), np.sqrt(own), len(group.weights))
    plan = planned(group, statistics)
    r = max(factor, 1e-6) * plan.receive_scale
    loudest = group.channel.amplitudes * amplitude_caps(group.channel, statistics)
    sharing = Sharing.of(group.channel, statistics)
    other = squared_error(sharing, arrivals(sharing, group.weights, r * loudest), group.weights, r)
    assert plan.predicted_squared_error <= statistics.mean_squared_norm * other * (1 + 1e-9)


@given(seeds, snrs_db, shares)
def test_it_is_never_worse_than_rules_that_do_not_know_the_statistics(seed: int, snr_db: float, own: float) -> None:
    group = draw_group(seed, snr_db)
    statistics = statistics_of(np.sqrt(1.0 - own), np.sqrt(own), len(group.weights))
    error = planned(group, statistics).predicted_squared_error
    for rule in (ThresholdOptimal(), FullPower(), ZeroForcingInversion()):
        other = planned(group, statistics, rule)
        assert error <= objective(group, statistics, other.gains, other.receive_scale) * (1 + 1e-9)


@given(seeds, snrs_db)
def test_without_a_common_mean_it_is_the_threshold_rule(seed: int, snr_db: float) -> None:
    group = draw_group(seed, snr_db)
    statistics = statistics_of(0.0, 2.0, len(group.weights))
    plan, optimal = planned(group, statistics), planned(group, statistics, ThresholdOptimal())
    np.testing.assert_allclose(plan.gains, optimal.gains, rtol=1e-9)
    assert plan.receive_scale == pytest.approx(optimal.receive_scale, rel=1e-9)
    assert plan.predicted_squared_error == pytest.approx(optimal.predicted_squared_error, rel=1e-9)


@given(seeds, snrs_db)
def test_if_all_entries_are_equal_everybody_shouts_and_only_the_sum_counts(seed: int, snr_db: float) -> None:
    group = draw_group(seed, snr_db)
    statistics = statistics_of(2.0, 0.0, len(group.weights))
    plan = planned(group, statistics)
    caps = amplitude_caps(group.channel, statistics)
    total = float(np.sum(group.channel.amplitudes * caps))
    noise = group.channel.noise_energy_j / (Q * 2.0**2)
    np.testing.assert_allclose(plan.gains, caps, rtol=1e-9)
    assert plan.receive_scale == pytest.approx(total / (total**2 + noise), rel=1e-6)
    assert plan.predicted_squared_error == pytest.approx(Q * 2.0**2 * noise / (total**2 + noise), rel=1e-6)


@given(seeds, st.sampled_from([0.0, 1e-6, 1.0]))
def test_without_noise_everybody_arrives_with_its_weight_however_little_members_differ(seed: int, own: float) -> None:
    group = draw_group(seed).with_channel(noise_energy_j=0.0)
    plan = planned(group, statistics_of(2.0, own, len(group.weights)))
    arriving = plan.receive_scale * plan.gains * group.channel.amplitudes
    np.testing.assert_allclose(arriving, group.weights, rtol=1e-9)


@given(seeds, snrs_db)
def test_the_more_members_differ_the_less_power_each_of_them_spends(seed: int, snr_db: float) -> None:
    # Zhang and Tao: power falls monotonically with the squared coefficient of variation (v / m)^2.
    group = draw_group(seed, snr_db)
    size = len(group.weights)
    plans = [
        planned(group, statistics_of(np.sqrt(1.0 - own), np.sqrt(own), size)) for own in (0.01, 0.1, 0.3, 0.6, 0.9)
    ]
    gains = np.array([plan.gains for plan in plans])
    assert np.all(np.diff(gains, axis=0) <= 1e-9 * gains[:-1])


def test_worked_example_of_one_member() -> None:
    # One member: m and v do not matter. C = 2 / 2 = 1, unit of noise 4 / 4 = 1: r = 1 / (1 + 1), error 4 / 2.
    channel = ChannelState(np.ones(1), np.array([4.0]), 4.0)
    plan = RULE.plan(channel, SignalStatistics.of(np.ones((1, 4))), np.ones(1))
    assert plan.gains.tolist() == [1.0]
    assert plan.receive_scale == pytest.approx(0.5)
    assert plan.predicted_squared_error == pytest.approx(2.0)
