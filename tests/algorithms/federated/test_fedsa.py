"""FedSA: its limits, the rule of the first K, and what happens when fewer are left."""

import heapq
from typing import Any

import numpy as np
import pytest
from apart import train_apart
from small import small_experiment
from versions import run_and_keep_versions

from testbed.errors import RequestError
from testbed.experiments.run import Experiment

STATIC: dict[str, Any] = {"channel__uplink__fading": "static", "run__kernel": "serial"}


def fedsa(num_arrivals: int, **settings: Any) -> Experiment:
    return small_experiment(algorithm__kind="fedsa", algorithm__num_arrivals=num_arrivals, **settings)


def rows(experiment: Experiment, table: str, **where: Any) -> list[dict[str, Any]]:
    found = experiment.simulation.records.rows(table)
    return [row for row in found if all(row[key] == value for key, value in where.items())]


def test_with_one_arrival_it_is_fedasync_with_the_data_share_and_no_discount() -> None:
    """Equal shares of 1/3, so that FedAsync's one mixing weight is everybody's."""
    equal: dict[str, Any] = {"devices__count": 3, "data__partition": "iid"}
    ours = fedsa(1, **equal)
    versions = run_and_keep_versions(ours)
    assert len(set(ours.workload.data_sizes)) == 1
    fedasync = run_and_keep_versions(
        small_experiment(
            algorithm__kind="fedasync", algorithm__mixing_weight=1 / 3, algorithm__discount="constant", **equal
        )
    )
    assert len(versions) == len(fedasync) > 20
    for (time_s, model), (expected_s, expected) in zip(versions, fedasync, strict=True):
        assert time_s == expected_s
        np.testing.assert_allclose(model, expected, atol=1e-4)


def test_with_one_arrival_it_is_asynchronous_tiers_of_one_client_bit_for_bit() -> None:
    versions = run_and_keep_versions(fedsa(1))
    alone = run_and_keep_versions(small_experiment(algorithm__kind="tifl", algorithm__grouping="singleton"))
    assert len(versions) == len(alone) > 10
    assert all(a == b and v.tobytes() == w.tobytes() for (a, v), (b, w) in zip(versions, alone, strict=True))


def test_with_as_many_arrivals_as_clients_its_models_are_those_of_fedavg_and_come_no_later() -> None:
    versions = run_and_keep_versions(fedsa(6, run__horizon_s=2000.0))
    fedavg = run_and_keep_versions(small_experiment(algorithm__kind="fedavg", run__horizon_s=2000.0))
    num_rounds = min(len(versions), len(fedavg))
    assert num_rounds > 5
    for (_, model), (_, expected) in zip(versions[:num_rounds], fedavg[:num_rounds], strict=True):
        assert model.tobytes() == expected.tobytes()
    assert versions[1][0] < fedavg[1][0]  # uploads overlap with the training of slower clients


def test_the_trajectory_is_that_of_an_event_loop_written_by_hand() -> None:
    experiment = fedsa(3, **STATIC)
    versions = run_and_keep_versions(experiment)[1:]
    expected = by_hand(fedsa(3, **STATIC), 3, len(versions))
    assert len(versions) > 8
    assert max(row["staleness"] for row in rows(experiment, "version")) > 0
    for (time_s, model), (expected_s, expected_model) in zip(versions, expected, strict=True):
        assert time_s == pytest.approx(expected_s, rel=1e-9)
        np.testing.assert_allclose(model, expected_model, atol=1e-4)


