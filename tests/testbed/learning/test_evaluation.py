"""Laws of evaluation: one grid for every method, each version at most once, metrics by their definitions."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from testbed.errors import RequestError
from testbed.learning.datasets import Dataset
from testbed.learning.datasets.digits import DigitsDataset
from testbed.learning.evaluation import Evaluator
from testbed.learning.jobs import Jobs
from testbed.learning.kernels.none import NoKernel
from testbed.learning.kernels.protocol import EvaluationOutput, Kernel
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.metrics import check_metric, client_accuracies, evaluation_metrics
from testbed.learning.optimizer import OptimizerSettings
from testbed.learning.placement.inline import InlinePlacement
from testbed.learning.task import LearningTask
from testbed.records import Recorder


def tokens(num_windows: int) -> np.ndarray:
    return np.random.default_rng(num_windows).integers(0, 5, size=(num_windows, 6))


class Bigram(nn.Module):
    """Scores of the next token by the token before."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.table(x)
        return scores


class Watched:
    """An evaluator on the grid 0, 10, ..., 50 s."""

    def __init__(self, make_task: Any, kernel: Kernel | None = None, horizon_s: float = 50.0) -> None:
        self.task: LearningTask = make_task(lambda: nn.Sequential(nn.Linear(13, 10)))
        self.records = Recorder()
        self.jobs = Jobs(kernel or SerialKernel(), InlinePlacement(), lambda: 0.0, horizon_s, self.records)
        histograms = np.ones((4, 10), dtype=np.int64)
        self.evaluator = Evaluator(self.jobs, self.task, histograms, 10.0, horizon_s, self.records)

    def commit(self, version: int, time_s: float) -> None:
        rng = np.random.default_rng(version)
        state = rng.normal(size=self.task.layout.size).astype(np.float32)
        self.evaluator.commit(version, time_s, state)

    def accuracies(self) -> dict[float, tuple[int, float]]:
        rows = [row for row in self.records.rows("evaluation") if row["metric"] == "accuracy"]
        return {row["time_s"]: (row["version"], row["value"]) for row in rows}


@pytest.fixture
def watched(make_task: Any) -> Watched:
    return Watched(make_task)


def test_a_grid_time_sees_the_version_current_then_and_a_commit_at_that_time_counts(watched: Watched) -> None:
    for version, time_s in [(0, 0.0), (1, 4.0), (2, 9.0), (3, 20.0), (4, 41.0)]:
        watched.commit(version, time_s)
    watched.evaluator.close()
    versions = {time_s: version for time_s, (version, _) in watched.accuracies().items()}
    assert versions == {0.0: 0, 10.0: 2, 20.0: 3, 30.0: 3, 40.0: 3, 50.0: 4}
    assert [row["time_s"] for row in watched.records.rows("evaluation")] == sorted(
        row["time_s"] for row in watched.records.rows("evaluation")
    )


def test_the_grid_ends_at_the_horizon_whatever_is_committed_later(watched: Watched) -> None:
    watched.commit(0, 0.0)
    watched.commit(1, 75.0)
    watched.evaluator.close()
    assert max(watched.accuracies()) == 50.0


def test_of_several_commits_at_one_time_the_last_counts(watched: Watched) -> None:
    for version in (0, 1, 2):
        watched.commit(version, 0.0)
    watched.evaluator.close()
    assert {version for version, _ in watched.accuracies().values()} == {2}


def test_each_version_is_evaluated_at_most_once_and_unseen_ones_never(watched: Watched) -> None:
    for version in range(30):
        watched.commit(version, version * 0.5)
    assert watched.jobs.num_outstanding == 2  # those of 0 s and 10 s
    watched.evaluator.close()
    (row,) = watched.records.rows("chunk")
    assert row["num_jobs"] == 3
    assert {version for version, _ in watched.accuracies().values()} == {0, 20, 29}


def test_rows_have_the_accuracy_of_their_version(watched: Watched) -> None:
    watched.commit(0, 0.0)
    watched.evaluator.close()
    state = np.random.default_rng(0).normal(size=watched.task.layout.size).astype(np.float32)
    weight, bias = (watched.task.layout.view(state, name) for name in ("0.weight", "0.bias"))
    scores = watched.task.test_inputs.numpy() @ weight.T + bias
    labels = watched.task.test_labels.numpy()
    assert watched.accuracies()[50.0][1] == pytest.approx(np.mean(scores.argmax(axis=1) == labels))
    shifted = scores - scores.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    recorded = [row["value"] for row in watched.records.rows("evaluation") if row["metric"] == "loss"]
    assert recorded == pytest.approx([losses.mean()] * 6, rel=1e-5)


