from dataclasses import replace

import numpy as np
import pytest
from groups import Transmitters, draw_group
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from algorithms.power_control import AirFedavgHorizon, ChannelState, Plan, SignalStatistics, ThresholdOptimal
from algorithms.power_control.air_fedavg_horizon import fitted
from algorithms.power_control.horizon import round_weights
from testbed.errors import RequestError

RULE = AirFedavgHorizon()
seeds = st.integers(0, 2**32 - 1)
snrs_db = st.floats(-20.0, 40.0)


def rounds_of(group: Transmitters, num_rounds: int, seed: int = 0) -> list[ChannelState]:
    """Return the channels of a run: the group's budgets and noise, new fades every round."""
    fades = np.random.default_rng(seed).rayleigh(np.sqrt(0.5), (num_rounds, len(group.weights))) + 1e-3
    return [replace(group.channel, amplitudes=row) for row in fades]


def planned(group: Transmitters, rounds: list[ChannelState], rule: AirFedavgHorizon = RULE) -> tuple[Plan, ...]:
    return rule.plan_run(rounds, group.statistics, group.weights)


def gap(plans: tuple[Plan, ...], decay: float) -> float:
    """Return sum_t rho^(T-t) of the predicted errors."""
    errors = [plan.predicted_squared_error for plan in plans]
    return sum(decay ** (len(plans) - 1 - t) * error for t, error in enumerate(errors))


def spent_j(plans: tuple[Plan, ...], group: Transmitters) -> np.ndarray:
    """Return the energies, (num_rounds, num_members) [J]."""
    return np.array([plan.gains for plan in plans]) ** 2 * group.statistics.norms**2


@settings(max_examples=40, deadline=None)
@given(seeds, snrs_db, st.integers(1, 6), st.floats(0.05, 1.0), st.floats(0.3, 1.0))
def test_a_run_is_never_worse_than_planning_each_round_inside_its_share(
    seed: int, snr_db: float, num_rounds: int, fraction: float, decay: float
) -> None:
    group = draw_group(seed, snr_db)
    rounds = rounds_of(group, num_rounds, seed)
    rule = AirFedavgHorizon(average_fraction=fraction, decay=decay)
    alone = tuple(rule.plan(channel, group.statistics, group.weights) for channel in rounds)
    assert gap(planned(group, rounds, rule), decay) <= gap(alone, decay) * (1 + 1e-9)


@pytest.mark.parametrize("snr_db", [-10.0, 10.0, 30.0])
@pytest.mark.parametrize("seed", range(2))
def test_scipy_finds_nothing_better_over_all_rounds(seed: int, snr_db: float) -> None:
    group = draw_group(seed, snr_db, num_members=2)
    rounds, fraction, decay = rounds_of(group, 3, seed), 0.4, 0.7
    rule = AirFedavgHorizon(average_fraction=fraction, decay=decay, tolerance=1e-13)
    best = gap(planned(group, rounds, rule), decay)
    caps = np.sqrt(group.channel.energy_budgets_j)
    h = np.array([channel.amplitudes for channel in rounds])
    units = np.max(group.wanted / (h * caps), axis=1)

    def error(x: np.ndarray) -> float:
        r = x[6:] * units
        miss = r[:, None] * h * x[:6].reshape(3, 2) * caps - group.wanted
        errors = np.sum(miss**2, axis=1) + r**2 * group.channel.noise_energy_j
        return float(errors @ round_weights(decay, 3)) / best

    def slack(x: np.ndarray) -> np.ndarray:
        return np.asarray(3 * fraction - np.sum(x[:6].reshape(3, 2) ** 2, axis=0))

    rng = np.random.default_rng(seed)
    for _ in range(4):
        found = minimize(
            error,
            rng.uniform(0.1, 0.6, 9),
            bounds=[(0.0, 1.0)] * 6 + [(0.0, None)] * 3,
            constraints={"type": "ineq", "fun": slack},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 2000},
        )
        assert found.fun + 1e-7 >= 1.0


