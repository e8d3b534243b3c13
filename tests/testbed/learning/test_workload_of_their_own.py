"""Laws of what clients have of their own: tensors and optimiser's states last from one finished job to the next."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from personal import LOCAL_HEAD, keep_locally, split_experiment
from small import small_experiment

from testbed.errors import RequestError
from testbed.experiments.run import Experiment
from testbed.learning.jobs import EvaluationJob
from testbed.learning.workload import Workload

OPTIMIZERS: list[dict[str, Any]] = [
    {"training__momentum": 0.9},
    {"training__optimizer": "adam", "training__learning_rate": 0.01, "training__weight_decay": 0.1},
    {"training__optimizer": "adamw", "training__learning_rate": 0.01},
]


@pytest.fixture
def local_head() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        keep_locally(patch)(LOCAL_HEAD)
        yield


def finish(workload: Workload, client: int, base: np.ndarray, version: int = 0) -> np.ndarray:
    """Let a client do a job to its end; return the whole state it ended with."""
    handle = workload.jobs.submit(workload.next_job(client, version, base))
    workload.keep(client, handle)
    return handle.value().parameters


def parts(workload: Workload, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what is exchanged of a state, and what stays."""
    task = workload.task
    mask = task.with_exchanged(np.zeros_like(state), np.ones(task.num_exchanged, np.float32))
    return state[mask == 1], state[mask == 0]


@pytest.mark.usefixtures("local_head")
def test_only_what_is_exchanged_travels() -> None:
    workload = split_experiment().workload
    assert workload.task.layout.size == 64 * 32 + 32 + 32 * 10 + 10
    assert workload.num_entries == len(workload.initial_state) == 64 * 32 + 32


@pytest.mark.usefixtures("local_head")
def test_a_version_is_tested_with_what_clients_had_when_it_was_made_however_late_that_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workload = split_experiment().workload
    told: list[Any] = []
    monkeypatch.setattr(workload.evaluator, "commit", lambda *committed: told.append(committed[-1]))
    workload.commit(0, 0.0, workload.initial_state)
    learnt = finish(workload, 0, workload.initial_state)
    (state_of,) = told
    np.testing.assert_array_equal(state_of(0), workload.task.initial_state())
    workload.commit(1, 1.0, workload.initial_state)
    np.testing.assert_array_equal(parts(workload, told[1](0))[1], parts(workload, learnt)[1])


@pytest.mark.usefixtures("local_head")
def test_a_job_starts_from_what_was_sent_and_from_what_the_clients_last_finished_job_left() -> None:
    workload = split_experiment().workload
    start, sent = workload.task.initial_state(), workload.initial_state + 1
    exchanged, own = parts(workload, workload.next_job(0, 0, sent).parameters)
    np.testing.assert_array_equal(exchanged, sent)
    np.testing.assert_array_equal(own, parts(workload, start)[1])
    _, learnt = parts(workload, finish(workload, 0, workload.initial_state))
    assert np.abs(learnt - own).max() > 1e-4
    exchanged, own = parts(workload, workload.next_job(0, 1, sent).parameters)
    np.testing.assert_array_equal(exchanged, sent)
    np.testing.assert_array_equal(own, learnt)
    np.testing.assert_array_equal(parts(workload, workload.state_of(0, sent))[1], learnt)
    np.testing.assert_array_equal(parts(workload, workload.state_of(1, sent))[1], parts(workload, start)[1])


@pytest.mark.usefixtures("local_head")
def test_a_job_that_nobody_says_is_finished_leaves_nothing() -> None:
    workload = split_experiment().workload
    workload.jobs.submit(workload.next_job(0, 0, workload.initial_state)).value()
    own = parts(workload, workload.state_of(0, workload.initial_state))[1]
    np.testing.assert_array_equal(own, parts(workload, workload.task.initial_state())[1])


