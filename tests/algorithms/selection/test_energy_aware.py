from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.power_control.plan import ChannelState, SignalStatistics
from algorithms.power_control.zf_inversion import ZeroForcingInversion
from algorithms.selection import EnergyAware, EnergyQueues, SelectionContext
from algorithms.selection.energy_aware import margins, predicted_energies_j

MANY = settings(max_examples=30, deadline=None)
vectors = st.lists(st.tuples(st.floats(0.0, 20.0), st.floats(0.0, 20.0)), min_size=1, max_size=40)


def context_of(num_clients: int, seed: int = 0) -> SelectionContext:
    rng = np.random.default_rng(seed)
    return SelectionContext(
        data_sizes=rng.integers(10, 60, num_clients).astype(float),
        training_times_s=rng.uniform(1, 10, num_clients),
        amplitudes=np.abs(rng.standard_normal(num_clients) + 1j * rng.standard_normal(num_clients)) + 1e-3,
        energy_budgets_j=rng.uniform(1, 10, num_clients),
        last_norms=rng.uniform(0.5, 3, num_clients),
        queues=EnergyQueues(rng.exponential(2.0, num_clients)),
    )


def everybody(context: SelectionContext) -> np.ndarray:
    return np.arange(context.num_clients)


# -- the queues --------------------------------------------------------------------------------------------------------


@MANY
@given(rounds=vectors)
def test_the_queue_is_the_largest_excess_over_the_allowance_of_any_last_rounds(
    rounds: list[tuple[float, float]],
) -> None:
    # The solution of the recursion (Lindley): Q(t) = max over s <= t of sum_(s < r <= t) (E_r - allowance_r), or 0.
    queues = EnergyQueues.empty(1)
    for spent_j, allowance_j in rounds:
        queues = queues.advance(np.array([spent_j]), np.array([allowance_j]))
    excess = [spent_j - allowance_j for spent_j, allowance_j in rounds]
    expected = max(sum(excess[start:]) for start in range(len(excess) + 1))
    assert queues.backlogs_j[0] == pytest.approx(expected, abs=1e-9)


@MANY
@given(rounds=vectors)
def test_mean_spending_never_exceeds_the_mean_allowance_by_more_than_the_queue_over_the_rounds(
    rounds: list[tuple[float, float]],
) -> None:
    queues = EnergyQueues.empty(1)
    for spent_j, allowance_j in rounds:
        queues = queues.advance(np.array([spent_j]), np.array([allowance_j]))
    spent_j, allowance_j = np.mean(rounds, axis=0)
    assert spent_j <= allowance_j + queues.backlogs_j[0] / len(rounds) + 1e-9


def test_a_round_of_the_rule_allows_phi_of_the_budget() -> None:
    context = context_of(6)
    spent_j = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    queues = EnergyAware(budget_fraction=0.25).advance(context, spent_j)
    expected = np.maximum(context.queues.backlogs_j + spent_j - 0.25 * context.energy_budgets_j, 0)
    np.testing.assert_allclose(queues.backlogs_j, expected, rtol=1e-14)


# -- the schedule ------------------------------------------------------------------------------------------------------


@MANY
@given(num_clients=st.integers(1, 30), seed=st.integers(0, 999), max_fraction=st.floats(0.01, 1.0))
def test_the_schedule_is_of_positive_margins_at_least_one_and_at_most_the_fraction(
    num_clients: int, seed: int, max_fraction: float
) -> None:
    context = context_of(num_clients, seed)
    values = margins(context, everybody(context), 1.0)
    most = max(int(max_fraction * num_clients + 1e-9), 1)
    wanted = min(most, max(int((values > 0).sum()), 1))
    largest, drawn = (
        EnergyAware(max_fraction=max_fraction, overflow=overflow).select(
            tuple(range(num_clients)), context, np.random.default_rng(seed)
        )
        for overflow in ("largest", "random")
    )
    assert largest == tuple(sorted(np.argsort(-values)[:wanted].tolist()))
    assert len(drawn) == wanted and list(drawn) == sorted(drawn)
    assert (values[list(drawn)] > 0).all() or drawn == largest
    if (values > 0).sum() <= most:
        assert drawn == largest


