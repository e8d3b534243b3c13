"""`testbed compare` and `testbed resume`: alternatives on the same luck, run or run to the end."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from testbed.cli.files import check_picture, save_picture
from testbed.cli.options import (
    CurvesOption,
    DataOption,
    DeviceOption,
    HeatmapOption,
    JobsOption,
    JsonOption,
    KernelOption,
    OutOption,
    PlacementOption,
    RuleOption,
    ScenarioArgument,
    SetOption,
    StoreOption,
    TrackOption,
    WorkersOption,
)
from testbed.cli.output import answer, complain, remark
from testbed.cli.request import chosen_scenario, chosen_tracker, write_curves
from testbed.errors import RequestError, RunFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from testbed.experiments.result import RunResult
    from testbed.experiments.sweep_file import Sweep

__all__ = ["compare", "resume"]


def compare(
    scenario: ScenarioArgument,
    vary: Annotated[list[str], typer.Option("--vary", metavar="KEY=A,B,...", help="Alternatives of a setting.")],
    seeds: Annotated[str, typer.Option(metavar="SEEDS", help="Like 0-4 or 0,2,5.")] = "0-2",
    target: Annotated[str | None, typer.Option(metavar="TARGET", help="What is to be reached, or none.")] = None,
    target_rule: RuleOption = "smoothed",
    set_: SetOption = None,
    out: OutOption = None,
    kernel: KernelOption = None,
    placement: PlacementOption = None,
    workers: WorkersOption = None,
    device: DeviceOption = None,
    data: DataOption = None,
    png: CurvesOption = None,
    heatmap: HeatmapOption = None,
    jobs: JobsOption = 1,
    store: StoreOption = None,
    track: TrackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run alternatives on the same luck and compare time, traffic, energy and accuracy.

    With exactly two --vary the answer is also a grid, rows by the first and columns by the second: a table, a part
    of the JSON document, and with --heatmap a picture. A cell is the median time to the target; with --target none
    it is the final accuracy, of language models the final perplexity.

    Without --target it is the scenario's own (run.stop), else accuracy>=0.8, for language models none.
    """
    from testbed.experiments.default_target import default_target
    from testbed.experiments.sweep import parse_seeds, parse_variation
    from testbed.experiments.sweep_file import Sweep
    from testbed.experiments.target import check_rule

    chosen = chosen_scenario(scenario, set_, kernel, placement, store, workers, device)
    variations = tuple(parse_variation(text) for text in vary)
    rule = check_rule(target_rule)
    stated = "none" if target is None else target
    sweep = Sweep(scenario, chosen.document, chosen.overrides, variations, parse_seeds(seeds), stated, rule)
    if target is None:
        assumed, why = default_target(sweep.plan(), data)
        sweep = replace(sweep, target=assumed)
        if why:
            remark(why)
    _carry_out(sweep, {}, out, data, png, heatmap, jobs, track, as_json)


def resume(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `compare --out` was told.")],
    data: DataOption = None,
    png: CurvesOption = None,
    heatmap: HeatmapOption = None,
    jobs: JobsOption = 1,
    track: TrackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Finish a comparison that was interrupted: runs that are there are kept, the others are made."""
    from testbed.experiments.sweep_file import Sweep, finished_runs

    sweep = Sweep.load(directory)
    _carry_out(sweep, finished_runs(sweep.plan(), directory), directory, data, png, heatmap, jobs, track, as_json)


def _carry_out(
    sweep: "Sweep",
    done: "Mapping[str, RunResult]",
    root: Path | None,
    data: Path | None,
    png: Path | None,
    heatmap: Path | None,
    jobs: int,
    track: str | None,
    as_json: bool,
) -> None:
    """Run what of a sweep is not done, and show the comparison of all its runs."""
    from testbed.experiments.describe import median_explanation
    from testbed.experiments.grid import Grid
    from testbed.experiments.rehearsal import check_plan
    from testbed.experiments.summary import Comparison, group_by_settings
    from testbed.experiments.sweep import run_sweep
    from testbed.experiments.target import parse_target
    from testbed.views.comparison import comparison_tables
    from testbed.views.curves import plot_curves
    from testbed.views.grid_table import GridTable
    from testbed.views.heatmap import plot_heatmap
    from testbed.views.progress import progress_bar
    from testbed.views.tables import causes_tables

    aim = parse_target(sweep.target)
    keys = [variation.key for variation in sweep.variations]
    for picture in (png, heatmap):
        check_picture(picture)
    if heatmap is not None and len(keys) != 2:
        raise RequestError(f"--heatmap shows exactly two --vary, one down and one across; got {len(keys)}")
    tracker = chosen_tracker(track)
    if tracker is not None and root is None:
        raise RequestError("--track writes beside the saved runs: give --out DIR too")
    planned = sweep.plan()
    missing = [run for run in planned if run.name not in done]
    check_plan(missing, aim.metric if aim is not None else "accuracy", data)
    if root is not None:
        sweep.save(root)
    with progress_bar(len(missing)) as progress:
        results = run_sweep(
            planned, root=root, data_dir=data, observer=progress.observer, num_processes=jobs, done=done
        )
    if root is not None:
        write_curves(tracker, {root / run.name: result for run, result in zip(planned, results, strict=True)})
    labelled = group_by_settings(results, keys)
    comparison = Comparison.of(labelled, aim, sweep.rule)
    grid = Grid.of(results, keys, aim, sweep.rule) if len(keys) == 2 else None
    if png is not None:
        metric = comparison.final_metric if aim is None else aim.metric
        save_picture(plot_curves(labelled, metric, aim, sweep.rule), png)
    if heatmap is not None and grid is not None:
        save_picture(plot_heatmap(grid), heatmap)
    causes = {label: median_explanation(runs) for label, runs in labelled.items()}

    def for_people(console: "Console") -> None:
        console.print(comparison_tables(comparison))
        console.print(causes_tables(causes))
        if grid is not None:
            console.print(GridTable(grid))

    table = {"grid": None if grid is None else grid.to_json()}
    answer(as_json, comparison.to_json() | {"explanations": causes} | table, for_people)
    for planned_run, result in zip(planned, results, strict=True):
        if result.failed:
            complain(f"{planned_run.name} failed: {result.error}", 1)
            words = [*sweep.command, *planned_run.options, *(["--data", str(data)] if data else [])]
            sys.stderr.write(f"  to repeat it alone: {shlex.join(words)}\n")
    if all(result.failed for result in results):
        raise RunFailure("every run failed; the first said: " + results[0].error)
