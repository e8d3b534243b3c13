"""What a run would take, without training: the timeline is simulated in full, the arithmetic is sampled.

Methods whose decisions read no trained values have the same timeline whatever is learnt, so the counts are exact; for
others they are what the timeline would be if nothing were learnt.
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from testbed.experiments.resolve import ResolvedScenario
from testbed.experiments.run import execute

__all__ = ["Estimate", "estimate"]

_SAMPLE_FRACTION: Final = 0.05
_MIN_SAMPLE_EVALUATIONS: Final = 4


@dataclass(frozen=True)
class Estimate:
    """The size of a run; wall-clock time is extrapolated from a sample, everything else is counted."""

    algorithm: str
    horizon_s: float
    num_versions: int
    num_jobs: int
    flop: float
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
    timeline = execute(scenario, seed, data_dir=data_dir, kernel="none")
    timeline_s = time.perf_counter() - started
    training = timeline.tables["training"]
    num_evaluations = int(scenario.run.horizon_s / scenario.run.evaluation_interval_s) + 1
    return Estimate(
        algorithm=scenario.algorithm,
        horizon_s=scenario.run.horizon_s,
        num_versions=timeline.tables["version"].num_rows,
        num_jobs=training.num_rows,
        flop=float(sum(training["flop"].to_pylist())),
        peak_bytes_per_job=float(max(training["peak_bytes"].to_pylist(), default=0.0)),
        num_evaluations=num_evaluations,
        timeline_exact=not scenario.world.algorithm.reads_trained_values,
        wall_s=timeline_s + _training_wall_s(scenario, seed, data_dir),
    )


def _training_wall_s(scenario: ResolvedScenario, seed: int, data_dir: Path | None) -> float:
    """Return the wall time of the whole run's arithmetic, extrapolated from its first simulated seconds."""
    interval_s = scenario.run.evaluation_interval_s
    sample_s = min(
        scenario.run.horizon_s,
        max(_SAMPLE_FRACTION * scenario.run.horizon_s, _MIN_SAMPLE_EVALUATIONS * interval_s),
    )
    short = scenario.with_horizon(sample_s)
    spent_s = []
    for kernel in (None, "none"):
        started = time.perf_counter()
        execute(short, seed, data_dir=data_dir, kernel=kernel)
        spent_s.append(time.perf_counter() - started)
    return max(0.0, spent_s[0] - spent_s[1]) * scenario.run.horizon_s / sample_s
