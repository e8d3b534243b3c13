"""Laws of testing every client on its own samples: metrics are means over clients, on one grid for all."""

import itertools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from torch import nn

from testbed.errors import RequestError
from testbed.learning.client_tests import ClientsOutput, ClientTests
from testbed.learning.evaluation import Evaluator
from testbed.learning.jobs import Jobs
from testbed.learning.kernels.none import NoKernel
from testbed.learning.kernels.protocol import EvaluationJob, Kernel
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.metrics import check_metric, clients_metrics
from testbed.learning.placement.inline import InlinePlacement
from testbed.learning.task import LearningTask
from testbed.records import Recorder

SIZES = (10, 30, 60)


class Watched:
    """An evaluator of three clients with 10, 30 and 60 test samples, on the grid 0, 10, ..., 50 s or every 2 rounds."""

    def __init__(
        self,
        make_task: Any,
        kernel: Kernel | None = None,
        interval_rounds: int | None = None,
        *,
        validates: bool = False,
    ) -> None:
        self.task: LearningTask = make_task(lambda: nn.Sequential(nn.Linear(13, 10)))
        self.records = Recorder()
        self.jobs = Jobs(kernel or SerialKernel(), InlinePlacement(), lambda: 0.0, 50.0, self.records)
        stops = np.cumsum([0, *SIZES])
        self.tested = [np.arange(start, stop) for start, stop in itertools.pairwise(stops)]
        self.validated = [np.arange(100, 105), np.arange(105, 107), np.arange(20)]
        self.evaluator = Evaluator(
            self.jobs,
            self.task,
            np.ones((3, 10), np.int64),
            10.0 if interval_rounds is None else None,
            50.0,
            self.records,
            interval_rounds=interval_rounds,
            tests=ClientTests(self.jobs, self.task, self.tested),
            validation=ClientTests(self.jobs, self.task, self.validated) if validates else None,
        )

    def states(self, version: int) -> np.ndarray:
        rng = np.random.default_rng(version)
        return rng.normal(size=(3, self.task.layout.size)).astype(np.float32)

    def commit(self, version: int, time_s: float, views: Sequence[str] = ()) -> None:
        states = self.states(version)
        named = {name: self.states(100 + version)[0] for name in views}
        self.evaluator.commit(version, time_s, states[0], named, lambda client: states[client])

    def alone(self, state: np.ndarray, client: int, part: str = "tested") -> tuple[float, float]:
        """Return accuracy and loss of a state on a client's test samples, or on another part of its samples."""
        samples = getattr(self, part)[client]
        output = self.jobs.submit(EvaluationJob(task=self.task, version=0, parameters=state, samples=samples)).value()
        assert output is not None
        assert output.num_samples.sum() == len(samples)
        return float(output.num_correct.sum() / output.num_samples.sum()), output.loss

    def metric(self, name: str) -> dict[float, float]:
        return {row["time_s"]: row["value"] for row in self.records.rows("evaluation") if row["metric"] == name}


@pytest.fixture
def watched(make_task: Any) -> Watched:
    return Watched(make_task)


def test_metrics_are_plain_means_over_clients_each_with_its_own_model_on_its_own_samples(watched: Watched) -> None:
    watched.commit(0, 0.0)
    watched.evaluator.close(0.0)
    alone = [watched.alone(watched.states(0)[client], client) for client in range(3)]
    accuracies, losses = np.array(alone).T
    assert watched.metric("accuracy")[0.0] == pytest.approx(accuracies.mean(), rel=1e-12)
    assert watched.metric("loss")[0.0] == pytest.approx(losses.mean(), rel=1e-12)
    assert watched.metric("accuracy_pooled")[0.0] == pytest.approx(accuracies @ SIZES / 100, rel=1e-12)
    assert watched.metric("client_accuracy_p10")[0.0] == pytest.approx(np.percentile(accuracies, 10), rel=1e-12)
    rows = list(watched.records.rows("client_evaluation"))
    assert [(row["client"], row["num_samples"]) for row in rows] == list(enumerate(SIZES))
    assert [(row["accuracy"], row["loss"]) for row in rows] == alone


def test_a_grid_time_sees_the_version_current_then_and_every_version_is_tested_once_a_client(watched: Watched) -> None:
    for version, time_s in [(0, 0.0), (1, 4.0), (2, 9.0), (3, 20.0), (4, 41.0)]:
        watched.commit(version, time_s)
    watched.evaluator.close()
    rows = list(watched.records.rows("client_evaluation"))
    seen = {row["time_s"]: row["version"] for row in rows}
    assert seen == {0.0: 0, 10.0: 2, 20.0: 3, 30.0: 3, 40.0: 3, 50.0: 4}
    assert len(rows) == 6 * 3
    assert sum(row["num_jobs"] for row in watched.records.rows("chunk")) == 4 * 3
    assert list(watched.metric("accuracy")) == list(seen)


def test_on_a_grid_of_rounds_every_kth_version_is_tested_at_its_own_time(make_task: Any) -> None:
    watched = Watched(make_task, interval_rounds=2)
    for version, time_s in [(0, 0.0), (1, 4.0), (2, 9.5), (3, 20.0), (4, 41.0)]:
        watched.commit(version, time_s)
    watched.evaluator.close()
    seen = {(row["time_s"], row["version"]) for row in watched.records.rows("client_evaluation")}
    assert seen == {(0.0, 0), (9.5, 2), (41.0, 4)}


