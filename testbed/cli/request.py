"""What the command line asks for: a scenario with its overrides, and a tracker for its curves."""

from pathlib import Path
from typing import TYPE_CHECKING

from testbed.cli.files import save

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testbed.experiments.result import RunResult
    from testbed.experiments.scenario import Scenario
    from testbed.experiments.tracking import Tracker

__all__ = ["chosen_scenario", "chosen_tracker", "write_curves"]


def chosen_scenario(
    name: str,
    set_: list[str] | None,
    kernel: str | None = None,
    placement: str | None = None,
    store: Path | None = None,
    workers: int | None = None,
    device: str | None = None,
) -> "Scenario":
    """Return the scenario with the overrides of the command line."""
    from testbed.experiments.overrides import parse_override
    from testbed.experiments.scenario import Scenario

    chosen = Scenario.load(name)
    for text in set_ or []:
        chosen = chosen.set(*parse_override(text))
    named = {"kernel": kernel, "placement": placement, "store": store, "num_workers": workers, "device": device}
    for key, value in named.items():
        chosen = chosen if value is None else chosen.set(f"run.{key}", value)
    return chosen


def chosen_tracker(name: str | None) -> "Tracker | None":
    """Return the tracker of a name, if it can do its work here."""
    from testbed.settings import component

    if name is None:
        return None
    tracker: Tracker = component("tracker").read(name)
    tracker.check()
    return tracker


def write_curves(tracker: "Tracker | None", runs: "Mapping[Path, RunResult]") -> list[Path]:
    """Write the curves of saved runs beside them; return where."""
    from testbed.experiments.tracking import tracked_directory

    if tracker is None:
        return []
    folders = {tracked_directory(path, tracker.kind): run for path, run in runs.items() if run.tables}
    for folder, run in folders.items():
        save(folder, lambda folder=folder, run=run: tracker.track(run, folder))  # type: ignore[misc]
    return list(folders)