def by_hand(experiment: Experiment, num_arrivals: int, num_versions: int) -> list[tuple[float, np.ndarray]]:
    workload, world = experiment.workload, experiment.world
    training_s = world.fleet.training_time_s(workload.job_flop)
    upload_s = float(world.cell.foresee_upload_s(np.ones(1), world.payload_bits)[0])
    shares = workload.data_sizes / workload.data_sizes.sum()
    model, version, free_s = workload.initial_state, 0, 0.0
    busy = [(training_s[client], client, model, 0) for client in range(len(shares))]
    heapq.heapify(busy)
    arrived: dict[int, np.ndarray] = {}
    made: list[tuple[float, np.ndarray]] = []
    while len(made) < num_versions:
        ready_s, client, base, base_version = heapq.heappop(busy)
        free_s = max(ready_s, free_s) + upload_s
        arrived[client] = train_apart(experiment, client, base_version, base)
        if len(arrived) < num_arrivals:
            continue
        total = sum(shares[c] for c in arrived)
        model = ((1 - total) * model + sum(shares[c] * learnt for c, learnt in arrived.items())).astype(np.float32)
        version += 1
        made.append((free_s, model))
        for c in arrived:
            heapq.heappush(busy, (free_s + training_s[c], c, model, version))
        arrived = {}
    return made


def test_every_model_goes_into_one_version_and_its_client_goes_on_from_that_version() -> None:
    experiment = fedsa(4)
    experiment.run()
    contributions, versions = rows(experiment, "contribution"), rows(experiment, "version")
    assert len(versions) > 5
    assert len(contributions) == 4 * len(versions)
    for row in versions:
        parts = [part for part in contributions if part["version"] == row["version"]]
        assert len({part["client"] for part in parts}) == row["num_active"] == 4
        assert row["base_version"] == min(part["base_version"] for part in parts)
        assert row["mixing_weight"] == pytest.approx(sum(part["weight"] for part in parts))
    for client in range(6):
        made = [part["version"] for part in contributions if part["client"] == client]
        began = [row["base_version"] for row in rows(experiment, "training", client=client)]
        assert began == [0, *made][: len(began)] and len(began) >= len(made)


def test_a_client_that_waits_for_the_others_has_a_wait_and_computes_nothing_meanwhile() -> None:
    experiment = fedsa(6)
    experiment.run()
    first_s = rows(experiment, "version")[0]["time_s"]
    waits = [row for row in rows(experiment, "span", kind="wait") if row["end_s"] == first_s]
    assert len(waits) == 5  # all but the last to arrive
    assert not [row for row in rows(experiment, "training") if row["job"] > 0 and row["start_s"] < first_s]


def test_more_arrivals_than_clients_are_refused() -> None:
    with pytest.raises(RequestError, match="num_arrivals = 7, but there are 6 clients"):
        fedsa(7).run()


def test_when_fewer_than_k_are_left_it_goes_on_with_those() -> None:
    gone = [{"device": 1, "start_s": 0.5}, {"device": 4, "start_s": 150.0}]
    experiment = fedsa(6, fault=gone)
    experiment.run()
    versions = rows(experiment, "version")
    assert versions[0]["num_active"] == 5
    assert versions[-1]["num_active"] == 4
    assert 1 not in {row["client"] for row in rows(experiment, "contribution")}
    assert 0.0 < versions[-1]["mixing_weight"] < 1.0


def test_the_server_that_hoped_for_a_client_in_vain_has_a_wait_with_causes() -> None:
    """All others have arrived long before the last device leaves for good."""
    slow = small_experiment(algorithm__kind="fedsa")
    training_s = slow.world.fleet.training_time_s(slow.workload.job_flop)
    slowest, second_s = int(training_s.argmax()), float(np.sort(training_s)[-2])
    experiment = fedsa(
        6,
        channel__uplink__bandwidth_hz="1 MHz",
        fault=[{"device": slowest, "start_s": (second_s + float(training_s.max())) / 2}],
    )
    experiment.run()
    first = rows(experiment, "version")[0]
    assert first["num_active"] == 5
    (wait,) = [row for row in rows(experiment, "span", entity="server", kind="wait") if row["end_s"] == first["time_s"]]
    ends_s = {row["span_id"]: row["end_s"] for row in rows(experiment, "span")}
    assert wait["start_s"] == ends_s[wait["cause_id"]]
    began = [row for row in rows(experiment, "span", kind="compute") if row["start_s"] == first["time_s"]]
    assert {row["cause_id"] for row in began} == {wait["span_id"]}
