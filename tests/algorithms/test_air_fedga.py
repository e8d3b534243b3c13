"""Air-FedGA's limits and invariants (spec section 7: 1, 5, 6, 9, 15), on real training."""

import heapq
from typing import Any

import numpy as np
import pytest
from apart import train_apart
from small import small_experiment
from versions import run_and_keep_versions

from algorithms.grouping.problem import GroupingProblem
from testbed.experiments.run import Experiment
from testbed.settings import Part

NOISELESS = {"kind": "total", "energy_j": 0.0}


class Singletons(Part):
    """Every client alone: the limit M = N."""

    kind: str = "singletons"

    def partition(self, problem: GroupingProblem, rng: np.random.Generator) -> tuple[tuple[int, ...], ...]:
        return tuple((client,) for client in range(problem.num_clients))


class Fixed(Part):
    """Groups as given."""

    kind: str = "fixed"
    groups: tuple[tuple[int, ...], ...]

    def partition(self, problem: GroupingProblem, rng: np.random.Generator) -> tuple[tuple[int, ...], ...]:
        return self.groups


def rows(experiment: Experiment, table: str) -> list[dict[str, Any]]:
    return list(experiment.simulation.records.rows(table))


@pytest.mark.parametrize("payload", ["model", "delta"])
def test_without_noise_the_air_delivers_the_weighted_mean_whatever_the_gains(payload: str) -> None:
    """Spec invariant 1, on the whole system."""
    experiment = small_experiment(channel__uplink__noise=NOISELESS, algorithm__payload=payload)
    experiment.run()
    aggregations = rows(experiment, "aggregation")
    assert len(aggregations) > 10
    for row in aggregations:
        assert row["aggregation_nmse"] < 1e-12
        assert row["alignment"] == pytest.approx(1.0, abs=1e-9)


def test_one_group_without_noise_is_synchronous_fedavg() -> None:
    """Spec invariant 5: the same trajectory, the period max l_i + L^u, staleness 0."""
    over_the_air = small_experiment(algorithm__grouping="single", channel__uplink__noise=NOISELESS)
    versions = run_and_keep_versions(over_the_air)
    fedavg = run_and_keep_versions(small_experiment(algorithm__kind="fedavg", run__horizon_s=4000.0))
    num_rounds = min(len(versions), len(fedavg))
    assert num_rounds >= 4
    for (_, ours), (_, theirs) in zip(versions[:num_rounds], fedavg[:num_rounds], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)
    world = over_the_air.world
    period_s = world.fleet.training_time_s(over_the_air.workload.job_flop).max() + world.cell.airtime_s
    times_s = [time_s for time_s, _ in versions]
    np.testing.assert_allclose(times_s, period_s * np.arange(len(times_s)), rtol=1e-9)
    assert all(row["staleness"] == 0 for row in rows(over_the_air, "version"))


def test_air_fedavg_is_air_fedga_with_a_single_group() -> None:
    grouped = run_and_keep_versions(small_experiment(algorithm__grouping="single"))
    synchronous = run_and_keep_versions(small_experiment(algorithm__kind="air-fedavg"))
    assert len(grouped) == len(synchronous) > 3
    for (time_a, model_a), (time_b, model_b) in zip(grouped, synchronous, strict=True):
        assert time_a == time_b
        assert model_a.tobytes() == model_b.tobytes()


def test_singletons_without_noise_are_fedasync_with_the_data_share_and_no_discount() -> None:
    """Spec invariant 6, against an event loop written by hand."""
    experiment = small_experiment(
        algorithm__grouping=Singletons(), algorithm__payload="model", channel__uplink__noise=NOISELESS
    )
    versions = run_and_keep_versions(experiment)
    reference = small_experiment()
    expected = fedasync_by_hand(reference, num_versions=len(versions) - 1)
    assert len(versions) > 20
    for (time_s, model), (expected_s, expected_model) in zip(versions[1:], expected, strict=True):
        assert time_s == pytest.approx(expected_s, rel=1e-9)
        np.testing.assert_allclose(model, expected_model, atol=1e-4)


def fedasync_by_hand(experiment: Experiment, num_versions: int) -> list[tuple[float, np.ndarray]]:
    """Return (time, model) of FedAsync with weight alpha_i: clients finish, queue for the uplink, are mixed in."""
    workload, world = experiment.workload, experiment.world
    training_s = world.fleet.training_time_s(workload.job_flop)
    shares = workload.data_sizes / workload.data_sizes.sum()
    model, version, uplink_free_s = workload.initial_state, 0, 0.0
    waiting = [(training_s[client], client, model, 0) for client in range(len(shares))]
    heapq.heapify(waiting)
    made = []
    while len(made) < num_versions:
        ready_s, client, base, base_version = heapq.heappop(waiting)
        uplink_free_s = max(ready_s, uplink_free_s) + world.cell.airtime_s
        learnt = train_apart(experiment, client, base_version, base)
        model = ((1 - shares[client]) * model + shares[client] * learnt).astype(np.float32)
        version += 1
        made.append((uplink_free_s, model))
        heapq.heappush(waiting, (uplink_free_s + training_s[client], client, model, version))
    return made


def test_without_contention_a_group_updates_floor_t_over_its_period_times() -> None:
    """Spec invariant 9: counts, relative frequencies psi_j and the mean gap Lbar."""
    experiment = small_experiment(
        channel__uplink__bandwidth_hz=1e9,  # L^u of microseconds: contention can shift nothing that counts
        channel__uplink__noise=NOISELESS,
        algorithm__grouping=Fixed(groups=((0, 1), (2, 3), (4,), (5,))),
        run__kernel="none",
        run__horizon_s=20_000.0,
    )
    experiment.run()
    periods_s = np.array([row["planned_period_s"] for row in rows(experiment, "group")])
    counts = np.bincount([row["group"] for row in rows(experiment, "version")], minlength=4)
    assert counts.tolist() == np.floor(20_000.0 / periods_s).astype(int).tolist()
    frequencies = (1 / periods_s) / (1 / periods_s).sum()
    np.testing.assert_allclose(counts / counts.sum(), frequencies, atol=1 / counts.sum())
    assert 20_000.0 / counts.sum() == pytest.approx(1 / (1 / periods_s).sum(), rel=0.01)


@pytest.mark.parametrize("algorithm", ["air-fedga", "air-fedavg", "fedavg"])
def test_versions_increase_by_one_and_staleness_is_never_negative(algorithm: str) -> None:
    """Spec invariant 15."""
    experiment = small_experiment(algorithm__kind=algorithm)
    experiment.run()
    versions = rows(experiment, "version")
    assert [row["version"] for row in versions] == list(range(1, len(versions) + 1))
    assert all(row["staleness"] == row["version"] - 1 - row["base_version"] >= 0 for row in versions)
    by_group = np.bincount([row["group"] for row in versions])
    assert by_group.sum() == versions[-1]["version"]


def test_the_group_mixes_into_the_model_that_is_current_when_its_transmission_ends() -> None:
    """Two groups transmit back to back: the second must not overwrite the first."""
    experiment = small_experiment(
        algorithm__grouping=Fixed(groups=((0, 1, 2), (3, 4, 5))), channel__uplink__bandwidth_hz=100.0
    )
    run_and_keep_versions(experiment)
    versions = rows(experiment, "version")
    assert any(row["staleness"] > 0 and row["pull_back_norm"] > 0 for row in versions)
    assert all((row["staleness"] == 0) == (row["pull_back_norm"] == 0) for row in versions)
