"""Laws of training alone: nothing is sent, and time passes as under any synchronous method with free channels."""

import itertools
from typing import Any

import numpy as np
import pytest
from personal import split_experiment
from scripted import assert_spans_start_where_their_causes_end, rows
from small import small_experiment

from testbed.errors import RequestError
from testbed.experiments.run import Experiment

ROUNDS: dict[str, Any] = {
    "run__horizon_rounds": 5,
    "run__evaluation_interval_rounds": 1,
    "run__evaluation_interval_s": None,
    "run__horizon_s": None,
}


def alone(**settings: Any) -> Experiment:
    experiment = split_experiment(**({"algorithm__kind": "local-only"} | ROUNDS | settings))
    experiment.run()
    return experiment


def test_nothing_is_sent_and_a_round_takes_as_long_as_its_slowest_client() -> None:
    experiment = alone()
    assert rows(experiment, "transfer") == []
    training = rows(experiment, "training")
    ends_s = [max(row["end_s"] for row in training if row["job"] == job) for job in range(5)]
    assert [row["time_s"] for row in rows(experiment, "version")] == ends_s
    slowest_s = max(row["end_s"] - row["start_s"] for row in training)
    assert np.diff([0.0, *ends_s]) == pytest.approx([slowest_s] * 5)
    assert_spans_start_where_their_causes_end(experiment)


def test_devices_compute_when_and_what_they_do_under_fedavg_but_for_its_uploads() -> None:
    mine, theirs = alone(), split_experiment(**({"algorithm__kind": "fedavg"} | ROUNDS))
    theirs.run()
    lengths = [
        [(row["client"], row["job"], row["end_s"] - row["start_s"], row["flop"]) for row in rows(each, "training")]
        for each in (mine, theirs)
    ]
    assert len(lengths[0]) == 30
    for one, other in zip(*lengths, strict=True):
        assert one == pytest.approx(other, rel=1e-9)


def test_every_client_goes_on_from_where_its_last_job_ended() -> None:
    server = alone().world.server  # type: ignore[attr-defined]
    again = split_experiment(algorithm__kind="local-only").workload
    for client in (0, 4):
        state = again.initial_state
        for version in range(5):
            state = again.jobs.submit(again.next_job(client, version, state)).value().parameters
        np.testing.assert_array_equal(server.models[client], state)
    assert all(np.abs(a - b).max() > 1e-3 for a, b in itertools.pairwise(server.models.values()))


def test_each_is_tested_with_its_own_model() -> None:
    experiment = alone()
    last = {row["client"]: row for row in rows(experiment, "client_evaluation") if row["version"] == 5}
    first = {row["client"]: row for row in rows(experiment, "client_evaluation") if row["version"] == 0}
    assert len(last) == 6
    assert np.mean([row["loss"] for row in last.values()]) < np.mean([row["loss"] for row in first.values()])
    mean = {row["metric"]: row["value"] for row in rows(experiment, "evaluation") if row["version"] == 5}
    assert mean["accuracy"] == pytest.approx(np.mean([row["accuracy"] for row in last.values()]), rel=1e-12)


def test_who_missed_the_first_rounds_starts_from_the_initial_model_and_not_from_what_others_learnt() -> None:
    fault = [{"device": 3, "start_s": 0.0, "end_s": 5.0}]
    experiment = alone(fault=fault, run__horizon_rounds=4)
    jobs = [row for row in rows(experiment, "training") if row["client"] == 3]
    assert 0 < len(jobs) < 4
    again = split_experiment(algorithm__kind="local-only").workload
    state = again.initial_state
    for row in jobs:
        state = again.jobs.submit(again.next_job(3, row["base_version"], state)).value().parameters
    np.testing.assert_array_equal(experiment.world.server.models[3], state)  # type: ignore[attr-defined]


def test_on_data_with_one_test_set_for_all_it_is_refused_with_the_setting_that_is_missing() -> None:
    with pytest.raises(RequestError, match=r"algorithm local-only.*'digits' has one test set.*set data\.client_split"):
        small_experiment(algorithm__kind="local-only")
