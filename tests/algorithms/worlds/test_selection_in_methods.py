"""Every selection in both synchronous methods: whom they ask, what a round then takes, what is averaged."""

from typing import Any

import numpy as np
import pytest
from small import small_experiment
from versions import run_and_keep_versions

from testbed import catalogue
from testbed.errors import RequestError
from testbed.experiments.run import Experiment
from testbed.settings import component

METHODS = ("air-fedavg", "fedavg")
NOISELESS = {"kind": "total", "energy_j": 0.0}


def ran(method: str, selection: Any, **settings: Any) -> Experiment:
    algorithm = {"kind": method, method: {"selection": selection}}
    experiment = small_experiment(algorithm=algorithm, **{"run__horizon_s": 1000.0, **settings})
    experiment.run()
    return experiment


def rows(experiment: Experiment, table: str) -> list[dict[str, Any]]:
    return list(experiment.simulation.records.rows(table))


def asked_by_version(experiment: Experiment) -> list[set[int]]:
    """Whom each finished round asked, where each made a version."""
    asked: dict[int, set[int]] = {}
    for row in rows(experiment, "training"):
        asked.setdefault(row["base_version"], set()).add(row["client"])
    return [asked[version] for version in range(len(rows(experiment, "version")))]


@pytest.mark.parametrize("method", METHODS)
def test_a_random_subset_trains_transmits_and_is_averaged_and_the_others_stay_idle(method: str) -> None:
    experiment = ran(method, {"kind": "random", "num_clients": 2}, channel__uplink__noise=NOISELESS)
    asked, versions = asked_by_version(experiment), rows(experiment, "version")
    assert len(versions) > 3
    assert all(len(clients) == 2 for clients in asked)
    assert len({frozenset(clients) for clients in asked}) > 2
    assert all((row["num_active"], row["num_members"], row["mixing_weight"]) == (2, 6, 1.0) for row in versions)
    assert all(row["num_asked"] == 2 for row in rows(experiment, "selection"))
    assert not rows(experiment, "participation")
    senders = [row["source"] for row in rows(experiment, "transfer") if row["source"] != "server"]
    assert senders[: 2 * len(asked)] == [f"device-{client}" for clients in asked for client in sorted(clients)]
    # d_i / D_S over those who transmit: a plan without noise delivers exactly that mean.
    assert all(row["aggregation_nmse"] < 1e-12 for row in rows(experiment, "aggregation"))


def test_both_methods_draw_the_same_clients_round_by_round_and_learn_the_same_without_noise() -> None:
    rule = {"kind": "random", "fraction": 0.5}
    settings = {"channel__uplink__noise": NOISELESS, "run__horizon_s": 1500.0}
    over_the_air, orthogonal = (ran(method, rule, **settings) for method in METHODS)
    air, digital = asked_by_version(over_the_air), asked_by_version(orthogonal)
    num_rounds = min(len(air), len(digital))
    assert num_rounds > 3
    assert air[:num_rounds] == digital[:num_rounds]
    kept = []
    for method in METHODS:
        algorithm = {"kind": method, method: {"selection": rule}}
        kept.append(run_and_keep_versions(small_experiment(algorithm=algorithm, **settings)))
    for (_, ours), (_, theirs) in zip(kept[0][:num_rounds], kept[1][:num_rounds], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_fastest_make_rounds_as_short_as_the_slowest_of_them(method: str) -> None:
    experiment = ran(method, {"kind": "fastest", "num_clients": 3}, run__horizon_s=200.0)
    training_s = experiment.world.fleet.training_time_s(experiment.workload.job_flop)
    fastest = np.argsort(training_s)[:3]
    assert all(clients == set(fastest.tolist()) for clients in asked_by_version(experiment))
    versions = rows(experiment, "version")
    assert len(versions) > 3
    if method == "air-fedavg":
        period_s = training_s[fastest].max() + experiment.world.cell.airtime_s
        np.testing.assert_allclose([row["time_s"] for row in versions], period_s * np.arange(1, len(versions) + 1))


@pytest.mark.parametrize("method", METHODS)
def test_asking_all_of_a_fraction_of_one_is_full_participation(method: str) -> None:
    everybody = rows(ran(method, "all"), "version")
    assert everybody == rows(ran(method, {"kind": "random", "fraction": 1}), "version")
    assert everybody == rows(ran(method, {"kind": "fastest", "num_clients": 6}), "version")


@pytest.mark.parametrize("method", METHODS)
def test_full_participation_leaves_no_rows_of_a_selection(method: str) -> None:
    assert "selection" not in ran(method, "all", run__horizon_s=100.0).simulation.records.tables()


@pytest.mark.parametrize("method", METHODS)
def test_more_clients_than_there_are_is_refused(method: str) -> None:
    with pytest.raises(RequestError, match="num_clients = 7, but there are 6"):
        ran(method, {"kind": "fastest", "num_clients": 7})


@pytest.mark.parametrize(
    ("method", "selection", "reads"),
    [
        ("air-fedavg", "all", False),
        ("air-fedavg", {"kind": "random", "num_clients": 2}, False),
        ("air-fedavg", "energy-aware", True),
        ("dynamic", "energy-aware", True),
        ("dynamic", {"kind": "fastest", "num_clients": 2}, False),
        ("fedavg", "energy-aware", False),
    ],
)
def test_a_method_reads_trained_values_where_over_the_air_its_selection_reads_norms(
    method: str, selection: Any, reads: bool
) -> None:
    part = component("algorithm").read({"kind": method, "selection": selection})
    assert part.reads_trained_values is reads


def test_every_selection_says_whether_it_reads_norms() -> None:
    reading = {name for name in catalogue.entries("selection") if catalogue.load("selection", name).reads_norms}
    assert reading == {"energy-aware"}
