"""Dynamic: the schedule of the specification and the energy of the long run, from the records of real runs."""

from typing import Any

import numpy as np
import pytest
from small import small_experiment

from testbed.experiments.run import Experiment

BUDGET_J, PHI = 10.0, 0.5
NOISELESS = {"kind": "total", "energy_j": 0.0}
FAST: dict[str, Any] = {"devices__profile__flop_per_s": 2e7, "run__horizon_s": 300.0}


def ran(**settings: Any) -> Experiment:
    experiment = small_experiment(**{"algorithm__kind": "dynamic", **FAST, **settings})
    experiment.run()
    return experiment


def rows(experiment: Experiment, table: str) -> list[dict[str, Any]]:
    return list(experiment.simulation.records.rows(table))


def energies_j(experiment: Experiment) -> np.ndarray:
    """What each client radiated in each finished round, from the transfers, (num_rounds, num_clients) [J]."""
    ends_s = [row["time_s"] for row in rows(experiment, "selection")]
    spent_j = np.zeros((len(ends_s), len(experiment.world.fleet)))
    for row in rows(experiment, "transfer"):
        if row["channel"] == "aircomp" and row["end_s"] <= ends_s[-1]:
            client = int(row["source"].removeprefix("device-"))
            spent_j[np.searchsorted(ends_s, row["end_s"]), client] += row["energy_tx_j"]
    return spent_j


def test_a_round_asks_at_least_one_and_at_most_a_fifth_of_the_clients_and_only_they_train() -> None:
    experiment = ran(devices__count=20)
    asked = [row["num_asked"] for row in rows(experiment, "selection")]
    assert len(asked) > 10
    assert min(asked) >= 1 and max(asked) == 4
    trained: dict[int, int] = {}
    for row in rows(experiment, "training"):
        trained[row["base_version"]] = trained.get(row["base_version"], 0) + 1
    assert [trained[version] for version in sorted(trained)][: len(asked)] == asked
    assert all(row["mixing_weight"] == 1.0 and row["staleness"] == 0 for row in rows(experiment, "version"))


@pytest.mark.parametrize("max_fraction", [0.2, 1.0])
def test_every_round_asks_those_whose_worth_exceeds_the_price_of_their_energy(max_fraction: float) -> None:
    # The rule of the specification, worked out again from the records: with payload "delta" norms are update norms.
    rule = {"kind": "energy-aware", "max_fraction": max_fraction, "utility_weight": 0.3, "overflow": "largest"}
    experiment = ran(algorithm__payload="delta", algorithm__selection=rule, devices__count=10)
    norms_of: dict[int, dict[int, float]] = {}
    for row in rows(experiment, "update"):
        norms_of.setdefault(row["base_version"], {})[row["client"]] = row["update_norm"]
    sizes = experiment.workload.data_sizes.astype(float)
    queues_j, last_norms = np.zeros(10), np.full(10, np.nan)
    starts_s = [0.0, *(row["time_s"] for row in rows(experiment, "selection"))]
    numbers_asked = set()
    for number, spent_j in enumerate(energies_j(experiment)):
        h = experiment.world.cell.believed_amplitudes(range(10), starts_s[number])
        known = np.where(np.isnan(last_norms), np.nanmean(last_norms) if number else 1.0, last_norms)
        sigma_ref = np.sqrt(BUDGET_J * np.mean(h**2)) / (sizes.mean() * known.mean())
        predicted_j = (sizes * sigma_ref / h) ** 2 * known**2
        margins = 0.3 * sizes / sizes.mean() - queues_j * predicted_j / BUDGET_J**2
        size = max(1, min(np.count_nonzero(margins > 0), round(max_fraction * 10)))
        assert set(norms_of[number]) == set(np.argsort(-margins)[:size].tolist()), number
        numbers_asked.add(size)
        queues_j = np.maximum(queues_j + spent_j - PHI * BUDGET_J, 0.0)
        for client, norm in norms_of[number].items():
            last_norms[client] = norm
    assert number > 10
    assert len(numbers_asked) > 1 or max_fraction < 1


def test_in_the_long_run_nobody_radiates_more_than_its_share_and_what_its_queue_allows() -> None:
    experiment = ran(devices__count=6, run__horizon_s=400.0)
    spent_j, last = energies_j(experiment), rows(experiment, "selection")[-1]
    num_rounds = len(spent_j)
    assert num_rounds > 100
    share_j = PHI * BUDGET_J
    assert np.all(spent_j.mean(axis=0) <= share_j + last["longest_backlog_j"] / num_rounds + 1e-9)
    # The queue is short against the run, so the share binds: the one who alone is asked spends its budget every time.
    assert last["longest_backlog_j"] < 10 * BUDGET_J
    assert spent_j.max() == pytest.approx(BUDGET_J)
    # Who asks those with the most data whatever it costs, asks the same one for ever.
    careless = {"kind": "energy-aware", "utility_weight": 1e9, "overflow": "largest"}
    assert energies_j(ran(devices__count=6, algorithm__selection=careless)).mean(axis=0).max() > 1.5 * share_j


def test_without_noise_the_chosen_are_averaged_by_their_data_and_replace_the_model() -> None:
    experiment = ran(devices__count=12, channel__uplink__noise=NOISELESS)
    aggregations = rows(experiment, "aggregation")
    assert any(row["num_active"] > 1 for row in aggregations)
    assert all(row["aggregation_nmse"] < 1e-12 for row in aggregations)


def test_asking_everybody_makes_it_air_fedavg() -> None:
    dynamic = ran(algorithm__selection="all", algorithm__payload="delta").simulation.records.tables()
    air_fedavg = ran(algorithm__kind="air-fedavg", algorithm__payload="delta").simulation.records.tables()
    assert dynamic.keys() == air_fedavg.keys()
    assert all(table.equals(air_fedavg[name]) for name, table in dynamic.items())


def test_whom_it_asks_follows_what_was_learnt_so_it_says_that_it_reads_trained_values() -> None:
    rule = {"kind": "energy-aware", "max_fraction": 1.0, "utility_weight": 0.3}
    runs = [ran(algorithm__selection=rule, run__kernel=kernel) for kernel in ("serial", "none")]
    assert runs[0].world.algorithm.reads_trained_values
    asked = [[(row["base_version"], row["client"]) for row in rows(run, "training")] for run in runs]
    assert asked[0] != asked[1]


def test_it_learns() -> None:
    experiment = ran(devices__count=10, algorithm__payload="delta", training__local_steps=20, run__horizon_s=1500.0)
    accuracy = [row["value"] for row in rows(experiment, "evaluation") if row["metric"] == "accuracy"]
    assert accuracy[-1] > 0.6 > 0.2 > accuracy[0]
