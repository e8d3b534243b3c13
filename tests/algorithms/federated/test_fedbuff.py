"""FedBuff: its limits, and the buffer against an event loop written by hand."""

import heapq
from typing import Any

import numpy as np
import pytest
from apart import train_apart
from small import small_experiment
from versions import run_and_keep_versions

from algorithms.aggregation.staleness import staleness_discount
from testbed.experiments.run import Experiment

STATIC: dict[str, Any] = {"channel__uplink__fading": "static", "run__kernel": "serial"}


def fedbuff(**settings: Any) -> Experiment:
    return small_experiment(algorithm__kind="fedbuff", **settings)


def rows(experiment: Experiment, table: str, **where: Any) -> list[dict[str, Any]]:
    found = experiment.simulation.records.rows(table)
    return [row for row in found if all(row[key] == value for key, value in where.items())]


@pytest.mark.parametrize(
    ("buffer_size", "rate", "discount"), [(1, 1.0, "constant"), (3, 0.7, "polynomial"), (8, 1.5, "polynomial")]
)
def test_the_trajectory_is_that_of_an_event_loop_written_by_hand(buffer_size: int, rate: float, discount: str) -> None:
    """With K = 1 and no discount each arrival moves the model by exactly its own update; K = 8 exceeds the clients."""
    settings = STATIC | {
        "algorithm__buffer_size": buffer_size,
        "algorithm__server_learning_rate": rate,
        "algorithm__discount": discount,
        "run__horizon_s": 200.0 + 50.0 * buffer_size,
    }
    experiment = fedbuff(**settings)
    versions = run_and_keep_versions(experiment)[1:]
    assert len(versions) > 5
    assert max(row["staleness"] for row in rows(experiment, "contribution")) > 0
    expected = by_hand(fedbuff(**settings), buffer_size, rate, discount, len(versions))
    for (time_s, model), (expected_s, expected_model) in zip(versions, expected, strict=True):
        assert time_s == pytest.approx(expected_s, rel=1e-9)
        np.testing.assert_allclose(model, expected_model, atol=2e-4)


def by_hand(
    experiment: Experiment, buffer_size: int, rate: float, discount: str, num_versions: int
) -> list[tuple[float, np.ndarray]]:
    workload, world = experiment.workload, experiment.world
    training_s = world.fleet.training_time_s(workload.job_flop)
    upload_s = float(world.cell.foresee_upload_s(np.ones(1), world.payload_bits)[0])
    model, version, free_s = workload.initial_state, 0, 0.0
    busy = [(training_s[client], client, model, 0) for client in range(len(training_s))]
    heapq.heapify(busy)
    buffer: list[tuple[int, np.ndarray]] = []
    made: list[tuple[float, np.ndarray]] = []
    while len(made) < num_versions:
        ready_s, client, base, base_version = heapq.heappop(busy)
        free_s = max(ready_s, free_s) + upload_s
        buffer.append((base_version, train_apart(experiment, client, base_version, base) - base))
        if len(buffer) == buffer_size:
            power = -0.5 if discount == "polynomial" else 0.0
            mean = sum((1.0 + version - began) ** power * update for began, update in buffer) / buffer_size
            model, version, buffer = (model + rate * mean).astype(np.float32), version + 1, []
            made.append((free_s, model))
        heapq.heappush(busy, (free_s + training_s[client], client, model, version))
    return made


def test_one_client_and_a_buffer_of_one_is_local_training() -> None:
    alone: dict[str, Any] = {"devices__count": 1, "data__partition": "iid", "run__horizon_s": 2000.0}
    ours = run_and_keep_versions(fedbuff(algorithm__buffer_size=1, **alone))
    fedavg = run_and_keep_versions(small_experiment(algorithm__kind="fedavg", **alone))
    assert len(ours) == len(fedavg) > 3
    for (time_s, model), (expected_s, expected) in zip(ours, fedavg, strict=True):
        assert time_s == expected_s
        np.testing.assert_allclose(model, expected, atol=1e-5)


@pytest.mark.parametrize("discount", ["constant", "polynomial", "hinge"])
def test_an_update_counts_with_the_servers_rate_over_k_times_its_own_discount(discount: Any) -> None:
    experiment = fedbuff(
        algorithm__discount=discount,
        algorithm__hinge_after=1,
        algorithm__buffer_size=4,
        algorithm__server_learning_rate=0.5,
    )
    experiment.run()
    contributions = rows(experiment, "contribution")
    assert len({row["staleness"] for row in contributions}) > 2
    for row in contributions:
        expected = 0.5 / 4 * staleness_discount(row["staleness"], discount, 0.5, 1)
        assert row["weight"] == pytest.approx(expected, rel=1e-12)
        assert row["staleness"] == row["version"] - 1 - row["base_version"]


def test_a_client_goes_on_at_once_from_the_current_model_whatever_is_in_the_buffer() -> None:
    experiment = fedbuff()
    experiment.run()
    uploaded_s: dict[int, list[float]] = {}
    for row in rows(experiment, "transfer", target="server"):
        uploaded_s.setdefault(int(row["source"].removeprefix("device-")), []).append(row["end_s"])
    made_s = [0.0, *(row["time_s"] for row in rows(experiment, "version"))]
    for client, ends_s in uploaded_s.items():
        following = rows(experiment, "training", client=client)[1:]
        assert len(following) >= len(ends_s) - 1
        for job, end_s in zip(following, ends_s, strict=False):
            assert job["start_s"] == end_s
            assert job["base_version"] == sum(time_s <= end_s for time_s in made_s) - 1


def test_there_is_a_version_for_every_k_uploads_and_nothing_is_pulled_back() -> None:
    experiment = fedbuff(algorithm__buffer_size=4)
    experiment.run()
    versions, uploads = rows(experiment, "version"), rows(experiment, "transfer", target="server")
    assert len(versions) == len(uploads) // 4 > 3
    assert [row["version"] for row in versions] == list(range(1, len(versions) + 1))
    assert all(row["num_active"] == 4 and row["pull_back_norm"] == 0.0 < row["progress_norm"] for row in versions)
