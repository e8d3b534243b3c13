"""How good each version is, on one grid of simulated times, for every method alike; or every so many rounds.

A version is evaluated at most once, and only if it was the current one at some grid time. The evaluation is
a job like any other and is computed when somebody needs a value, so evaluating costs no simulated time and
few calls. On a grid of rounds every k-th version is evaluated, whenever it comes: which jobs a synchronous method
submits is then independent of how long its rounds take.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from testbed.errors import unknown_name
from testbed.learning.datasets.dataset import Dataset
from testbed.learning.jobs import Handle, Jobs
from testbed.learning.kernels.protocol import EvaluationJob, EvaluationOutput
from testbed.learning.task import LearningTask, State
from testbed.records import Recorder, Schema

__all__ = ["EVALUATION", "Evaluator", "check_metric", "client_accuracies", "evaluation_metrics"]

EVALUATION: Final = Schema.of(
    "evaluation",
    "A metric of the version that was current at a grid time, or of every k-th version on a grid of rounds.",
    time_s=("float", "grid time; on a grid of rounds, the time of the version [s]"),
    version=("int", "global version current at that time"),
    metric=("str", "accuracy, loss [nat], accuracy_class_k, client_accuracy_p10"),
    value=("float", "its value"),
)

_UNLUCKY_PERCENTILE: Final = 10.0


def evaluation_metrics(output: EvaluationOutput, histograms: npt.NDArray[np.int64]) -> dict[str, float]:
    """Return the metrics of one version by name.

        accuracy = sum_k correct_k / sum_k n_k,    accuracy_class_k = correct_k / n_k
        client_accuracy_i = sum_k lambda_ik accuracy_class_k

    Our choice: a client's accuracy is what the test set says of its own mix of labels lambda_i;
    `client_accuracy_p10` is the tenth percentile over clients. Classes without a test sample are left out,
    and so are clients who have no other.

    Parameters
    ----------
    output : the counts of the test set.
    histograms : (num_clients, num_classes) training samples of each label.

    >>> output = EvaluationOutput(0.5, np.array([8, 2]), np.array([10, 10]))
    >>> metrics = evaluation_metrics(output, np.array([[4, 0], [0, 4]]))
    >>> metrics["accuracy"], metrics["accuracy_class_1"], round(metrics["client_accuracy_p10"], 3)
    (0.5, 0.2, 0.26)
    """
    tested = output.num_samples > 0
    class_accuracies = output.num_correct[tested] / output.num_samples[tested]
    metrics = {"accuracy": float(output.num_correct.sum() / output.num_samples.sum()), "loss": output.loss}
    for label, accuracy in zip(np.flatnonzero(tested), class_accuracies, strict=True):
        metrics[f"accuracy_class_{label}"] = float(accuracy)
    clients = client_accuracies(output, histograms)
    if not np.isnan(clients).all():
        metrics["client_accuracy_p10"] = float(np.nanpercentile(clients, _UNLUCKY_PERCENTILE))
    return metrics


def check_metric(metric: str, data: Dataset) -> None:
    """Refuse a metric that a run on this data does not record.

    Raises
    ------
    RequestError : lists those that it does.
    """
    known = ["accuracy", "loss", "client_accuracy_p10"]
    known += [f"accuracy_class_{label}" for label in np.unique(data.test_labels)]
    if metric not in known:
        raise unknown_name("metric", metric, known)


def client_accuracies(output: EvaluationOutput, histograms: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return sum_k lambda_ik accuracy_class_k of each mix of labels, (num_mixes,); NaN where no class is tested.

    Parameters
    ----------
    output : the counts of the test set.
    histograms : (num_mixes, num_classes) samples of each label, of a client or of several pooled.

    >>> client_accuracies(EvaluationOutput(0.5, np.array([8, 2]), np.array([10, 10])), np.array([[3, 1]])).round(3)
    array([0.65])
    """
    tested = output.num_samples > 0
    mixes = histograms[:, tested].astype(np.float64)
    totals = mixes.sum(axis=1)
    correct = mixes @ (output.num_correct[tested] / output.num_samples[tested])
    accuracies = np.full(len(totals), np.nan)
    np.divide(correct, totals, out=accuracies, where=totals > 0)
    return accuracies