@settings(max_examples=40, deadline=None)
@given(seeds, snrs_db, st.integers(1, 6), st.floats(0.05, 1.0))
def test_no_round_exceeds_its_budget_and_no_run_its_share(
    seed: int, snr_db: float, num_rounds: int, fraction: float
) -> None:
    group = draw_group(seed, snr_db)
    plans = planned(group, rounds_of(group, num_rounds, seed), AirFedavgHorizon(average_fraction=fraction))
    spent, budgets_j = spent_j(plans, group), group.channel.energy_budgets_j
    assert np.all(spent <= budgets_j * (1 + 1e-12))
    assert np.all(spent.sum(axis=0) <= fraction * num_rounds * budgets_j * (1 + 1e-9))


@settings(max_examples=40, deadline=None)
@given(seeds, snrs_db)
def test_with_fraction_one_every_round_is_the_threshold_rule(seed: int, snr_db: float) -> None:
    group = draw_group(seed, snr_db)
    rounds = rounds_of(group, 4, seed)
    for plan, channel in zip(planned(group, rounds, AirFedavgHorizon(average_fraction=1.0)), rounds, strict=True):
        optimal = ThresholdOptimal().plan(channel, group.statistics, group.weights)
        np.testing.assert_allclose(plan.gains, optimal.gains, rtol=1e-6)
        assert plan.predicted_squared_error == pytest.approx(optimal.predicted_squared_error, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(seeds, snrs_db)
def test_a_run_of_one_round_is_the_per_round_form(seed: int, snr_db: float) -> None:
    group = draw_group(seed, snr_db)
    (plan,) = planned(group, [group.channel])
    alone = group.plan(RULE)
    assert plan.predicted_squared_error == pytest.approx(alone.predicted_squared_error, rel=1e-9)
    np.testing.assert_allclose(plan.gains, alone.gains, rtol=1e-6)


def test_in_equal_channels_equal_members_are_louder_in_later_rounds_and_err_less() -> None:
    channel = ChannelState(np.full(3, 0.8), np.full(3, 10.0), 20.0)
    rule = AirFedavgHorizon(decay=0.6, average_fraction=0.3)
    plans = rule.plan_run([channel] * 5, SignalStatistics.of(np.eye(3)), np.full(3, 1 / 3))
    gains, errors = np.array([plan.gains for plan in plans]), [plan.predicted_squared_error for plan in plans]
    assert np.all(np.diff(gains, axis=0) > 0)
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("max_passes", [1, 3, 10])
def test_cut_short_it_is_still_no_worse_than_its_start_and_more_passes_never_hurt(max_passes: int) -> None:
    group = draw_group(254, snr_db=37.0)
    rounds = rounds_of(group, 3, 254)
    few, more = (gap(planned(group, rounds, AirFedavgHorizon(max_passes=n)), 0.9) for n in (max_passes, max_passes + 1))
    alone = tuple(RULE.plan(channel, group.statistics, group.weights) for channel in rounds)
    assert more <= few <= gap(alone, 0.9)


def test_one_member_fills_the_rounds_like_water() -> None:
    # Error n0 / (h^2 e + n0) in units of b^2, so e_t = (sqrt(w_t) level - 1) n0 / h^2 where that is positive.
    channel = ChannelState(np.array([2.0]), np.array([100.0]), 8.0)
    rule = AirFedavgHorizon(decay=0.5, average_fraction=0.03, tolerance=1e-13)
    plans = rule.plan_run([channel] * 4, SignalStatistics.of(np.eye(1)), np.ones(1))
    spent = np.array([plan.gains[0] ** 2 for plan in plans])
    assert spent.sum() == pytest.approx(4 * 0.03 * 100.0, rel=1e-9)
    level = (spent * 4.0 / 8.0 + 1.0) / np.sqrt(round_weights(0.5, 4))
    np.testing.assert_allclose(level, level[-1], rtol=1e-4)


def test_rounds_that_are_worth_no_energy_are_silent() -> None:
    channel = ChannelState(np.array([1.0]), np.array([100.0]), 50.0)
    rule = AirFedavgHorizon(decay=0.01, average_fraction=0.1)
    plans = rule.plan_run([channel] * 3, SignalStatistics.of(np.eye(1)), np.ones(1))
    assert [plan.gains[0] ** 2 for plan in plans] == pytest.approx([0.0, 0.0, 30.0], abs=1e-3)


def test_at_a_high_snr_the_passes_do_not_stop_halfway() -> None:
    # Plain alternation needs more than 10,000 passes here and stops after 3,000 at 2.428e-3.
    group = draw_group(254, snr_db=37.0)
    rule = AirFedavgHorizon(average_fraction=0.5)
    assert gap(planned(group, rounds_of(group, 3, 254), rule), 0.9) == pytest.approx(2.42532e-3, rel=1e-5)


def test_without_decay_equal_channels_share_equally() -> None:
    group = draw_group(3, snr_db=0.0, num_members=3)
    spent = spent_j(planned(group, [group.channel] * 4, AirFedavgHorizon(decay=1.0, average_fraction=0.3)), group)
    np.testing.assert_allclose(spent, np.tile(spent[0], (4, 1)), rtol=1e-9)


def test_without_noise_every_round_is_exact() -> None:
    group = draw_group(4, num_members=3).with_channel(noise_energy_j=0.0)
    for plan in planned(group, rounds_of(group, 3)):
        assert plan.predicted_squared_error == pytest.approx(0.0, abs=1e-24)


def test_a_plan_fitted_to_the_signals_it_was_made_for_is_itself() -> None:
    group = draw_group(5, num_members=4)
    for plan, channel in zip(planned(group, rounds := rounds_of(group, 3)), rounds, strict=True):
        again = fitted(plan, group.statistics, channel, group.statistics, group.weights)
        np.testing.assert_allclose(again.gains, plan.gains, rtol=1e-12)
        assert again.receive_scale == pytest.approx(plan.receive_scale, rel=1e-12)


def test_a_plan_fitted_to_other_signals_keeps_its_energies_and_follows_their_scale() -> None:
    group = draw_group(5, num_members=4)
    (plan,) = planned(group, [group.channel])
    smaller = SignalStatistics.of(0.1 * group.signals)
    other = fitted(plan, group.statistics, group.channel, smaller, group.weights)
    np.testing.assert_allclose(other.gains, 10.0 * plan.gains, rtol=1e-12)
    assert other.receive_scale == pytest.approx(0.1 * plan.receive_scale, rel=1e-12)
    assert other.predicted_squared_error == pytest.approx(0.01 * plan.predicted_squared_error, rel=1e-12)
    poorer = replace(group.channel, energy_budgets_j=np.full(4, 1e-3))
    starved = fitted(plan, group.statistics, poorer, smaller, group.weights)
    assert np.all((starved.gains * smaller.norms) ** 2 <= 1e-3 * (1 + 1e-12))


def test_without_known_channels_it_is_refused_unless_the_per_round_form_is_asked_for() -> None:
    with pytest.raises(RequestError, match=r"channels ahead.*per-round"):
        RULE.check(channels_known=False)
    RULE.check(channels_known=True)
    AirFedavgHorizon(fallback="per-round").check(channels_known=False)


def test_a_run_without_rounds_has_no_plans_and_silence_is_planned_as_silence() -> None:
    group = draw_group(6, num_members=2)
    assert planned(group, []) == ()
    for plan in planned(replace(group, signals=np.zeros((2, 3))), [group.channel] * 2):
        assert plan.gains.tolist() == [0.0, 0.0] and plan.receive_scale == 0.0


def test_round_weights_of_a_long_run_do_not_vanish() -> None:
    weights = round_weights(0.5, 2000)
    assert weights[-1] == 1.0 and weights[0] == 1e-30