@pytest.mark.usefixtures("local_head")
@pytest.mark.parametrize("algorithm", ["fedavg", "fedprox"])
def test_what_is_kept_is_of_jobs_that_were_finished_or_stopped_with_whole_steps_and_of_no_others(
    algorithm: str,
) -> None:
    hard: dict[str, Any] = {
        "algorithm__kind": algorithm,
        "algorithm__deadline_s": 24.0,
        "devices__profile__flop_per_s": 6e5,
        "devices__on_loss": "abandon",
        "training__local_steps": 3,
        "run__horizon_s": 1500.0,
        "fault": [{"device": 0, "start_s": 3.0, "end_s": 200.0}],
    }
    experiment = split_experiment(**hard)
    kept: list[int] = []
    keep = experiment.workload.keep

    def spy(client: int, handle: Any) -> None:
        kept.append(client)
        keep(client, handle)

    experiment.workload.keep = spy  # type: ignore[method-assign]
    experiment.run()
    training = list(experiment.simulation.records.rows("training"))
    outcomes = {row["outcome"] for row in training}
    assert {"completed", "late" if algorithm == "fedavg" else "partial", "lost"} <= outcomes
    finished = [row["client"] for row in training if row["outcome"] in ("completed", "partial")]
    assert sorted(kept) == sorted(finished)


# -- the optimiser's state ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_two_jobs_with_a_kept_state_are_one_job_of_twice_the_steps(optimizer: dict[str, Any]) -> None:
    keeping = optimizer | {"training__keeps_optimizer_state": True}
    two = small_experiment(**keeping, training__local_steps=3).workload
    one = small_experiment(**keeping, training__local_steps=6).workload
    halfway = finish(two, 2, two.initial_state)
    np.testing.assert_array_equal(finish(two, 2, halfway), finish(one, 2, one.initial_state))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_without_it_a_job_starts_with_zeros_and_with_it_so_do_other_clients(optimizer: dict[str, Any]) -> None:
    afresh = small_experiment(**optimizer).workload
    finish(afresh, 0, afresh.initial_state)
    state = afresh.next_job(0, 1, afresh.initial_state).optimizer_state
    assert state is None or not state.any()
    keeping = small_experiment(**optimizer, training__keeps_optimizer_state=True).workload
    finish(keeping, 0, keeping.initial_state)
    own, other = (keeping.next_job(client, 1, keeping.initial_state).optimizer_state for client in (0, 1))
    assert own is not None
    assert own.any()
    assert other is not None
    assert not other.any()


def test_keeping_the_state_of_an_optimiser_without_one_changes_nothing_that_is_learnt() -> None:
    plain, keeping = (small_experiment(training__keeps_optimizer_state=keeps).workload for keeps in (False, True))
    for _ in range(2):
        ours, theirs = (finish(workload, 3, workload.initial_state) for workload in (plain, keeping))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


# -- validating and testing --------------------------------------------------------------------------------------------


def test_clients_train_validate_and_test_on_samples_that_have_nothing_in_common() -> None:
    workload = split_experiment().workload
    splits = workload.splits
    assert splits is not None
    everything = np.concatenate([*splits.train, *splits.validation, *splits.test])
    assert len(np.unique(everything)) == len(everything) == len(workload.data.train_labels)
    for client, shard in enumerate(workload.shards):
        np.testing.assert_array_equal(shard, splits.train[client])
        assert set(workload.next_job(client, 0, workload.initial_state).samples.ravel()) <= set(shard.tolist())


@pytest.mark.usefixtures("local_head")
def test_a_client_validates_the_model_it_was_sent_with_its_own_tensors_on_its_own_samples() -> None:
    workload = split_experiment().workload
    assert workload.splits is not None
    finish(workload, 4, workload.initial_state)
    found = workload.trials.validate(4, 0, workload.initial_state + 0.01).value()
    state, samples = workload.state_of(4, workload.initial_state + 0.01), workload.splits.validation[4]
    job = EvaluationJob(task=workload.task, version=0, parameters=state, samples=samples)
    expected = workload.jobs.submit(job).value()
    assert found is not None
    assert expected is not None
    assert found.loss == expected.loss
    assert found.num_samples.sum() == len(samples) < len(workload.splits.train[4])


