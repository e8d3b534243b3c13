"""What a run would take, without training: the timeline is simulated in full, the arithmetic is sampled.

Methods whose decisions read no trained values have the same timeline whatever is learnt, so the counts are exact; for
others they are what the timeline would be if nothing were learnt.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from testbed.errors import RunFailure
from testbed.experiments.resolve import ResolvedScenario
from testbed.experiments.result import RunResult
from testbed.experiments.run import execute, prepare, torch_threads
from testbed.learning.jobs import EvaluationJob
from testbed.learning.kernels.protocol import Chunk, Job, Output
from testbed.learning.workload import Workload

__all__ = ["Estimate", "estimate"]

_SAMPLE_FRACTION: Final = 0.05
_MIN_SAMPLE_EVALUATIONS: Final = 4


@dataclass(frozen=True)
class Estimate:
    """The size of a run; wall-clock time is extrapolated from a sample, everything else is counted.

    `horizon_s` is the simulated time at which the run ends [s]: as stated, or the time of its last round. `flop` is
    what the clock charges the devices for [FLOP], as in the table `training`: of a virtual model where the scenario
    states one, and with the work that is lost. `flop_computed` is what this machine computes [FLOP]: of the model that
    is trained, the jobs that somebody reads, and the evaluations.
    """

    algorithm: str
    horizon_s: float
    num_versions: int
    num_jobs: int
    flop: float
    flop_computed: float
    peak_bytes_per_job: float
    num_evaluations: int
    timeline_exact: bool
    wall_s: float

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON has them."""
        return asdict(self)


def estimate(scenario: ResolvedScenario, seed: int, data_dir: Path | None) -> Estimate:
    """Return what running `scenario` under `seed` would take.

    Raises
    ------
    RequestError : the scenario's data or the seed cannot be accepted.
    """
    started = time.perf_counter()
    timeline, flop_computed = _timeline(scenario, seed, data_dir)
    timeline_s = time.perf_counter() - started
    training = timeline.tables["training"]
    end_s = float(timeline.meta["simulated_end_s"])
    num_versions = (scenario.run.horizon_rounds or 0) if timeline.between_regions else timeline.num_versions
    interval_s = scenario.run.evaluation_interval_s
    if scenario.run.evaluation_interval_rounds is not None:
        interval_s = end_s * scenario.run.evaluation_interval_rounds / max(num_versions, 1)
    assert interval_s is not None
    num_evaluations = int(end_s / interval_s) + 1
    return Estimate(
        algorithm=scenario.algorithm,
        horizon_s=end_s,
        num_versions=num_versions,
        num_jobs=training.num_rows,
        flop=float(sum(training["flop"].to_pylist())),
        flop_computed=flop_computed,
        peak_bytes_per_job=float(max(training["peak_bytes"].to_pylist(), default=0.0)),
        num_evaluations=num_evaluations,
        timeline_exact=not scenario.world.algorithm.reads_trained_values,
        wall_s=timeline_s + _training_wall_s(scenario, seed, data_dir, end_s, interval_s),
    )


class _CountingPlacement:
    """Computes nothing, and adds up what the jobs that it is given would cost [FLOP]."""

    kind = "counting"
    reason = "nowhere"

    def __init__(self, workload: Workload) -> None:
        self._placement = workload.jobs.placement
        self._workload = workload
        self.flop = 0.0

    def run(self, chunks: Sequence[Chunk]) -> Iterable[list[Output]]:
        self.flop += sum(self._cost(job) for chunk in chunks for job in chunk.jobs)
        return self._placement.run(chunks)

    def close(self) -> None:
        self._placement.close()

    def _cost(self, job: Job) -> float:
        if isinstance(job, EvaluationJob):
            return self._workload.cost.forward_flop_per_sample * len(job.task.test_labels)
        return self._workload.flop_of(job)


def _timeline(scenario: ResolvedScenario, seed: int, data_dir: Path | None) -> tuple[RunResult, float]:
    """Return the run without its arithmetic, up to a failure if there is one, and what that arithmetic costs [FLOP]."""
    with torch_threads(scenario.run.num_threads):
        data = scenario.data.dataset.load(data_dir)
        experiment = prepare(scenario, seed, data, kernel="none", data_dir=data_dir)
        jobs = experiment.workload.jobs
        jobs.placement = counting = _CountingPlacement(experiment.workload)
        with suppress(RunFailure):
            experiment.run()
    meta = {"simulated_end_s": experiment.simulation.now_s}
    tables = experiment.simulation.records.tables()
    return RunResult("", scenario.document, seed, meta, tables), counting.flop


def _training_wall_s(
    scenario: ResolvedScenario, seed: int, data_dir: Path | None, end_s: float, interval_s: float
) -> float:
    """Return the wall time of the whole run's arithmetic, extrapolated from its first simulated seconds.

    What a store of results would replay is not subtracted.
    """
    sample_s = min(end_s, max(_SAMPLE_FRACTION * end_s, _MIN_SAMPLE_EVALUATIONS * interval_s))
    short = scenario.with_horizon(sample_s)
    spent_s = []
    for kernel in (None, "none"):
        started = time.perf_counter()
        execute(short, seed, data_dir=data_dir, kernel=kernel)
        spent_s.append(time.perf_counter() - started)
    return max(0.0, spent_s[0] - spent_s[1]) * end_s / sample_s
