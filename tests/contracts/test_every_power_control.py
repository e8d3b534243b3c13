"""The contract of every power control: what it plans fits the budgets and aims at the weighted mean.

With c_i = g_i |h_i| the server estimates r (sum_i c_i x_i + z). It wants sum_i a_i x_i over those who transmit, their
weights renormalised.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard

from algorithms.power_control.laws import check_budgets, check_power_control, check_repeatable, check_shape
from algorithms.power_control.plan import ChannelState, Plan, PowerControl, SignalModel, SignalStatistics

MANY = settings(max_examples=25, deadline=None)
NUM_ENTRIES = 3
# Rules whose gains ignore the weights, or keep to a distribution of fades: they bend the estimate even without noise.
BENDING = ("full-power", "regularized-inversion")

magnitudes = st.floats(1e-4, 1e4)
# What models are made of: zero, tiny and large single-precision numbers.
entries = st.just(0.0) | st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
noises = st.just(0.0) | magnitudes


@dataclass(frozen=True)
class Transmission:
    """A group that is about to transmit."""

    channel: ChannelState
    signals: np.ndarray
    weights: np.ndarray

    def plan(self, rule: PowerControl) -> Plan:
        with no_division_by_zero():
            return rule.plan(self.channel, self.statistics, self.weights)

    @property
    def statistics(self) -> SignalStatistics:
        return SignalStatistics.of(self.signals)

    def without_noise(self) -> "Transmission":
        return replace(self, channel=replace(self.channel, noise_energy_j=0.0))

    def modelled(self, model: SignalModel) -> "Transmission":
        """The group with signals for which a rule with this signal model predicts the mean squared error itself."""
        norms = np.linalg.norm(self.signals, axis=1)
        if model == "bounded":
            return replace(self, signals=np.tile(self.signals[np.argmax(norms)], (len(norms), 1)))
        if model == "uncorrelated":
            return replace(self, signals=np.diag(norms))
        if model == "shared-mean":
            common = float(self.signals.mean())
            own = max(float(self.signals.std()), 1e-3 * abs(common))
            return replace(self, signals=common + own * hadamard(8)[1 : len(norms) + 1])
        return self

    def mean_squared_error(self, plan: Plan) -> float:
        bias = self.estimate(plan) - self.wanted_weights(plan) @ self.signals
        noise_energy_j = 0.0 if plan.noiseless else self.channel.noise_energy_j
        return float(bias @ bias + plan.receive_scale**2 * noise_energy_j)

    def wanted_weights(self, plan: Plan) -> np.ndarray:
        kept = np.where(plan.active, self.weights, 0.0)
        return np.asarray(kept / kept.sum())

    def estimate(self, plan: Plan, noise: np.ndarray | float = 0.0) -> np.ndarray:
        arrived = (plan.gains * self.channel.amplitudes) @ self.signals
        return np.asarray(plan.receive_scale * (arrived + noise))

    def permuted(self, order: np.ndarray) -> "Transmission":
        channel = replace(
            self.channel,
            amplitudes=self.channel.amplitudes[order],
            energy_budgets_j=self.channel.energy_budgets_j[order],
        )
        return Transmission(channel, self.signals[order], self.weights[order])


@contextmanager
def no_division_by_zero() -> Iterator[None]:
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        yield


@st.composite
def transmissions(draw: st.DrawFn) -> Transmission:
    num_members = draw(st.integers(1, 6))

    def vector(elements: st.SearchStrategy[Any], size: int = num_members) -> np.ndarray:
        return np.array(draw(st.lists(elements, min_size=size, max_size=size)), dtype=np.float64)

    channel = ChannelState(vector(magnitudes), vector(magnitudes), draw(noises))
    signals = vector(entries, num_members * NUM_ENTRIES).reshape(num_members, NUM_ENTRIES)
    data_sizes = vector(st.integers(1, 1000))
    return Transmission(channel, signals, data_sizes / data_sizes.sum())


@pytest.fixture(scope="module", params=examples("power-control"), ids=str)
def rule(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


@MANY
@given(group=transmissions())
def test_gains_are_never_negative_and_who_is_silenced_sends_nothing(rule: PowerControl, group: Transmission) -> None:
    check_shape(group.plan(rule), len(group.weights))


@MANY
@given(group=transmissions())
def test_nobody_spends_more_than_its_budget(rule: PowerControl, group: Transmission) -> None:
    check_budgets(group.plan(rule), group.channel, group.statistics)


@MANY
@given(group=transmissions(), seed=st.integers(0, 1000))
def test_the_estimate_and_its_predicted_error_are_finite(rule: PowerControl, group: Transmission, seed: int) -> None:
    plan = group.plan(rule)
    noise = np.random.default_rng(seed).normal(size=NUM_ENTRIES) * np.sqrt(group.channel.noise_energy_j / NUM_ENTRIES)
    assert np.isfinite(group.estimate(plan, noise)).all()
    assert np.isfinite([plan.receive_scale, plan.predicted_squared_error]).all()
    assert plan.receive_scale >= 0
    assert plan.predicted_squared_error >= 0


@MANY
@given(group=transmissions().map(Transmission.without_noise))
def test_without_noise_the_estimate_is_the_weighted_mean_of_those_who_transmit(rule: Any, group: Transmission) -> None:
    if rule.kind in BENDING:
        pytest.skip("bends the estimate even without noise")
    plan = group.plan(rule)
    size = float(np.abs(group.signals).max())
    wanted = group.wanted_weights(plan) @ group.signals
    np.testing.assert_allclose(group.estimate(plan), wanted, rtol=0, atol=1e-9 * size)


@MANY
@given(group=transmissions())
def test_the_mean_squared_error_is_the_predicted_one_for_signals_of_the_rules_model(
    rule: PowerControl, group: Transmission
) -> None:
    group = group.modelled(rule.signal_model)
    plan = group.plan(rule)
    size = float(np.sum(group.signals**2))
    assert group.mean_squared_error(plan) == pytest.approx(
        plan.predicted_squared_error, rel=1e-6, abs=max(1e-18 * size, 1e-300)
    )


@MANY
@given(group=transmissions())
def test_the_mean_squared_error_never_exceeds_a_prediction_that_is_a_bound(
    rule: PowerControl, group: Transmission
) -> None:
    if rule.signal_model not in ("any", "bounded"):
        pytest.skip("predicts a mean over signals")
    plan = group.plan(rule)
    size = float(np.sum(group.signals**2))
    assert group.mean_squared_error(plan) <= plan.predicted_squared_error * (1 + 1e-9) + 1e-18 * size


@MANY
@given(group=transmissions())
def test_a_rule_that_plans_a_run_of_one_round_keeps_every_budget_of_it(rule: Any, group: Transmission) -> None:
    if rule.plans == "round":
        assert not hasattr(rule, "plan_run")
        return
    with no_division_by_zero():
        (plan,) = rule.plan_run([group.channel], group.statistics, group.weights)
    check_budgets(plan, group.channel, group.statistics)


@MANY
@given(group=transmissions(), luck=st.randoms(use_true_random=False))
def test_permuting_the_members_permutes_the_plan(rule: PowerControl, group: Transmission, luck: Any) -> None:
    order = np.array(luck.sample(range(len(group.weights)), len(group.weights)))
    plan, other = group.plan(rule), group.permuted(order).plan(rule)
    np.testing.assert_allclose(other.gains, plan.gains[order], rtol=1e-9)
    np.testing.assert_array_equal(other.active, plan.active[order])
    assert other.receive_scale == pytest.approx(plan.receive_scale, rel=1e-9)
    assert other.predicted_squared_error == pytest.approx(plan.predicted_squared_error, rel=1e-6, abs=1e-300)


@MANY
@given(group=transmissions())
def test_signals_that_are_all_zero_cost_nothing_and_are_estimated_as_zero(
    rule: PowerControl, group: Transmission
) -> None:
    silent = replace(group, signals=np.zeros_like(group.signals))
    plan = silent.plan(rule)
    assert np.isfinite(plan.gains).all()
    assert (silent.estimate(plan) == 0).all()
    assert np.isfinite([plan.receive_scale, plan.predicted_squared_error]).all()


@MANY
@given(group=transmissions())
def test_planning_twice_gives_the_same_bytes_and_leaves_its_arguments_alone(
    rule: PowerControl, group: Transmission
) -> None:
    for array in (group.channel.amplitudes, group.channel.energy_budgets_j, group.weights):
        array.flags.writeable = False
    with no_division_by_zero():
        check_repeatable(rule, group.channel, group.statistics, group.weights)


def test_the_one_call_for_authors_finds_nothing_wrong(rule: PowerControl) -> None:
    check_power_control(rule)