def test_looking_at_the_latest_accuracy_computes_nothing(watched: Watched) -> None:
    assert watched.evaluator.latest is None
    watched.commit(0, 0.0)
    watched.commit(1, 15.0)
    assert watched.evaluator.latest is None
    assert watched.jobs.num_outstanding == 1
    handle = watched.jobs.submit(watched.evaluator._grid[0][2]._job)  # anything read computes all
    handle.value()
    assert watched.evaluator.latest == (10.0, watched.evaluator.latest_accuracy)
    watched.evaluator.close()
    assert watched.accuracies()[10.0][0] == 0


def test_a_dry_run_evaluates_nothing_and_writes_no_rows(make_task: Any) -> None:
    watched = Watched(make_task, NoKernel())
    watched.commit(0, 0.0)
    watched.commit(1, 15.0)
    watched.evaluator.close()
    assert watched.accuracies() == {}
    assert watched.evaluator.latest is None


def test_time_does_not_run_backwards(watched: Watched) -> None:
    watched.commit(0, 5.0)
    with pytest.raises(ValueError, match="before 5"):
        watched.commit(1, 4.0)


def test_a_run_without_a_horizon_says_where_its_grid_ends(make_task: Any) -> None:
    watched = Watched(make_task, horizon_s=np.inf)
    watched.commit(0, 0.0)
    with pytest.raises(ValueError, match="needs an end"):
        watched.evaluator.close()
    watched.evaluator.close(20.0)
    assert list(watched.accuracies()) == [0.0, 10.0, 20.0]


def test_the_accuracy_of_a_client_is_that_of_its_own_labels() -> None:
    output = EvaluationOutput(1.0, np.array([9, 1]), np.array([10, 10]))
    one_class_each = evaluation_metrics(output, np.array([[5, 0]] * 10 + [[0, 5]]))
    assert one_class_each["client_accuracy_p10"] == pytest.approx(0.9)  # 1 in 11 is below the percentile
    half = evaluation_metrics(output, np.array([[3, 3]] * 5))
    assert half["client_accuracy_p10"] == pytest.approx(0.5)


def test_classes_without_test_samples_have_no_accuracy_and_no_weight() -> None:
    output = EvaluationOutput(1.0, np.array([6, 0, 2]), np.array([10, 0, 10]))
    metrics = evaluation_metrics(output, np.array([[5, 5, 0], [0, 9, 0]]))
    assert "accuracy_class_1" not in metrics
    assert metrics["client_accuracy_p10"] == pytest.approx(0.6)
    assert metrics["accuracy"] == pytest.approx(0.4)


def test_pooled_mixes_have_the_accuracy_of_their_mix_and_one_without_tested_classes_has_none() -> None:
    output = EvaluationOutput(1.0, np.array([6, 0, 2]), np.array([10, 0, 10]))
    accuracies = client_accuracies(output, np.array([[3, 7, 1], [0, 9, 0]]))
    assert accuracies[0] == pytest.approx((3 * 0.6 + 0.2) / 4)
    assert np.isnan(accuracies[1])


def test_whoever_asks_for_the_current_version_shares_its_evaluation_with_the_grid(watched: Watched) -> None:
    with pytest.raises(RuntimeError, match="no version"):
        watched.evaluator.evaluate_current()
    watched.commit(0, 0.0)
    asked = watched.evaluator.evaluate_current()
    assert watched.evaluator.evaluate_current() is asked
    watched.commit(1, 4.0)
    assert watched.evaluator.evaluate_current() is not asked
    watched.evaluator.close()
    output = asked.value()
    assert output is not None
    accuracy = output.num_correct.sum() / output.num_samples.sum()
    assert watched.accuracies()[0.0] == (0, accuracy)
    assert watched.accuracies()[10.0] != (0, accuracy)


# -- views and language ------------------------------------------------------------------------------------------------


def by_metric(records: Recorder) -> dict[tuple[float, str], float]:
    return {(row["time_s"], row["metric"]): row["value"] for row in records.rows("evaluation")}


