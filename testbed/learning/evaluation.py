"""How good each version is, on one grid of simulated times, for every method alike; or every so many rounds.

A version is evaluated at most once, and only if it was the current one at some grid time. The evaluation is
a job like any other and is computed when somebody needs a value, so evaluating costs no simulated time and
few calls. On a grid of rounds every k-th version is evaluated, whenever it comes: which jobs a synchronous method
submits is then independent of how long its rounds take.

Where clients are tested on samples of their own (`client_tests.py`), a version is evaluated once a client, with the
client's own tensors and perhaps a model of its own; the metrics are then means over clients. The same may be done on
what clients validate with, for readers who choose a version by it: that is a table and no metric.

A version may have *views*: further parameter vectors, such as one region's replica or the mean of all. Their metrics
are `loss_VIEW`, `accuracy_VIEW` and, of language, `perplexity_VIEW`; where clients have tests of their own, means over
clients who all use that one vector.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from testbed.learning.client_tests import (
    CLIENT_EVALUATION,
    CLIENT_VALIDATION,
    ClientsHandle,
    ClientsOutput,
    ClientTests,
    StateOf,
)
from testbed.learning.jobs import Handle, Jobs
from testbed.learning.kernels.protocol import EvaluationJob, EvaluationOutput
from testbed.learning.metrics import clients_metrics, evaluation_metrics, main_metrics
from testbed.learning.task import LearningTask, State
from testbed.records import Recorder, Schema

__all__ = ["EVALUATION", "NO_MODELS", "NO_VIEWS", "Evaluator"]

EVALUATION: Final = Schema.of(
    "evaluation",
    "A metric of the version that was current at a grid time, or of every k-th version on a grid of rounds.",
    time_s=("float", "grid time; on a grid of rounds, the time of the version [s]"),
    version=("int", "global version current at that time"),
    metric=("str", "accuracy, loss [nat], accuracy_class_k, client_accuracy_p10, perplexity; of a view, loss_VIEW"),
    value=("float", "its value"),
)

NO_VIEWS: Final[Mapping[str, State]] = MappingProxyType({})
NO_MODELS: Final[Mapping[int, State]] = MappingProxyType({})

_VIEW: Final = re.compile(r"[a-z][a-z0-9_]*")
_TAKEN: Final = re.compile(r"class_\d+")

# The evaluation of a version, and those of its views by name.
_Evaluation = Handle[EvaluationOutput | None] | ClientsHandle
_Handles = dict[str, _Evaluation]


class Evaluator:
    """Evaluates the current version at the times k interval_s, or the versions k interval_rounds, k = 0, 1, ...

    Parameters
    ----------
    jobs : where evaluations are submitted.
    task : what is evaluated.
    histograms : (num_clients, num_classes) training samples (of language: tokens) of each label.
    interval_s, interval_rounds : the grid's spacing, exactly one of the two.
    horizon_s : the last grid time is at most this.
    records : receives the table `evaluation` on `close`, and `client_evaluation` if there are `tests`.
    tests : the clients' own tests; None: there is one test set for all.
    validation : as `tests`, on what clients validate with; None: that is not evaluated. Rows of `client_validation`.

    `views` are the names of the views that every version has, none at first; the world states them when it is built.

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
        tests: ClientTests | None = None,
        validation: ClientTests | None = None,
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
        self._tests = tests
        self._validation = validation
        self._record_client = records.open(CLIENT_EVALUATION) if tests is not None else None
        self._record_validation = records.open(CLIENT_VALIDATION) if validation is not None else None
        self._views: tuple[str, ...] = ()
        self._current: tuple[int, State, Mapping[str, State], StateOf | None] | None = None
        self._current_handle: _Evaluation | None = None
        self._current_views: _Handles | None = None
        self._current_validation: ClientsHandle | None = None
        self._last_commit_s = 0.0
        self._grid: list[tuple[float, int, _Evaluation, _Handles, ClientsHandle | None]] = []
        self._next_point = 0
        self._num_known = 0  # grid points whose evaluation has been computed, from the first on
        self._metrics: dict[int, dict[str, float]] = {}  # by version

    @property
    def views(self) -> tuple[str, ...]:
        """The names of the views that every version has."""
        return self._views

    @views.setter
    def views(self, names: Sequence[str]) -> None:
        bad = [name for name in names if not _VIEW.fullmatch(name) or _TAKEN.fullmatch(name)]
        if bad or len(set(names)) != len(names):
            raise ValueError(f"views need names of their own, in lower case, digits and _, got {names}")
        self._views = tuple(names)

    def commit(
        self,
        version: int,
        time_s: float,
        parameters: State,
        views: Mapping[str, State] = NO_VIEWS,
        state_of: StateOf | None = None,
    ) -> None:
        """Take note that `version` with these parameters, (num_entries,), is current from `time_s` on.

        A grid time exactly at a commit sees the new version. `views` has the vector of every name in `self.views`,
        (num_entries,) each, made read-only; one that is `parameters` itself costs no evaluation of its own. Where
        clients have tests of their own, `state_of` gives every client's whole state as it is now, whenever it is asked.
        """
        if time_s < self._last_commit_s:
            raise ValueError(f"version {version} was committed at {time_s} s, before {self._last_commit_s} s")
        if set(views) != set(self._views):
            raise ValueError(f"version {version} has the views {sorted(views)}, the world stated {sorted(self._views)}")
        if (state_of is None) != (self._tests is None):
            raise ValueError("a version states the clients' own states exactly where they have tests of their own")
        for vector in views.values():
            vector.setflags(write=False)
        self._fill(time_s, inclusive=False)
        self._current, self._current_handle, self._last_commit_s = (version, parameters, views, state_of), None, time_s
        self._current_views = self._current_validation = None
        if self._interval_rounds is not None and version % self._interval_rounds == 0:
            self._put_current(time_s)

    def close(self, end_s: float | None = None) -> None:
        """Fill a grid of times to the horizon (or `end_s`, for a run without one) and write the rows."""
        end_s = self._horizon_s if end_s is None else end_s
        if self._interval_s is not None and not math.isfinite(end_s):
            raise ValueError("an evaluation grid without a horizon needs an end")
        self._fill(end_s, inclusive=True)
        for time_s, version, handle, views, validation in self._grid:
            for name, value in self._metrics_of(version, handle, views).items():
                self._record(time_s, version, name, value)
            _write_clients(self._record_client, time_s, version, handle)
            _write_clients(self._record_validation, time_s, version, validation)
        self._grid.clear()
        self._metrics.clear()

    def series(self, metric: str, now_s: float) -> tuple[list[float], list[float]]:
        """Return the grid times up to `now_s` [s] and a metric at each, computing what has not been computed.

        Everything that is to happen at `now_s` must have happened. A metric that is not recorded has no values.
        """
        self._fill(now_s, inclusive=True)
        times_s, values = [], []
        for time_s, version, handle, views, _ in self._grid:
            metrics = self._metrics_of(version, handle, views)
            if metric in metrics:
                times_s.append(time_s)
                values.append(metrics[metric])
        return times_s, values

    def _metrics_of(self, version: int, handle: _Evaluation, views: _Handles) -> dict[str, float]:
        """Return the metrics of a version; none under a kernel that computes nothing."""
        if version not in self._metrics:
            output, is_language = handle.value(), self._task.is_language
            metrics: dict[str, float] = {}
            if isinstance(output, ClientsOutput):
                metrics = clients_metrics(output)
            elif output is not None and is_language:
                metrics = main_metrics(output, is_language=True)
            elif output is not None:
                metrics = evaluation_metrics(output, self._histograms)
            for view, evaluation in views.items():
                if (seen := evaluation.value()) is not None:
                    of_view = _main_metrics(seen, is_language=is_language)
                    metrics |= {f"{name}_{view}": value for name, value in of_view.items()}
            self._metrics[version] = metrics
        return self._metrics[version]

    @property
    def interval_s(self) -> float:
        """The spacing of a grid of times [s]; infinity for a grid of rounds."""
        return math.inf if self._interval_s is None else self._interval_s

    @property
    def interval_rounds(self) -> int | None:
        """The spacing of a grid of rounds; None for a grid of times."""
        return self._interval_rounds

    def evaluate_current(self) -> _Evaluation:
        """Return the evaluation of the current version, submitted once however often it is asked for.

        Raises
        ------
        RuntimeError : no version has been committed yet.
        """
        if self._current_handle is None:
            if self._current is None:
                raise RuntimeError("there is no version to evaluate yet")
            version, parameters, _, state_of = self._current
            if self._tests is not None and state_of is not None:
                self._current_handle = self._tests.submit(version, state_of)
            else:
                self._current_handle = self._submit(version, parameters)
        return self._current_handle

    def _submit(self, version: int, parameters: State) -> Handle[EvaluationOutput | None]:
        return self._jobs.submit(EvaluationJob(task=self._task, version=version, parameters=parameters))

    def _submit_view(self, version: int, vector: State) -> _Evaluation:
        return self._submit(version, vector) if self._tests is None else self._tests.submit(version, lambda _: vector)

    def _put_current(self, time_s: float) -> None:
        """Put the current version and its views on the grid, each submitted once."""
        assert self._current is not None
        version, parameters, views, state_of = self._current
        own = self.evaluate_current()
        if self._current_views is None:
            self._current_views = {
                name: own if vector is parameters and isinstance(own, Handle) else self._submit_view(version, vector)
                for name, vector in views.items()
            }
        if self._validation is not None and state_of is not None and self._current_validation is None:
            self._current_validation = self._validation.submit(version, state_of)
        self._grid.append((time_s, version, own, self._current_views, self._current_validation))

    @property
    def latest(self) -> tuple[float, float] | None:
        """The last grid time [s] whose version has been evaluated, and its accuracy; computes nothing."""
        found = self._latest_output()
        if found is None:
            return None
        time_s, output = found
        return time_s, _main_metrics(output, is_language=False)["accuracy"]

    @property
    def latest_accuracy(self) -> float | None:
        """The accuracy of `latest`."""
        return None if self.latest is None else self.latest[1]

    @property
    def latest_loss(self) -> float | None:
        """The loss of the version of `latest` [nat]."""
        found = self._latest_output()
        return None if found is None else found[1].loss

    def _latest_output(self) -> tuple[float, EvaluationOutput] | None:
        while self._num_known < len(self._grid) and self._grid[self._num_known][2].is_computed:
            self._num_known += 1
        if self._num_known == 0:
            return None
        time_s, _, handle, *_ = self._grid[self._num_known - 1]
        output = handle.value()
        return None if output is None else (time_s, output)

    def _fill(self, stop_s: float, *, inclusive: bool) -> None:
        """Assign the current version to the grid times before `stop_s` (or up to it) that have none yet."""
        while self._interval_s is not None:
            time_s = self._next_point * self._interval_s
            if time_s > min(stop_s, self._horizon_s) or (time_s == stop_s and not inclusive):
                return
            self._next_point += 1
            if self._current is not None:
                self._put_current(time_s)


def _write_clients(record: Callable[..., None] | None, time_s: float, version: int, handle: _Evaluation | None) -> None:
    """Append a row a client; nothing without a table or a handle, or under a kernel that computes nothing."""
    output = None if handle is None else handle.value()
    if record is None or not isinstance(output, ClientsOutput):
        return
    columns = (output.client_samples, output.client_accuracy, output.client_loss)
    for client, row in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        record(time_s, version, client, *row)


def _main_metrics(output: EvaluationOutput, *, is_language: bool) -> dict[str, float]:
    """Return accuracy and loss, and of language perplexity; means over clients who are tested by themselves."""
    if isinstance(output, ClientsOutput):
        metrics = clients_metrics(output)
        return {name: metrics[name] for name in ("accuracy", "loss")}
    return main_metrics(output, is_language=is_language)
