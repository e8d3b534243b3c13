"""The verbs of a federation whose clients have models of their own: what is sent, what it costs, and what follows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from personal import LOCAL_HEAD, keep_locally, split_experiment
from scripted import Script, assert_spans_start_where_their_causes_end, play, rows

from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.round import RoundTurn
from testbed.learning.jobs import EvaluationJob
from testbed.simulation import Process

RADIO = {"bandwidth_hz": "1 MHz", "power_w": 1, "noise_psd_w_per_hz": 1e-9}
DOWNLINKS: dict[str, dict[str, Any]] = {
    "free": {"kind": "free"},
    "broadcast": {"kind": "broadcast", **RADIO},
    "unicast": {"kind": "unicast", **RADIO},
}
HEADER = 1000.0


def own_models(fed: Federation, owners: Mapping[int, float]) -> dict[int, np.ndarray]:
    """Return for each client the array of its number: clients of one number share an array."""
    arrays = {value: fed.server.vector + np.float32(value) for value in set(owners.values())}
    return {client: arrays[value] for client, value in owners.items()}


# -- the way down ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owners", "num_distinct"),
    [({}, 1), ({0: 1, 3: 1}, 2), ({0: 1, 3: 2}, 3), (dict.fromkeys(range(6), 1), 1), (dict(enumerate(range(6))), 6)],
)
@pytest.mark.parametrize("num_models", [1, 3])
@pytest.mark.parametrize("downlink", DOWNLINKS)
def test_sent_at_once_every_distinct_model_is_one_payload_and_one_by_one_everybody_gets_its_own(
    downlink: str, num_models: int, owners: dict[int, float], num_distinct: int
) -> None:
    def script(fed: Federation, group: Group) -> Process:
        base = yield from fed.broadcast(group, models=own_models(fed, owners), num_models=num_models, extra_bits=HEADER)
        yield from fed.train(base)
        return base

    experiment, base = play(script, channel__downlink=DOWNLINKS[downlink])
    payload_bits = experiment.world.payload_bits  # type: ignore[attr-defined]
    sent = [row["bits"] for row in rows(experiment, "transfer")]
    if downlink == "unicast":
        assert sent == pytest.approx([num_models * payload_bits + HEADER] * 6)
    else:
        assert sent == pytest.approx([(num_distinct + num_models - 1) * payload_bits + num_distinct * HEADER])
    for client in range(6):
        offset = base.vector_of(client) - base.vector
        np.testing.assert_allclose(offset, owners.get(client, 0.0), atol=1e-6)
    assert_spans_start_where_their_causes_end(experiment)


@pytest.mark.parametrize("downlink", DOWNLINKS)
def test_equal_models_in_two_arrays_are_two_payloads(downlink: str) -> None:
    def script(fed: Federation, group: Group) -> Process:
        base = yield from fed.broadcast(group, models={c: fed.server.vector.copy() for c in (0, 1)})
        yield from fed.train(base)

    experiment, _ = play(script, channel__downlink=DOWNLINKS[downlink])
    total = sum(row["bits"] for row in rows(experiment, "transfer"))
    payloads = {"free": 3, "broadcast": 3, "unicast": 6}[downlink]
    assert total == pytest.approx(payloads * experiment.world.payload_bits)  # type: ignore[attr-defined]


@pytest.mark.parametrize("downlink", DOWNLINKS)
def test_several_models_for_everybody_are_that_many_payloads_each(downlink: str) -> None:
    def script(fed: Federation, group: Group) -> Process:
        base = yield from fed.broadcast(group, num_models=3)
        yield from fed.train(base)

    experiment, _ = play(script, channel__downlink=DOWNLINKS[downlink])
    total = sum(row["bits"] for row in rows(experiment, "transfer"))
    payloads = 18 if downlink == "unicast" else 3
    assert total == pytest.approx(payloads * experiment.world.payload_bits)  # type: ignore[attr-defined]


def test_a_member_trains_the_model_that_it_was_sent_and_its_update_is_measured_against_it() -> None:
    def script(fed: Federation, group: Group) -> Process:
        models = own_models(fed, {2: 0.5})
        results = yield from fed.train((yield from fed.broadcast(group, models=models)))
        return models, {member.client: member.parameters for member in results.trained}

    _, (models, learnt) = play(script)
    again = split_experiment().workload
    for client in (1, 2):
        start = models.get(client, again.initial_state)
        expected = again.jobs.submit(again.next_job(client, 0, start)).value().parameters
        np.testing.assert_array_equal(learnt[client], expected)


@pytest.mark.parametrize("downlink", DOWNLINKS)
def test_apart_nothing_is_sent_and_everybody_goes_on_with_its_own_model(downlink: str) -> None:
    def script(fed: Federation, group: Group) -> Process:
        fed.server.models |= own_models(fed, {4: 0.25})
        base = yield from fed.stay_apart(group)
        results = yield from fed.train(base)
        return base, results

    experiment, (base, results) = play(script, channel__downlink=DOWNLINKS[downlink])
    assert rows(experiment, "transfer") == []
    assert [member.client for member in results.trained] == list(range(6))
    np.testing.assert_allclose(base.vector_of(4) - base.vector, 0.25, atol=1e-6)
    np.testing.assert_array_equal(base.vector_of(3), base.vector)
    assert_spans_start_where_their_causes_end(experiment)


def test_who_is_away_when_nothing_is_sent_sits_the_round_out() -> None:
    def script(fed: Federation, group: Group) -> Process:
        base = yield from fed.stay_apart(group)
        return (yield from fed.train(base))

    experiment, results = play(script, fault=[{"device": 2, "start_s": 0.0, "end_s": 50.0}])
    assert [member.client for member in results.trained] == [0, 1, 3, 4, 5]
    assert [(r["client"], r["status"]) for r in rows(experiment, "participation")] == [(2, "absent-at-broadcast")]


# -- the way up --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("access", ["tdma", "ofdma"])
def test_what_goes_with_an_upload_is_sent_with_every_model_and_takes_its_time(access: Any) -> None:
    def sending(extra_bits: float) -> Script:
        def script(fed: Federation, group: Group) -> Process:
            results = yield from fed.train((yield from fed.broadcast(group)))
            with (yield from fed.take_turn(results)) as turn:
                models = yield from fed.upload(turn, access, extra_bits)
            return models

        return script

    (bare, models), (laden, same) = play(sending(0.0)), play(sending(9 * HEADER))
    np.testing.assert_array_equal(models, same)
    payload_bits = bare.world.payload_bits  # type: ignore[attr-defined]
    for experiment, bits in ((bare, payload_bits), (laden, payload_bits + 9 * HEADER)):
        sent = [row for row in rows(experiment, "transfer") if row["channel"] == access]
        assert [row["bits"] for row in sent] == pytest.approx([bits] * 6)
    ends_s = [max(row["end_s"] for row in rows(experiment, "transfer")) for experiment in (bare, laden)]
    assert ends_s[0] < ends_s[1]
    assert_spans_start_where_their_causes_end(laden)


def test_of_a_model_with_local_tensors_only_what_is_exchanged_travels() -> None:
    def script(fed: Federation, group: Group) -> Process:
        results = yield from fed.train((yield from fed.broadcast(group)))
        with (yield from fed.take_turn(results)) as turn:
            models = yield from fed.upload(turn, "ofdma")
        return models

    with pytest.MonkeyPatch.context() as patch:
        keep_locally(patch)(LOCAL_HEAD)
        experiment, models = play(script)
    num_exchanged = 64 * 32 + 32
    assert [len(model) for model in models] == [num_exchanged] * 6
    assert [row["bits"] for row in rows(experiment, "transfer")][1:] == pytest.approx([32 * num_exchanged] * 6)


# -- the server --------------------------------------------------------------------------------------------------------


def test_assigned_models_stay_with_their_clients_and_the_global_one_is_the_mean_of_the_groups() -> None:
    def script(fed: Federation, group: Group) -> Process:
        base = yield from fed.stay_apart(group)
        turn = RoundTurn(base, (), delivered=[1, 5])
        fed.server.assign(turn, own_models(fed, {1: 0.5, 5: -1.0}))
        yield from fed.train((yield from fed.stay_apart(group)))
        turn = RoundTurn(base, (), delivered=[1])
        fed.server.assign(turn, {1: fed.server.models[1].astype(np.float64) + 1e-3})
        return fed.server

    experiment, server = play(script)
    start = experiment.workload.initial_state.astype(np.float64)
    np.testing.assert_allclose(server.models[1] - start, 0.501, atol=1e-6)
    np.testing.assert_allclose(server.models[5] - start, -1.0, atol=1e-6)
    assert sorted(server.models) == [1, 5]
    shares = experiment.workload.data_sizes / experiment.workload.data_sizes.sum()
    first = 0.5 * shares[1] - 1.0 * shares[5]  # the others have the initial model, from which offsets are counted
    expected = 0.501 * shares[1] - 1.0 * shares[5] + first * (1 - shares[1] - shares[5])  # then they have the first
    np.testing.assert_allclose(server.vector - start, expected, atol=1e-5)
    assert [row["num_active"] for row in rows(experiment, "version")] == [2, 1]
    assert all(model.dtype == np.float32 for model in (server.vector, *server.models.values()))


def test_clients_who_are_assigned_one_array_share_it_and_it_is_one_broadcast() -> None:
    def script(fed: Federation, group: Group) -> Process:
        base = yield from fed.stay_apart(group)
        models = own_models(fed, {0: 1.0, 1: 1.0, 2: 2.0, 3: 2.0, 4: 2.0, 5: 1.0})
        fed.server.assign(RoundTurn(base, (), delivered=list(models)), models)
        yield from fed.train((yield from fed.broadcast(group, models=fed.server.models)))
        return fed.server.models

    experiment, models = play(script)
    assert len({id(model) for model in models.values()}) == 2
    (sent,) = rows(experiment, "transfer")
    assert sent["bits"] == 2 * experiment.world.payload_bits  # type: ignore[attr-defined]


def test_a_version_is_tested_with_the_models_that_were_assigned() -> None:
    def script(fed: Federation, group: Group) -> Process:
        base = yield from fed.stay_apart(group)
        fed.server.assign(RoundTurn(base, (), delivered=[3]), own_models(fed, {3: 0.1}))
        fed.server.models[3] = fed.server.models[3] + 5  # too late: the version was told what clients had
        yield from fed.train(base)

    rounds = {"run__evaluation_interval_rounds": 1, "run__evaluation_interval_s": None, "run__horizon_rounds": 1}
    experiment, _ = play(script, **rounds)
    found = {(row["version"], row["client"]): row["loss"] for row in rows(experiment, "client_evaluation")}
    workload = split_experiment().workload
    assert workload.splits is not None
    for client in range(6):
        offset = 0.1 if client == 3 else float(0.1 * workload.data_sizes[3] / workload.data_sizes.sum())
        job_state = workload.state_of(client, workload.initial_state + np.float32(offset))
        samples = workload.splits.test[client]
        job = EvaluationJob(task=workload.task, version=1, parameters=job_state, samples=samples)
        output = workload.jobs.submit(job).value()
        assert output is not None
        assert found[1, client] == pytest.approx(output.loss, rel=1e-4)


# -- validating --------------------------------------------------------------------------------------------------------


def test_validating_is_charged_besides_training_and_changes_nothing_that_is_learnt() -> None:
    def training(validates: bool) -> Script:
        def script(fed: Federation, group: Group) -> Process:
            results = yield from fed.train((yield from fed.broadcast(group)), validates=validates)
            accuracies = [member.validation_accuracy for member in results.trained]
            return accuracies, [member.parameters for member in results.trained]

        return script

    (plain, (nothing, learnt)), (checked, (accuracies, same)) = play(training(False)), play(training(True))
    assert nothing == [0.0] * 6
    for one, other in zip(learnt, same, strict=True):
        np.testing.assert_array_equal(one, other)
    workload = checked.workload
    for before, after in zip(rows(plain, "training"), rows(checked, "training"), strict=True):
        assert after["flop"] - before["flop"] == pytest.approx(
            workload.trials.validation_flop(after["client"]), rel=1e-9
        )
        speed = checked.world.fleet.flop_per_s[after["client"]]  # type: ignore[attr-defined]
        assert after["end_s"] - after["start_s"] == pytest.approx(after["flop"] / speed, rel=1e-9)
    fresh = split_experiment().workload
    found = fresh.trials.validate(2, 0, fresh.initial_state).value()
    assert found is not None
    assert accuracies[2] == found.num_correct.sum() / found.num_samples.sum()


@pytest.mark.parametrize("num_steps", [0, 1, 2])
def test_a_job_that_is_stopped_has_done_the_steps_that_were_paid_for_after_validating(num_steps: int) -> None:
    """Client 0 is given the time to validate and to do some steps and most of one more."""
    probe = split_experiment(training__local_steps=3)
    workload, fleet = probe.workload, probe.world.fleet  # type: ignore[attr-defined]
    job = workload.next_job(0, 0, workload.initial_state)
    step_flop = workload.flop_of(job) / 3
    deadline_s = (workload.trials.validation_flop(0) + (num_steps + 0.95) * step_flop) / fleet.flop_per_s[0]

    def script(fed: Federation, group: Group) -> Process:
        base = yield from fed.broadcast(group, lambda present: [0])
        results = yield from fed.train(base, deadline_s, partial_work=True, validates=True)
        return [(member.outcome, member.parameters) for member in results.trained]

    experiment, trained = play(script, training__local_steps=3)
    (row,) = rows(experiment, "training")
    assert row["outcome"] == ("partial" if num_steps else "late")
    assert len(trained) == (1 if num_steps else 0)
    for _, parameters in trained:
        expected = workload.jobs.submit(job.cut(num_steps)).value().parameters
        np.testing.assert_array_equal(parameters, expected)


def test_a_job_that_is_stopped_while_validating_has_done_nothing() -> None:
    def script(fed: Federation, group: Group) -> Process:
        base = yield from fed.broadcast(group)
        return (yield from fed.train(base, 1e-3, partial_work=True, validates=True))

    experiment, results = play(script)
    assert results.trained == ()
    assert {row["outcome"] for row in rows(experiment, "training")} == {"late"}