class Evaluator:
    """Evaluates the current version at the times k interval_s, or the versions k interval_rounds, k = 0, 1, ...

    Parameters
    ----------
    jobs : where evaluations are submitted.
    task : what is evaluated.
    histograms : (num_clients, num_classes) training samples of each label.
    interval_s, interval_rounds : the grid's spacing, exactly one of the two.
    horizon_s : the last grid time is at most this.
    records : receives the table `evaluation` on `close`.

    Raises
    ------
    ValueError : a spacing that is not positive; both, or none.
    """

    def __init__(
        self,
        jobs: Jobs,
        task: LearningTask,
        histograms: npt.NDArray[np.int64],
        interval_s: float | None,
        horizon_s: float,
        records: Recorder,
        *,
        interval_rounds: int | None = None,
    ) -> None:
        if (interval_s is None) == (interval_rounds is None):
            raise ValueError("an evaluation grid has exactly one of interval_s and interval_rounds")
        for name, interval in (("interval_s", interval_s), ("interval_rounds", interval_rounds)):
            if interval is not None and not interval > 0:
                raise ValueError(f"{name} = {interval}: must be above 0")
        self._jobs = jobs
        self._task = task
        self._histograms = histograms
        self._interval_s = interval_s
        self._interval_rounds = interval_rounds
        self._horizon_s = horizon_s
        self._record = records.open(EVALUATION)
        self._current: tuple[int, State] | None = None
        self._current_handle: Handle[EvaluationOutput | None] | None = None
        self._last_commit_s = 0.0
        self._grid: list[tuple[float, int, Handle[EvaluationOutput | None]]] = []
        self._next_point = 0
        self._num_known = 0  # grid points whose evaluation has been computed, from the first on
        self._metrics: dict[int, dict[str, float]] = {}  # by version

    def commit(self, version: int, time_s: float, parameters: State) -> None:
        """Take note that `version` with these parameters, (num_entries,), is current from `time_s` on.

        A grid time exactly at a commit sees the new version.
        """
        if time_s < self._last_commit_s:
            raise ValueError(f"version {version} was committed at {time_s} s, before {self._last_commit_s} s")
        self._fill(time_s, inclusive=False)
        self._current, self._current_handle, self._last_commit_s = (version, parameters), None, time_s
        if self._interval_rounds is not None and version % self._interval_rounds == 0:
            self._grid.append((time_s, version, self.evaluate_current()))

    def close(self, end_s: float | None = None) -> None:
        """Fill a grid of times to the horizon (or `end_s`, for a run without one) and write the rows."""
        end_s = self._horizon_s if end_s is None else end_s
        if self._interval_s is not None and not math.isfinite(end_s):
            raise ValueError("an evaluation grid without a horizon needs an end")
        self._fill(end_s, inclusive=True)
        for time_s, version, handle in self._grid:
            for name, value in self._metrics_of(version, handle).items():
                self._record(time_s, version, name, value)
        self._grid.clear()
        self._metrics.clear()

    def series(self, metric: str, now_s: float) -> tuple[list[float], list[float]]:
        """Return the grid times up to `now_s` [s] and a metric at each, computing what has not been computed.

        Everything that is to happen at `now_s` must have happened. A metric that is not recorded has no values.
        """
        self._fill(now_s, inclusive=True)
        times_s, values = [], []
        for time_s, version, handle in self._grid:
            metrics = self._metrics_of(version, handle)
            if metric in metrics:
                times_s.append(time_s)
                values.append(metrics[metric])
        return times_s, values

    def _metrics_of(self, version: int, handle: Handle[EvaluationOutput | None]) -> dict[str, float]:
        """Return the metrics of a version; none under a kernel that computes nothing."""
        if version not in self._metrics:
            output = handle.value()
            self._metrics[version] = {} if output is None else evaluation_metrics(output, self._histograms)
        return self._metrics[version]

    @property
    def interval_s(self) -> float:
        """The spacing of a grid of times [s]; infinity for a grid of rounds."""
        return math.inf if self._interval_s is None else self._interval_s

    def evaluate_current(self) -> Handle[EvaluationOutput | None]:
        """Return the evaluation of the current version, submitted once however often it is asked for.

        Raises
        ------
        RuntimeError : no version has been committed yet.
        """
        if self._current_handle is None:
            if self._current is None:
                raise RuntimeError("there is no version to evaluate yet")
            version, parameters = self._current
            job = EvaluationJob(task=self._task, version=version, parameters=parameters)
            self._current_handle = self._jobs.submit(job)
        return self._current_handle

    @property
    def latest(self) -> tuple[float, float] | None:
        """The last grid time [s] whose version has been evaluated, and its accuracy; computes nothing."""
        while self._num_known < len(self._grid) and self._grid[self._num_known][2].is_computed:
            self._num_known += 1
        if self._num_known == 0:
            return None
        time_s, _, handle = self._grid[self._num_known - 1]
        output = handle.value()
        return None if output is None else (time_s, float(output.num_correct.sum() / output.num_samples.sum()))

    @property
    def latest_accuracy(self) -> float | None:
        """The accuracy of `latest`."""
        return None if self.latest is None else self.latest[1]

    def _fill(self, stop_s: float, *, inclusive: bool) -> None:
        """Assign the current version to the grid times before `stop_s` (or up to it) that have none yet."""
        while self._interval_s is not None:
            time_s = self._next_point * self._interval_s
            if time_s > min(stop_s, self._horizon_s) or (time_s == stop_s and not inclusive):
                return
            self._next_point += 1
            if self._current is not None:
                self._grid.append((time_s, self._current[0], self.evaluate_current()))