def test_of_more_than_may_be_asked_each_worth_its_price_is_asked_equally_often() -> None:
    context = replace(context_of(10), queues=EnergyQueues.empty(10))
    rule, rng, draws, counts = EnergyAware(), np.random.default_rng(0), 2000, np.zeros(10)
    for _ in range(draws):
        counts[list(rule.select(tuple(range(10)), context, rng))] += 1
    assert np.abs(counts / draws - 0.2).max() < 4 * np.sqrt(0.2 * 0.8 / draws)


def test_the_margin_and_the_predicted_energy_are_those_of_the_equations() -> None:
    # sigma_ref is such that mean data, mean norm and root-mean-square amplitude cost the mean budget.
    context = context_of(7, seed=3)
    d, h, w, budget_j = context.data_sizes, context.amplitudes, context.last_norms, context.energy_budgets_j
    sigma_ref = np.sqrt(budget_j.mean() * np.mean(h**2)) / (d.mean() * w.mean())
    energies_j = (d * sigma_ref / h) ** 2 * w**2
    np.testing.assert_allclose(predicted_energies_j(context, everybody(context)), energies_j, rtol=1e-12)
    expected = 2.5 * d / d.mean() - context.queues.backlogs_j * energies_j / budget_j**2
    np.testing.assert_allclose(margins(context, everybody(context), 2.5), expected, rtol=1e-12)


def test_who_never_sent_is_predicted_by_the_mean_of_the_known_norms_and_nobody_by_anything_the_same() -> None:
    context = context_of(4)
    partly = replace(context, last_norms=np.array([1.0, np.nan, 3.0, np.nan]))
    filled = replace(context, last_norms=np.array([1.0, 2.0, 3.0, 2.0]))
    at_first = replace(context, last_norms=np.full(4, np.nan))
    equal = replace(context, last_norms=np.full(4, 5.0))
    for given_norms, same in ((partly, filled), (at_first, equal)):
        np.testing.assert_allclose(
            predicted_energies_j(given_norms, everybody(context)), predicted_energies_j(same, everybody(context))
        )


def test_a_deeper_fade_a_longer_queue_and_less_data_never_get_a_client_scheduled() -> None:
    context = context_of(12, seed=5)
    base = margins(context, everybody(context), 1.0)

    def changed(name: str, factor: float) -> np.ndarray:
        values = getattr(context, name).copy()
        values[4] *= factor
        return margins(replace(context, **{name: values}), everybody(context), 1.0)

    longer = context.queues.backlogs_j.copy()
    longer[4] *= 2
    queued = margins(replace(context, queues=EnergyQueues(longer)), everybody(context), 1.0)
    assert changed("amplitudes", 0.5)[4] < base[4]
    assert queued[4] < base[4]
    np.testing.assert_array_equal(np.delete(queued, 4), np.delete(base, 4))


def test_empty_queues_schedule_the_most_data_and_equal_clients_equally_often() -> None:
    context = replace(context_of(10), queues=EnergyQueues.empty(10))
    rule, rng, draws = EnergyAware(overflow="largest"), np.random.default_rng(0), 2000
    most_data = np.sort(np.argsort(-context.data_sizes, kind="stable")[:2])
    assert len(set(context.data_sizes)) == 10
    assert rule.select(tuple(range(10)), context, rng) == tuple(most_data.tolist())
    equal, counts = replace(context, data_sizes=np.ones(10)), np.zeros(10)
    for _ in range(draws):
        counts[list(rule.select(tuple(range(10)), equal, rng))] += 1
    assert np.abs(counts / draws - 0.2).max() < 4 * np.sqrt(0.2 * 0.8 / draws)


# -- in the long run ---------------------------------------------------------------------------------------------------


