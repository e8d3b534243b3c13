"""`testbed run`: a scenario once."""

from typing import TYPE_CHECKING, Annotated

import typer

from testbed.cli.options import (
    DEFAULT_ROOT,
    DataOption,
    DeviceOption,
    JsonOption,
    KernelOption,
    OutOption,
    PlacementOption,
    ScenarioArgument,
    SetOption,
    StoreOption,
    TrackOption,
    WorkersOption,
)
from testbed.cli.output import answer
from testbed.cli.request import chosen_scenario, chosen_tracker, write_curves

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["run"]


def run(
    scenario: ScenarioArgument,
    set_: SetOption = None,
    seed: Annotated[int, typer.Option(help="Root of all luck, at least 0.")] = 0,
    out: OutOption = None,
    kernel: KernelOption = None,
    placement: PlacementOption = None,
    workers: WorkersOption = None,
    device: DeviceOption = None,
    data: DataOption = None,
    store: StoreOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would take; train nothing.")] = False,
    track: TrackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a scenario once and save its rows."""
    from testbed.experiments.describe import describe
    from testbed.experiments.estimate import estimate
    from testbed.experiments.scenario import data_folder
    from testbed.experiments.store import default_directory
    from testbed.views.progress import progress_bar
    from testbed.views.tables import estimate_table, run_table

    chosen = chosen_scenario(scenario, set_, kernel, placement, store, workers, device)
    resolved = chosen.resolve()
    if dry_run:
        needs = estimate(resolved, seed, data_folder(data, resolved))
        answer(as_json, needs.to_json(), lambda console: console.print(estimate_table(needs)))
        return
    tracker = chosen_tracker(track)
    directory = out or default_directory(DEFAULT_ROOT, resolved, seed)
    with progress_bar(1) as progress:
        result = chosen.run(seed, data_dir=data, out=directory, observe=progress.observer(directory.name))
    tracked = write_curves(tracker, {directory: result})

    def show(console: "Console") -> None:
        console.print(run_table(result))
        console.print(f"saved in {directory}", highlight=False)
        for folder in tracked:
            console.print(f"curves in {folder}", highlight=False)

    answer(as_json, describe(result) | {"directory": str(directory)}, show)