def test_a_view_is_evaluated_like_a_version_of_its_own_and_shares_what_is_the_same_vector(watched: Watched) -> None:
    watched.evaluator.views = ["mean", "worker_0"]
    size = watched.task.layout.size
    main, other = (np.random.default_rng(k).normal(size=size).astype(np.float32) for k in (0, 1))
    watched.evaluator.commit(0, 0.0, main, {"mean": other, "worker_0": main})
    with pytest.raises(ValueError, match="read-only"):  # a change before it is evaluated would rewrite history
        other[0] = 1.0
    watched.evaluator.commit(1, 30.0, other, {"mean": main, "worker_0": other})
    assert watched.jobs.num_outstanding == 2
    watched.evaluator.close()
    found = by_metric(watched.records)
    for name in ("loss", "accuracy"):
        assert found[20.0, name] == found[20.0, f"{name}_worker_0"] == found[30.0, f"{name}_mean"]
        assert found[20.0, f"{name}_mean"] == found[30.0, name] != found[20.0, name]
    assert not any("perplexity" in metric or "class_0_" in metric for _, metric in found)
    assert sum(row["num_jobs"] for row in watched.records.rows("chunk")) == 4


def test_the_views_of_a_version_are_those_that_the_world_stated(watched: Watched) -> None:
    state = watched.task.initial_state()
    with pytest.raises(ValueError, match="the world stated"):
        watched.evaluator.commit(0, 0.0, state, {"mean": state})
    watched.evaluator.views = ["mean"]
    with pytest.raises(ValueError, match="the world stated"):
        watched.evaluator.commit(0, 0.0, state)
    for names in (["mean", "mean"], ["class_3"], ["Mean"], [""]):
        with pytest.raises(ValueError, match="names of their own"):
            watched.evaluator.views = names


def test_a_series_of_a_view_is_there_while_the_run_goes_on(watched: Watched) -> None:
    watched.evaluator.views = ["mean"]
    state = watched.task.initial_state()
    watched.evaluator.commit(0, 0.0, state, {"mean": state + 1})
    times_s, losses = watched.evaluator.series("loss_mean", 20.0)
    assert times_s == [0.0, 10.0, 20.0]
    assert len(set(losses)) == 1
    watched.evaluator.close()


def test_language_is_judged_by_token_and_perplexity_is_the_exponential_of_the_loss() -> None:
    data = Dataset(
        name="walk", num_classes=5, train_inputs=tokens(3), train_labels=tokens(4)[:3], test_inputs=tokens(7),
        test_labels=tokens(8)[:7],
    )  # fmt: skip
    task = LearningTask(Bigram(), data, OptimizerSettings(learning_rate=0.1), batch_width=2)
    records = Recorder()
    jobs = Jobs(SerialKernel(), InlinePlacement(), lambda: 0.0, 5.0, records)
    evaluator = Evaluator(jobs, task, np.ones((1, 5), np.int64), 10.0, 5.0, records)
    evaluator.views = ["mean"]
    state = task.initial_state()
    evaluator.commit(0, 0.0, state, {"mean": np.zeros_like(state)})
    evaluator.close()
    found = {metric: value for (_, metric), value in by_metric(records).items()}
    table = state.reshape(5, 5).astype(np.float64)
    chances = np.exp(table) / np.exp(table).sum(axis=1, keepdims=True)
    inputs, labels = data.test_inputs.reshape(-1), data.test_labels.reshape(-1)
    assert found["loss"] == pytest.approx(-np.log(chances[inputs, labels]).mean(), rel=1e-6)
    assert found["perplexity"] == pytest.approx(np.exp(found["loss"]), rel=1e-12)
    assert found["accuracy"] == pytest.approx((table.argmax(axis=1)[inputs] == labels).mean())
    assert found["perplexity_mean"] == pytest.approx(5.0, rel=1e-6)  # as good as a guess
    assert set(found) == {f"{name}{view}" for name in ("accuracy", "loss", "perplexity") for view in ("", "_mean")}
    assert evaluator.latest_loss is None  # the grid is closed


def test_a_metric_is_known_exactly_if_a_run_on_the_data_records_it() -> None:
    text = Dataset(
        name="walk", num_classes=5, train_inputs=tokens(3), train_labels=tokens(3), test_inputs=tokens(7),
        test_labels=tokens(7),
    )  # fmt: skip
    digits = DigitsDataset().load(None)
    for data, known, unknown in (
        (text, ["loss", "perplexity", "accuracy", "perplexity_mean"], ["client_accuracy_p10", "accuracy_class_1"]),
        (digits, ["loss", "accuracy", "client_accuracy_p10", "accuracy_class_9", "loss_mean"], ["perplexity"]),
    ):
        for metric in known:
            check_metric(metric, data, ["mean"])
        for metric in [*unknown, "loss_worker"]:
            with pytest.raises(RequestError, match="unknown metric"):
                check_metric(metric, data, ["mean"])
