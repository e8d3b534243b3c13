"""A progress bar with simulated time, version, accuracy (or loss) and the time left; silent when nobody watches."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from testbed.experiments.run import Progress as Snapshot

__all__ = ["RunProgress", "progress_bar"]


class RunProgress:
    """Hands out one observer per run; all runs, one after another or side by side, share one bar."""

    def __init__(self, bar: "Bar | None", num_runs: int) -> None:
        self._bar = bar
        self._num_runs = num_runs
        self._parts: list[float] = []  # of each run's horizon
        self._task = None if bar is None else bar.add_task("", total=num_runs)

    def observer(self, label: str) -> "Callable[[Snapshot], None] | None":
        """Return the function to be called with a run's progress; None when nobody watches."""
        if self._bar is None or self._task is None:
            return None
        bar, task, number = self._bar, self._task, len(self._parts)
        self._parts.append(0.0)

        def observe(at: "Snapshot") -> None:
            self._parts[number] = at.done_fraction
            figure = "" if at.loss is None else f", loss {at.loss:.3f}"
            if at.accuracy is not None:
                figure = f", accuracy {at.accuracy:.3f}"
            count = f"{number + 1}/{self._num_runs} " if self._num_runs > 1 else ""
            bar.update(
                task,
                completed=sum(self._parts),
                description=f"{count}{label}: {at.time_s:.0f} s, version {at.version}{figure}",
            )

        return observe


@contextmanager
def progress_bar(num_runs: int) -> Iterator[RunProgress]:
    """Show a bar on standard error while the body runs; nothing if that is not a terminal."""
    if not sys.stderr.isatty():
        yield RunProgress(None, num_runs)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(bar_width=20), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield RunProgress(bar, num_runs)
