"""IFCA: its limit FedAvg, the choice of a model, what becomes of each, what is sent and what choosing costs."""

from typing import Any

import numpy as np
import pytest
from graph_runs import FAULTY, graph_experiment, models_of_versions, rows

from graphs.model_choice import average_by_choice
from testbed.errors import RequestError
from testbed.experiments.run import Experiment


def choices_of(experiment: Experiment, version: int) -> dict[int, int]:
    return {row["client"]: row["model"] for row in rows(experiment, "model_choice", version=version)}


def test_one_model_is_fedavg_bit_by_bit() -> None:
    ours = models_of_versions(graph_experiment("ifca", {"num_models": 1}))
    theirs = models_of_versions(graph_experiment("fedavg"))
    assert len(ours) == len(theirs) == 7
    for one, other in zip(ours, theirs, strict=True):
        assert one.tobytes() == other.tobytes()


def test_the_models_start_from_different_draws_and_the_first_is_that_of_all_methods() -> None:
    workload = graph_experiment("ifca").workload
    drawn = [workload.initial_state_of(number) for number in range(4)]
    assert drawn[0].tobytes() == workload.initial_state.tobytes()
    for number, model in enumerate(drawn):
        assert model.dtype == np.float32 and model.shape == (workload.num_entries,)
        assert model.tobytes() == workload.initial_state_of(number).tobytes()
        assert all(np.linalg.norm(model - other) > 0.1 for other in drawn[:number])
    again = graph_experiment("ifca", seed=1).workload
    assert np.linalg.norm(drawn[2] - again.initial_state_of(2)) > 0.1


def test_every_client_takes_the_model_of_least_loss_and_every_model_is_the_mean_of_its_takers() -> None:
    experiment = graph_experiment("ifca", {"num_models": 3}, run__horizon_rounds=4)
    workload = experiment.workload
    candidates = np.stack([workload.initial_state_of(number) for number in range(3)])
    train, told = experiment.world.train, []

    def watched(base: Any, *args: Any, **settings: Any) -> Any:
        losses = [workload.trials.losses(client, base.version, settings["candidates"]) for client in range(5)]
        results = yield from train(base, *args, **settings)
        told.append((np.stack(settings["candidates"]), np.array(losses), [m.parameters for m in results.trained]))
        return results

    experiment.world.train = watched
    models = models_of_versions(experiment)
    for version, (before, losses, uploads) in enumerate(told, start=1):
        assert before.tobytes() == candidates.tobytes()
        chosen = choices_of(experiment, version)
        assert [chosen[client] for client in range(5)] == losses.argmin(axis=1).tolist()
        after = average_by_choice(before, np.stack(uploads), workload.data_sizes, losses.argmin(axis=1))
        candidates = after.astype(np.float32)
        assert models[version].tobytes() == candidates[losses.argmin(axis=1)].tobytes()
    assert len({model for version in range(1, 5) for model in choices_of(experiment, version).values()}) > 1


def test_choosing_costs_a_forward_pass_of_every_model_over_the_training_samples() -> None:
    experiment = graph_experiment("ifca", {"num_models": 3}, run__horizon_rounds=1)
    experiment.run()
    workload = experiment.workload
    for row in rows(experiment, "training"):
        shard = workload.shards[row["client"]]
        expected = workload.cost.flop_of(shard) + 3 * workload.cost.forward_flop_of(shard)
        assert row["flop"] == pytest.approx(expected)


@pytest.mark.parametrize("num_models", [1, 3])
def test_bytes_are_those_of_the_table(num_models: int) -> None:
    experiment = graph_experiment("ifca", {"num_models": num_models})
    experiment.run()
    payload = 4 * experiment.workload.num_entries  # P
    up = [row["bits"] / 8 for row in rows(experiment, "transfer", channel="tdma")]
    down = [row["bits"] / 8 for row in rows(experiment, "transfer", channel="unicast")]
    assert up == pytest.approx([payload + 1] * 30)
    assert down == pytest.approx([num_models * payload] * 30)


def test_a_broadcast_carries_all_models() -> None:
    downlink = {"kind": "broadcast", "bandwidth_hz": "10 MHz", "power_w": 1.0, "noise_psd_w_per_hz": 2e-9}
    experiment = graph_experiment("ifca", {"num_models": 3}, channel__downlink=downlink)
    experiment.run()
    payload = 32 * experiment.workload.num_entries
    assert [row["bits"] / payload for row in rows(experiment, "transfer", channel="broadcast")] == pytest.approx(
        [3] * 6
    )


def test_the_same_seed_gives_the_same_models_and_absences_break_no_law() -> None:
    one, two = (graph_experiment("ifca", seed=3, **FAULTY) for _ in range(2))
    for ours, theirs in zip(models_of_versions(one), models_of_versions(two), strict=True):
        assert ours.tobytes() == theirs.tobytes()
    assert rows(one, "participation")
    ends_s = {row["span_id"]: row["end_s"] for row in rows(one, "span")}
    assert all(row["cause_id"] < 0 or row["start_s"] == ends_s[row["cause_id"]] for row in rows(one, "span"))
    active = {row["version"]: row["num_active"] for row in rows(one, "version")}
    assert all(len(choices_of(one, version)) == num for version, num in active.items())


def test_a_module_of_which_there_is_only_one_is_refused() -> None:
    model = graph_experiment("ifca").workload.task.model
    with pytest.raises(RequestError, match="several initial models need"):
        graph_experiment("ifca", module=model).run()
    assert graph_experiment("ifca", {"num_models": 1}, module=model).run() == "rounds"
