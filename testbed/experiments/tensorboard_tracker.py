"""An event file for TensorBoard: the evaluations of a run, and what it had cost by each of them.

Tags are `evaluation/METRIC` and `cost/COST`. Our choice: the step of a value is the global version that was evaluated,
its wall time the simulated time [s]. So TensorBoard's axis *Step* counts global versions and its axis *Relative* shows
simulated time. TensorBoard keeps single precision; the rows have double.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.settings import Part

__all__ = ["TensorboardTracker"]

# TensorBoard looks for "tfevents" in the name; a fixed name, so that another writing replaces the file.
_FILE: Final = "events.out.tfevents.0.airwan"
_FORMAT: Final = "brain.Event:2"


class TensorboardTracker(Part):
    """Writes one event file a run, with the package `tensorboard` alone."""

    kind: str = "tensorboard"

    def check(self) -> None:
        """Refuse where the package is missing."""
        if find_spec("tensorboard") is None:
            raise RequestError(
                "the tracker 'tensorboard' needs the package of that name: python -m pip install 'airwan[tensorboard]'"
            )

    def track(self, run: RunResult, directory: Path) -> None:
        """Write the event file of a run in `directory`, which is made if it is missing."""
        self.check()
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        directory.mkdir(parents=True, exist_ok=True)
        with (directory / _FILE).open("wb") as file:
            records = RecordWriter(file)
            records.write(Event(wall_time=0.0, file_version=_FORMAT).SerializeToString())
            for time_s, version, values in _points(run):
                summary = Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])
                records.write(Event(wall_time=time_s, step=version, summary=summary).SerializeToString())
            records.flush()


def _points(run: RunResult) -> list[tuple[float, int, dict[str, float]]]:
    """Return (time [s], version, tag -> value) of every evaluation, in order."""
    points: dict[tuple[float, int], dict[str, float]] = {}
    names = ("time_s", "version", "metric", "value")
    times_s, versions, metrics, values = (run.column("evaluation", name).tolist() for name in names)
    for time_s, version, metric, value in zip(times_s, versions, metrics, values, strict=True):
        points.setdefault((time_s, version), {})[f"evaluation/{metric}"] = value
    for cost in run.costs:
        spent = run.spent(cost, np.array(times_s, dtype=np.float64)).tolist()
        for time_s, version, total in zip(times_s, versions, spent, strict=True):
            points[time_s, version][f"cost/{cost}"] = total
    return [(time_s, version, tagged) for (time_s, version), tagged in sorted(points.items(), key=lambda item: item[0])]
