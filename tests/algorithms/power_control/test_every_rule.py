"""Laws of every registered power control: inside the budget, and as wrong on average as predicted."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from examples import Example, examples
from groups import Transmitters, draw_group, spent_j

from algorithms.power_control import IdealPowerControl, Plan, SignalStatistics
from channels.aircomp import aggregation_error, superpose

NUM_DRAWS = 1000
SNRS_DB = (-10.0, 0.0, 10.0, 20.0, 30.0)
EXAMPLES = examples("power-control")
# 90 means are compared with their expectations, on one seed. Within three standard errors some would miss by chance in
# a fifth of all seeds (90 times 0.27 %), within four in one of two hundred (90 times 0.0063 %).
NOISE_SEED = 7
STANDARD_ERRORS = 4

every_rule = pytest.mark.parametrize("example", EXAMPLES, ids=str)


@every_rule
def test_nobody_exceeds_its_budget_in_a_thousand_random_draws(example: Example) -> None:
    rule = example.build()
    for seed in range(NUM_DRAWS):
        group = draw_group(seed, snr_db=-20.0 + 60.0 * seed / NUM_DRAWS)
        assert np.all(spent_j(group.plan(rule), group.signals) <= group.channel.energy_budgets_j * (1 + 1e-12))


def modelled_signals(rule: Any, group: Transmitters, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield draws of signals for which the rule predicts the mean squared error."""
    shape, norms = group.signals.shape, group.statistics.norms[:, None]
    statistics = group.statistics
    while True:
        if rule.signal_model == "uncorrelated":
            directions = rng.normal(size=shape)
            yield norms * directions / np.linalg.norm(directions, axis=1, keepdims=True)
        elif rule.signal_model == "shared-mean":
            yield statistics.entry_mean + statistics.entry_std * rng.normal(size=shape)
        elif rule.signal_model == "bounded":
            yield np.tile(group.signals[np.argmax(norms)], (shape[0], 1))
        else:
            yield group.signals


def realised_errors(rule: Any, plan: Plan, group: Transmitters, seed: int) -> np.ndarray:
    """Return ||r y - sum_i a_i x_i||^2 of many transmissions, the weights renormalised over the active."""
    rng = np.random.default_rng(seed)
    weights = np.where(plan.active, group.weights, 0.0) / group.weights[plan.active].sum()
    noise_energy_j = 0.0 if plan.noiseless else group.channel.noise_energy_j
    errors = []
    for signals, _ in zip(modelled_signals(rule, group, rng), range(NUM_DRAWS), strict=False):
        received = superpose(signals, plan.gains * group.channel.amplitudes, noise_energy_j, rng)
        errors.append(aggregation_error(received, plan.receive_scale, weights, signals).squared_error)
    return np.array(errors)


def modelled_statistics(rule: Any, statistics: SignalStatistics) -> SignalStatistics:
    """Return what the rule is told: under a shared mean the norms are equal, in the mean of the square."""
    if rule.signal_model != "shared-mean":
        return statistics
    norm = float(np.sqrt(statistics.mean_squared_norm))
    return replace(statistics, norms=np.full(len(statistics.norms), norm), bound=norm)


@pytest.mark.parametrize("snr_db", SNRS_DB)
@every_rule
def test_the_mean_error_over_the_air_is_the_predicted_one_at_every_snr(example: Example, snr_db: float) -> None:
    rule = example.build()
    group = draw_group(seed=5, snr_db=snr_db, num_members=5)
    plan = rule.plan(group.channel, modelled_statistics(rule, group.statistics), group.weights)
    errors = realised_errors(rule, plan, group, seed=NOISE_SEED)
    standard_error = errors.std(ddof=1) / np.sqrt(NUM_DRAWS)
    # The floor is the rounding of the ideal, which has no noise.
    assert abs(errors.mean() - plan.predicted_squared_error) <= STANDARD_ERRORS * standard_error + 1e-25


@pytest.mark.parametrize("snr_db", SNRS_DB)
def test_the_mean_error_of_each_round_of_a_horizon_is_the_predicted_one(snr_db: float) -> None:
    (example,) = (e for e in EXAMPLES if e.settings.get("fallback"))
    rule = example.build()
    group = draw_group(seed=6, snr_db=snr_db, num_members=4)
    rounds = [
        replace(group.channel, amplitudes=draw_group(seed, num_members=4).channel.amplitudes) for seed in range(3)
    ]
    for channel, plan in zip(rounds, rule.plan_run(rounds, group.statistics, group.weights), strict=True):
        errors = realised_errors(rule, plan, replace(group, channel=channel), seed=NOISE_SEED)
        standard_error = errors.std(ddof=1) / np.sqrt(NUM_DRAWS)
        assert abs(errors.mean() - plan.predicted_squared_error) <= STANDARD_ERRORS * standard_error


@every_rule
def test_nothing_is_predicted_to_beat_the_ideal(example: Example) -> None:
    group = draw_group(seed=8)
    ideal = group.plan(IdealPowerControl())
    assert ideal.predicted_squared_error == 0.0 <= group.plan(example.build()).predicted_squared_error


# With a receive scale for all fades, it is the mean over fades that rises with the noise.
@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.name != "regularized-inversion"], ids=str)
def test_louder_noise_is_never_predicted_to_help(example: Example) -> None:
    rule = example.build()
    for seed in range(20):
        errors = [draw_group(seed, snr_db).plan(rule).predicted_squared_error for snr_db in (30.0, 10.0, -10.0)]
        assert errors == sorted(errors)