def test_what_is_known_of_the_latest_version_is_the_mean_over_clients(watched: Watched) -> None:
    watched.commit(0, 0.0)
    assert watched.evaluator.latest is None
    times_s, values = watched.evaluator.series("accuracy", 0.0)
    assert times_s == [0.0]
    assert watched.evaluator.latest == (0.0, values[0])
    expected = np.mean([watched.alone(watched.states(0)[client], client)[0] for client in range(3)])
    assert values[0] == pytest.approx(expected, rel=1e-12)


def test_a_view_is_tested_by_client_too_so_that_no_training_sample_counts(watched: Watched) -> None:
    watched.evaluator.views = ("anchor",)
    watched.commit(0, 0.0, ["anchor"])
    watched.evaluator.close(0.0)
    state = watched.states(100)[0]
    alone = np.array([watched.alone(state, client) for client in range(3)])
    assert watched.metric("accuracy_anchor")[0.0] == pytest.approx(alone[:, 0].mean(), rel=1e-12)
    assert watched.metric("loss_anchor")[0.0] == pytest.approx(alone[:, 1].mean(), rel=1e-12)
    assert len(list(watched.records.rows("client_evaluation"))) == 3


def test_validation_is_a_table_on_the_same_grid_and_changes_no_other_row(make_task: Any) -> None:
    both, plain = Watched(make_task, validates=True), Watched(make_task)
    for watched in (both, plain):
        watched.evaluator.views = ("anchor",)
        for version, time_s in [(0, 0.0), (1, 4.0), (2, 20.0)]:
            watched.commit(version, time_s, ["anchor"])
        watched.evaluator.close()
    for table in ("evaluation", "client_evaluation"):
        assert list(both.records.rows(table)) == list(plain.records.rows(table))
    rows = list(both.records.rows("client_validation"))
    assert {row["time_s"]: row["version"] for row in rows} == {0.0: 0, 10.0: 1, 20.0: 2, 30.0: 2, 40.0: 2, 50.0: 2}
    for row in rows:
        state = both.states(row["version"])[row["client"]]
        assert (row["accuracy"], row["loss"]) == both.alone(state, row["client"], "validated")
        assert row["num_samples"] == len(both.validated[row["client"]])
    # Each version once: two vectors a version are tested, one is validated.
    num_jobs = [sum(row["num_jobs"] for row in watched.records.rows("chunk")) for watched in (both, plain)]
    assert num_jobs[0] - len(rows) == 3 * 3 * 3
    assert num_jobs[1] == 3 * 3 * 2


def test_a_client_with_nothing_to_be_tested_on_is_named(watched: Watched) -> None:
    with pytest.raises(ValueError, match=r"clients \[1\] have no samples"):
        ClientTests(watched.jobs, watched.task, [np.arange(3), np.arange(0), np.arange(2)])


def test_without_arithmetic_there_are_no_values(make_task: Any) -> None:
    watched = Watched(make_task, NoKernel(), validates=True)
    watched.evaluator.views = ("anchor",)
    watched.commit(0, 0.0, ["anchor"])
    watched.evaluator.close()
    assert watched.evaluator.latest_accuracy is None
    assert list(watched.records.rows("evaluation")) == []
    assert list(watched.records.rows("client_evaluation")) == []
    assert list(watched.records.rows("client_validation")) == []


def test_a_version_must_say_what_each_client_has_and_only_where_clients_are_tested(watched: Watched) -> None:
    with pytest.raises(ValueError, match="exactly where they have tests of their own"):
        watched.evaluator.commit(0, 0.0, watched.states(0)[0])


def test_an_evaluation_of_no_sample_is_refused(watched: Watched) -> None:
    with pytest.raises(ValueError, match="needs a sample"):
        EvaluationJob(
            task=watched.task, version=0, parameters=watched.states(0)[0], samples=np.empty(0, dtype=np.int64)
        )


def test_all_test_samples_by_number_are_the_test_set(watched: Watched) -> None:
    state, everything = watched.states(0)[0], np.arange(len(watched.task.test_labels))
    whole, numbered = (
        watched.jobs.submit(EvaluationJob(task=watched.task, version=0, parameters=state, samples=samples)).value()
        for samples in (None, everything)
    )
    assert whole is not None
    assert numbered is not None
    assert whole.loss == numbered.loss
    np.testing.assert_array_equal(whole.num_correct, numbered.num_correct)


def test_a_clients_luck_weighs_the_same_whatever_its_number_of_samples() -> None:
    output = ClientsOutput(
        loss=0.5,
        num_correct=np.array([1, 90]),
        num_samples=np.array([10, 90]),
        client_samples=np.array([10, 90]),
        client_correct=np.array([1, 90]),
        client_loss=np.array([0.9, 0.1]),
    )
    metrics = clients_metrics(output)
    assert metrics == pytest.approx(
        {"accuracy": 0.55, "loss": 0.5, "accuracy_pooled": 0.91, "client_accuracy_p10": 0.19}, rel=1e-12
    )


def test_metrics_of_classes_are_unknown_where_clients_are_tested_and_those_of_clients_known() -> None:
    data: Any = SimpleNamespace(is_language=False, tests_by_client=True, test_labels=np.arange(3))
    for metric in ("accuracy", "loss", "accuracy_pooled", "client_accuracy_p10", "loss_anchor"):
        check_metric(metric, data, ["anchor"])
    for metric in ("accuracy_class_1", "perplexity", "accuracy_pool"):
        with pytest.raises(RequestError, match="accuracy_pooled"):
            check_metric(metric, data)
