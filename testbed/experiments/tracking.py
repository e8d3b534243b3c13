"""Trackers: adapters that write a run's curves for another tool. The saved rows stay the truth.

A tracker writes beside the saved runs, never in them: a run directory holds what `meta.json` lists and nothing else.
"""

from pathlib import Path
from typing import Protocol

from testbed.experiments.result import RunResult

__all__ = ["Tracker", "tracked_directory"]


class Tracker(Protocol):
    """Another tool that shows curves."""

    kind: str

    def check(self) -> None:
        """Make sure, before a long run, that `track` can do its work here.

        Raises
        ------
        RequestError : what it needs is not installed.
        """
        ...

    def track(self, run: RunResult, directory: Path) -> None:
        """Write the curves of a run in `directory`, replacing those of the same run; the same rows, the same bytes."""
        ...


def tracked_directory(directory: Path, tracker: str) -> Path:
    """Return where a tracker writes what belongs to the run saved in `directory`.

    >>> tracked_directory(Path("runs/mine"), "tensorboard").as_posix()
    'runs/tensorboard/mine'
    """
    return directory.parent / tracker / directory.name
