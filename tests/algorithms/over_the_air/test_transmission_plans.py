"""A whole run planned over its own channels: what is radiated, what is gained, and that the plan is kept to."""

from typing import Any

import numpy as np
import pytest
from small import small_experiment

from algorithms.grouping.single import SingleGroup
from algorithms.over_the_air.transmission_plans import TransmissionPlans
from algorithms.power_control import AirFedavgHorizon
from algorithms.power_control.horizon import round_weights
from algorithms.worlds.channel_state import channel_state
from testbed.experiments.run import Experiment

EVERYBODY = tuple(range(6))
# Low enough an SNR that energy counts: 10 J a transmission against noise of 30 J on the vector.
NOISY: dict[str, Any] = {"channel__uplink__noise": {"kind": "total", "energy_j": 30.0}, "algorithm__payload": "delta"}


def ran(rule: AirFedavgHorizon, delay_s: float = 0.0, **changes: Any) -> tuple[Experiment, TransmissionPlans]:
    """Run Air-FedAvg with `rule` and return the run and its plans; with a delay, later than it was foretold."""
    experiment = small_experiment(
        **{"algorithm__kind": "air-fedavg", "algorithm__power_control": rule, **NOISY, **changes}
    )
    fed = experiment.world
    plans = TransmissionPlans(fed, rule, foreseeable=True)
    (group,) = fed.form_groups(SingleGroup())

    def late() -> Any:
        yield fed.simulation.env.timeout(delay_s)
        yield from fed.algorithm.serve(fed, group, plans)

    fed.simulation.start(late() if delay_s else fed.algorithm.serve(fed, group, plans), "all clients")
    fed.simulation.run()
    return experiment, plans


def radiated_j(experiment: Experiment) -> np.ndarray:
    """The energies of the records, (num_rounds, num_clients) [J]."""
    sent = [row["energy_tx_j"] for row in experiment.simulation.records.rows("transfer") if row["channel"] == "aircomp"]
    return np.array(sent).reshape(-1, 6)


def gap(errors: list[float], decay: float) -> float:
    return float(round_weights(decay, len(errors)) @ np.array(errors))


@pytest.mark.parametrize("payload", ["model", "delta"])
def test_each_round_radiates_what_was_planned_for_it_however_norms_have_changed(payload: str) -> None:
    experiment, plans = ran(AirFedavgHorizon(), algorithm__payload=payload)
    assert plans.first_statistics is not None
    planned_j = np.array([(plan.gains * plans.first_statistics.norms) ** 2 for plan in plans.planned])
    assert len(planned_j) == experiment.simulation.records.num_rows("version") > 5
    np.testing.assert_allclose(radiated_j(experiment), planned_j, rtol=1e-9)
    norms = [row["update_norm"] for row in experiment.simulation.records.rows("update")]
    assert max(abs(np.log(np.array(norms[-6:]) / norms[:6]))) > 0.1  # they have changed


@pytest.mark.parametrize(("fraction", "decay"), [(0.5, 0.9), (0.1, 0.7), (1.0, 0.9)])
def test_a_run_radiates_at_most_the_fraction_of_its_budgets_and_no_round_more_than_one(
    fraction: float, decay: float
) -> None:
    experiment, _ = ran(AirFedavgHorizon(average_fraction=fraction, decay=decay))
    spent_j, budget_j = radiated_j(experiment), experiment.world.cell.uplink.energy_budget_j
    assert np.all(spent_j <= budget_j * (1 + 1e-9))
    total_j, allowed_j = spent_j.sum(axis=0), fraction * len(spent_j) * budget_j
    assert np.all(total_j <= allowed_j * (1 + 1e-9))
    assert total_j.max() > 0.9 * allowed_j or fraction == 1.0


@pytest.mark.parametrize(("seed", "decay"), [(0, 0.9), (1, 0.6), (2, 1.0)])
def test_the_weighted_sum_of_predicted_errors_is_below_that_of_planning_round_by_round_on_the_same_channels(
    seed: int, decay: float
) -> None:
    rule = AirFedavgHorizon(average_fraction=0.2, decay=decay)
    experiment, plans = ran(rule, devices__slowdown={"kind": "uniform", "low": 1, "high": 2 + seed})
    statistics, fed = plans.first_statistics, experiment.world
    assert statistics is not None and len(plans.times_s) > 5
    weights = experiment.workload.data_sizes / experiment.workload.data_sizes.sum()
    alone = [rule.plan(channel_state(fed.cell, EVERYBODY, time_s), statistics, weights) for time_s in plans.times_s]
    together, apart = (gap([plan.predicted_squared_error for plan in some], decay) for some in (plans.planned, alone))
    assert together < apart


def test_the_channels_it_was_planned_for_are_those_it_met() -> None:
    experiment, plans = ran(AirFedavgHorizon())
    statistics = plans.first_statistics
    assert statistics is not None
    # In the first round the signals are those planned for, so prediction and gains are the plan's own.
    first = next(iter(experiment.simulation.records.rows("aggregation")))
    assert first["receive_scale"] == pytest.approx(plans.planned[0].receive_scale, rel=1e-9)
    for row, plan in zip(experiment.simulation.records.rows("aggregation"), plans.planned, strict=True):
        received = plan.gains * experiment.world.cell.believed_amplitudes(EVERYBODY, plans.times_s[row["version"] - 1])
        size = statistics.norms
        wanted = experiment.workload.data_sizes / experiment.workload.data_sizes.sum() * size
        best = (wanted @ (received * size)) / ((received * size) @ (received * size) + 30.0)
        assert plan.receive_scale == pytest.approx(best, rel=1e-9)


def test_a_transmission_at_another_time_than_foretold_is_an_impossible_state() -> None:
    with pytest.raises(RuntimeError, match="was foretold"):
        ran(AirFedavgHorizon(), delay_s=7.0)


def test_the_method_plans_the_run_by_itself_where_it_can_even_if_the_per_round_form_would_do() -> None:
    expected, _ = ran(AirFedavgHorizon())
    for fallback in ("refuse", "per-round"):
        rule = AirFedavgHorizon(fallback=fallback)  # type: ignore[arg-type]
        experiment = small_experiment(algorithm__kind="air-fedavg", algorithm__power_control=rule, **NOISY)
        experiment.run()
        np.testing.assert_array_equal(radiated_j(experiment), radiated_j(expected))
