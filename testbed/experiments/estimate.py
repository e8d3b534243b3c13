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
    """The size of a run; wall-clock time is extrapolated from a sample, everything else is counted.

    `horizon_s` is the simulated time at which the run ends [s]: as stated, or the time of its last round.
    """

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
        peak_bytes_per_job=float(max(training["peak_bytes"].to_pylist(), default=0.0)),
        num_evaluations=num_evaluations,
        timeline_exact=not scenario.world.algorithm.reads_trained_values,
        wall_s=timeline_s + _training_wall_s(scenario, seed, data_dir, end_s, interval_s),
    )


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