def mean_energies_j(rule: EnergyAware, num_rounds: int, budget_j: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what each of 10 clients spent a round and its last queue, on Rayleigh channels drawn anew every round.

    Every scheduled client inverts its channel at the reference scaling, as far as its budget goes.
    """
    rng = np.random.default_rng(seed)
    context = replace(context_of(10), queues=EnergyQueues.empty(10), energy_budgets_j=np.full(10, budget_j))
    context = replace(context, last_norms=np.full(10, np.nan))
    total_j = np.zeros(10)
    for _ in range(num_rounds):
        norms = rng.uniform(0.5, 1.5, 10)
        amplitudes = np.sqrt(rng.exponential(1.0, 10))
        context = replace(context, amplitudes=amplitudes)
        chosen = list(rule.select(tuple(range(10)), context, rng))
        spent_j = np.zeros(10)
        needed_j = budget_j * (context.data_sizes / context.data_sizes.mean() * norms / amplitudes) ** 2
        spent_j[chosen] = np.minimum(needed_j, budget_j)[chosen]
        last_norms = context.last_norms.copy()
        last_norms[chosen] = norms[chosen]
        context = replace(context, queues=rule.advance(context, spent_j), last_norms=last_norms)
        total_j += spent_j
    return total_j / num_rounds, context.queues.backlogs_j


@pytest.mark.parametrize("budget_fraction", [0.5, 0.1])
def test_mean_energy_stays_within_phi_of_the_budget_up_to_what_vanishes_with_the_rounds(
    budget_fraction: float,
) -> None:
    budget_j, num_rounds = 4.0, 1500
    rule = EnergyAware(budget_fraction=budget_fraction, max_fraction=1.0)
    spent_j, backlogs_j = mean_energies_j(rule, num_rounds, budget_j, seed=1)
    assert (spent_j <= budget_fraction * budget_j + backlogs_j / num_rounds + 1e-9).all()
    # A queue is a few budgets long however many rounds, so what it allows vanishes: here 1 % of the budget of a round.
    assert (spent_j <= (budget_fraction + 0.01) * budget_j).all()
    # The budget binds: without a queue that counts, somebody exceeds it.
    careless = EnergyAware(budget_fraction=budget_fraction, max_fraction=1.0, utility_weight=1e9)
    assert (mean_energies_j(careless, 300, budget_j, seed=1)[0] > (budget_fraction + 0.01) * budget_j).any()


@pytest.mark.slow
def test_the_excess_over_the_long_run_budget_falls_like_one_over_the_rounds() -> None:
    rule = EnergyAware(max_fraction=1.0)
    for seed in range(2):
        longest_j = [mean_energies_j(rule, num_rounds, 4.0, seed)[1].max() for num_rounds in (500, 8000)]
        assert longest_j[1] < 4 * longest_j[0]  # 16 times as many rounds; a queue that grew with them would be 16 times


@pytest.mark.slow
def test_with_the_defaults_and_a_power_control_everybody_keeps_the_long_run_budget() -> None:
    rng, rule, power_control = np.random.default_rng(0), EnergyAware(), ZeroForcingInversion()
    context = replace(context_of(20), queues=EnergyQueues.empty(20), energy_budgets_j=np.full(20, 10.0))
    total_j, num_rounds = np.zeros(20), 4000
    for _ in range(num_rounds):
        context = replace(context, amplitudes=np.sqrt(rng.exponential(1.0, 20)))
        chosen = list(rule.select(tuple(range(20)), context, rng))
        assert 1 <= len(chosen) <= 4
        signals = context.last_norms[chosen][:, None]
        channel = ChannelState(context.amplitudes[chosen], context.energy_budgets_j[chosen], 1.0)
        weights = context.data_sizes[chosen] / context.data_sizes[chosen].sum()
        plan = power_control.plan(channel, SignalStatistics.of(signals), weights)
        spent_j = np.zeros(20)
        spent_j[chosen] = (plan.gains * context.last_norms[chosen]) ** 2
        assert (spent_j <= context.energy_budgets_j * (1 + 1e-9)).all()
        context = replace(context, queues=rule.advance(context, spent_j))
        total_j += spent_j
    assert (total_j / num_rounds <= 0.5 * context.energy_budgets_j * 1.01).all()