def test_validating_costs_the_forward_pass_over_the_validation_samples() -> None:
    workload = split_experiment().workload
    assert workload.splits is not None
    for client, samples in enumerate(workload.splits.validation):
        expected = len(samples) * workload.cost.forward_flop_per_sample
        assert workload.trials.validation_flop(client) == pytest.approx(expected, rel=1e-12)
    assert small_experiment().workload.trials.validation_flop(0) == 0.0


@pytest.mark.parametrize(
    "settings", [{}, {"data__client_split": {"train": 0.7, "validation": 0, "test": 0.3}}], ids=["common", "none"]
)
def test_without_samples_to_validate_with_it_is_refused_with_the_setting_that_gives_some(
    settings: dict[str, Any],
) -> None:
    workload = small_experiment(**settings).workload
    with pytest.raises(RequestError, match=r"client 0 has no samples to validate with.*data\.client_split"):
        workload.trials.validate(0, 0, workload.initial_state)


def test_segments_and_gradients_exchange_whole_states() -> None:
    with pytest.MonkeyPatch.context() as patch:
        keep_locally(patch)(LOCAL_HEAD)
        workload = split_experiment().workload
    for ask in (
        lambda: workload.segments.next_segment(0, 0, workload.task.initial_state(), None, 0, 1),
        lambda: workload.segments.next_gradient(0, 0, workload.task.initial_state(), 0),
    ):
        with pytest.raises(RequestError, match=r"keeps 3\.\* with each client"):
            ask()


# -- versions ----------------------------------------------------------------------------------------------------------


def accuracies(experiment: Experiment, version: int) -> dict[int, float]:
    rows = experiment.simulation.records.rows("client_evaluation")
    return {row["client"]: row["loss"] for row in rows if row["version"] == version}


def losses(workload: Workload, states: list[np.ndarray]) -> list[float]:
    assert workload.splits is not None
    found = []
    for state, samples in zip(states, workload.splits.test, strict=True):
        job = EvaluationJob(task=workload.task, version=0, parameters=state, samples=samples)
        output = workload.jobs.submit(job).value()
        assert output is not None
        found.append(output.loss)
    return found


@pytest.mark.usefixtures("local_head")
def test_a_version_is_tested_with_the_tensors_that_clients_had_when_it_was_made_however_late_that_is_read() -> None:
    rounds = {"run__evaluation_interval_rounds": 1, "run__evaluation_interval_s": None, "run__horizon_rounds": 9}
    experiment = split_experiment(**rounds)
    workload = experiment.workload
    clients = range(len(workload.shards))
    workload.commit(0, 0.0, workload.initial_state)
    before = [workload.state_of(client, workload.initial_state) for client in clients]
    for client in (0, 3):
        finish(workload, client, workload.initial_state)
    own_model = workload.initial_state - 0.02
    workload.commit(1, 1.0, workload.initial_state + 0.02, models={3: own_model})
    after = [workload.state_of(c, own_model if c == 3 else workload.initial_state + 0.02) for c in clients]
    for client in clients:
        finish(workload, client, workload.initial_state)
    workload.evaluator.close()
    assert list(accuracies(experiment, 0).values()) == losses(workload, before)
    assert list(accuracies(experiment, 1).values()) == losses(workload, after)


def test_models_of_clients_own_are_refused_where_there_is_one_test_set_for_all() -> None:
    workload = small_experiment().workload
    with pytest.raises(RequestError, match="own need data on which each is tested on its own samples"):
        workload.commit(0, 0.0, workload.initial_state, models={0: workload.initial_state})
