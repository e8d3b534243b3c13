"""Centralised training: one model on the union of all training samples, in the server's time, without a message."""

from typing import Any

import numpy as np
import pytest
from graph_runs import graph_experiment, models_of_versions, rows

from testbed.errors import RequestError
from testbed.learning.kernels.protocol import TrainingJob


def jobs_of(experiment: Any) -> list[TrainingJob]:
    jobs: list[TrainingJob] = []
    submit = experiment.workload.jobs.submit

    def watched(job: Any, *args: Any, **further: Any) -> Any:
        if isinstance(job, TrainingJob):
            jobs.append(job)
        return submit(job, *args, **further)

    experiment.workload.jobs.submit = watched
    experiment.run()
    return jobs


def test_every_job_visits_every_training_sample_once_and_no_other() -> None:
    experiment = graph_experiment("centralised")
    jobs = jobs_of(experiment)
    everything = sorted(np.concatenate(experiment.workload.shards).tolist())
    assert len(jobs) == 6 and len(everything) == 60
    for job in jobs:
        visited = [s for row, count in zip(job.samples, job.counts, strict=True) for s in row[:count].tolist()]
        assert sorted(visited) == everything
        assert job.counts.max() == 8


def test_a_job_goes_on_where_the_one_before_ended_with_all_layers_and_the_optimiser() -> None:
    experiment = graph_experiment("centralised")
    kept: list[Any] = []
    keep = experiment.workload.keep
    experiment.workload.keep = lambda client, handle: (kept.append((client, handle)), keep(client, handle))[1]
    jobs = jobs_of(experiment)
    outputs = [kept[5 * job][1].value() for job in range(6)]
    assert [client for client, _ in kept] == list(range(5)) * 6
    for job, before in zip(jobs[1:], outputs, strict=False):
        assert job.parameters.tobytes() == before.parameters.tobytes()
        assert job.optimizer_state.tobytes() == before.optimizer_state.tobytes()


def test_all_clients_are_tested_with_the_same_model() -> None:
    experiment = graph_experiment("centralised")
    for models in models_of_versions(experiment):
        assert (models == models[0]).all()
    states = [experiment.workload.state_of(client, experiment.world.server.vector) for client in range(5)]
    assert all(state.tobytes() == states[0].tobytes() for state in states)


def test_a_round_takes_the_operations_over_the_speed_of_the_server_and_sends_nothing() -> None:
    experiment = graph_experiment("centralised", {"server_flop_per_s": 1e6})
    experiment.run()
    flop = experiment.workload.cost.flop_of(np.concatenate(experiment.workload.shards))
    times_s = [row["time_s"] for row in rows(experiment, "version")]
    np.testing.assert_allclose(np.diff([0.0, *times_s]), flop / 1e6)
    assert not rows(experiment, "transfer") and not rows(experiment, "training")
    spans = rows(experiment, "span", entity="server")
    assert [row["cause_id"] for row in spans] == [-1, *(row["span_id"] for row in spans[:-1])]


def test_batches_are_no_larger_than_the_largest_of_a_client() -> None:
    experiment = graph_experiment("centralised", training__batch_size=50)
    (widest,) = {len(shard) for shard in experiment.workload.shards}
    assert {int(job.counts.max()) for job in jobs_of(experiment)} == {widest}


def test_several_domains_are_refused_with_the_reason() -> None:
    dealt = {"kind": "domains", "clients_per_domain": 2}
    experiment = graph_experiment("centralised", graphs_of=(40, 40), data__partition=dealt, devices__count=4)
    with pytest.raises(RequestError, match=r"one domain, not of random-0, random-1"):
        experiment.run()


def test_the_server_needs_a_speed() -> None:
    with pytest.raises(RequestError, match="server_flop_per_s"):
        graph_experiment("centralised", {"server_flop_per_s": 0})
