"""Addressed luck on the whole system: what one seed fixes, whoever else is there and whatever is run."""

from typing import Any

import numpy as np
from small import small_experiment

from testbed.experiments.run import Experiment
from testbed.learning.partition import IidPartition


def test_adding_a_last_client_leaves_every_other_device_fade_and_training_stream_as_it_was() -> None:
    six, seven = small_experiment(devices__count=6), small_experiment(devices__count=7)
    np.testing.assert_array_equal(six.world.fleet.flop_per_s, seven.world.fleet.flop_per_s[:6])
    for time_s in (0.0, 17.3, 399.0):
        channels = [e.world.cell.channels(range(6), time_s) for e in (six, seven)]
        np.testing.assert_array_equal(*channels)
    assert six.workload.initial_state.tobytes() == seven.workload.initial_state.tobytes()
    for client in range(6):
        # The deal itself is exempt; given the same shard, the minibatches are the same.
        shard = np.arange(10 * client, 10 * client + 30)
        jobs = []
        for experiment in (six, seven):
            experiment.workload.shards = [shard] * len(experiment.workload.shards)
            jobs.append(experiment.workload.next_job(client, 0, experiment.workload.initial_state))
        assert jobs[0].torch_seed == jobs[1].torch_seed
        np.testing.assert_array_equal(jobs[0].samples, jobs[1].samples)


def test_all_alternatives_under_one_seed_meet_the_same_split_speeds_fades_and_initial_model() -> None:
    kinds = ("air-fedga", "air-fedavg", "fedavg")
    experiments = [small_experiment(algorithm__kind=kind) for kind in kinds]
    for experiment in experiments:
        experiment.run()
    facts = [nature(experiment) for experiment in experiments]
    assert facts[0] == facts[1] == facts[2]
    other = small_experiment(seed=1)
    assert all(nature(other)[name] != facts[0][name] for name in facts[0])


def nature(experiment: Experiment) -> dict[str, Any]:
    """Return what nature decided: read after a run, for looking changes nothing."""
    world, workload = experiment.world, experiment.workload
    return {
        "split": [shard.tobytes() for shard in workload.shards],
        "speeds": world.fleet.flop_per_s.tobytes(),
        "fades": world.cell.channels(range(6), 123.0).tobytes(),
        "model": workload.initial_state.tobytes(),
    }


def test_minibatches_depend_on_the_client_and_the_count_of_its_jobs_alone() -> None:
    minibatches = {"training__batch_size": 8, "data__partition": IidPartition()}
    first, second = small_experiment(**minibatches), small_experiment(**minibatches)
    state = first.workload.initial_state
    ours = [first.workload.next_job(client, 0, state) for client in (0, 1, 0)]
    theirs = [second.workload.next_job(client, 5, state) for client in (1, 0, 0)]
    np.testing.assert_array_equal(ours[0].samples, theirs[1].samples)
    np.testing.assert_array_equal(ours[1].samples, theirs[0].samples)
    np.testing.assert_array_equal(ours[2].samples, theirs[2].samples)
    assert not np.array_equal(ours[0].samples, ours[2].samples)


def test_luck_drawn_ahead_changes_no_job() -> None:
    minibatches = {"training__batch_size": 8, "data__partition": IidPartition()}
    ahead, alone = small_experiment(**minibatches).workload, small_experiment(**minibatches).workload
    ahead.draw_ahead([0, 1])
    wishes: list[dict[str, Any]] = [{"batch_size": 3}, {}, {"local_steps": 2}, {"samples": np.arange(20)}, {}]
    for client, wish in zip((0, 0, 1, 0, 1), wishes, strict=True):
        ahead.draw_ahead([client])
        ours, theirs = (w.next_job(client, 0, w.initial_state, **wish) for w in (ahead, alone))
        assert ours.torch_seed == theirs.torch_seed
        np.testing.assert_array_equal(ours.samples, theirs.samples)
        np.testing.assert_array_equal(ours.counts, theirs.counts)
