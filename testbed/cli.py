"""The command line: a thin skin over `testbed.experiments` and `testbed.views`.

Everything heavy is imported inside the verb that needs it, so that `testbed --help` answers at once. Exit codes: 0
done, 1 the run failed, 2 the request was wrong, 130 interrupted; bad input never prints a traceback.
"""

import gzip
import json
import shlex
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from testbed import catalogue
from testbed.errors import RequestError, RunFailure

if TYPE_CHECKING:
    from rich.console import Console

    from testbed.experiments.result import RunResult
    from testbed.experiments.scenario import Scenario
    from testbed.experiments.sweep_file import Sweep
    from testbed.experiments.tracking import Tracker

__all__ = ["app", "main"]

app = typer.Typer(
    help="AirWAN: a wireless and network emulation testbed for distributed learning.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ScenarioArgument = Annotated[str, typer.Argument(metavar="SCENARIO", help="A shipped name or a TOML file.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting.")]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where to save.")]
DataOption = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Folder with data sets.")]
KernelOption = Annotated[str | None, typer.Option("--kernel", metavar="K", help="Arithmetic of training jobs.")]
PlacementOption = Annotated[str | None, typer.Option("--placement", metavar="P", help="Where they are computed.")]
StoreOption = Annotated[Path | None, typer.Option("--store", metavar="DIR", help="Keep and reuse training results.")]
JobsOption = Annotated[int, typer.Option("--jobs", min=1, metavar="N", help="Processes that run side by side.")]
TrackOption = Annotated[str | None, typer.Option("--track", metavar="TOOL", help="Also write curves for this tool.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

INTERRUPTED = 130
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]  # the base of all usage errors; not exported by typer
DEFAULT_ROOT = Path("runs")
DEFAULT_SCENARIO = "air-fedga"


@app.command()
def run(
    scenario: ScenarioArgument,
    set_: SetOption = None,
    seed: Annotated[int, typer.Option(help="Root of all luck, at least 0.")] = 0,
    out: OutOption = None,
    kernel: KernelOption = None,
    placement: PlacementOption = None,
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

    chosen = _scenario(scenario, set_, kernel, placement, store)
    resolved = chosen.resolve()
    if dry_run:
        needs = estimate(resolved, seed, data_folder(data, resolved))
        _show(as_json, needs.to_json(), lambda console: console.print(estimate_table(needs)))
        return
    tracker = _tracker(track)
    directory = out or default_directory(DEFAULT_ROOT, resolved, seed)
    with progress_bar(1) as progress:
        result = chosen.run(seed, data_dir=data, out=directory, observe=progress.observer(directory.name))
    tracked = _track(tracker, {directory: result})

    def show(console: "Console") -> None:
        console.print(run_table(result))
        console.print(f"saved in {directory}", highlight=False)
        for folder in tracked:
            console.print(f"curves in {folder}", highlight=False)

    _show(as_json, describe(result) | {"directory": str(directory)}, show)


@app.command()
def compare(
    scenario: ScenarioArgument,
    vary: Annotated[list[str], typer.Option("--vary", metavar="KEY=A,B,...", help="Alternatives of a setting.")],
    seeds: Annotated[str, typer.Option(metavar="SEEDS", help="Like 0-4 or 0,2,5.")] = "0-2",
    target: Annotated[str, typer.Option(metavar="TARGET", help="What is to be reached, or none.")] = "accuracy>=0.8",
    target_rule: Annotated[str, typer.Option(metavar="RULE", help="first, smoothed or stable.")] = "smoothed",
    set_: SetOption = None,
    out: OutOption = None,
    kernel: KernelOption = None,
    placement: PlacementOption = None,
    data: DataOption = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw the curves.")] = None,
    heatmap: Annotated[Path | None, typer.Option("--heatmap", metavar="FILE", help="Draw two --vary as a map.")] = None,
    jobs: JobsOption = 1,
    store: StoreOption = None,
    track: TrackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run alternatives on the same luck and compare time, traffic, energy and accuracy.

    With exactly two --vary the answer is also a grid, rows by the first and columns by the second: a table, a part
    of the JSON document, and with --heatmap a picture. A cell is the median time to the target; with --target none
    it is the final accuracy.
    """
    from testbed.experiments.sweep import parse_seeds, parse_variation
    from testbed.experiments.sweep_file import Sweep
    from testbed.experiments.target import check_rule

    chosen = _scenario(scenario, set_, kernel, placement, store)
    variations = tuple(parse_variation(text) for text in vary)
    rule = check_rule(target_rule)
    sweep = Sweep(scenario, chosen.document, chosen.overrides, variations, parse_seeds(seeds), target, rule)
    _carry_out(sweep, {}, out, data, png, heatmap, jobs, track, as_json)


@app.command()
def resume(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `compare --out` was told.")],
    data: DataOption = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw the curves.")] = None,
    heatmap: Annotated[Path | None, typer.Option("--heatmap", metavar="FILE", help="Draw two --vary as a map.")] = None,
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
    from testbed.views.curves import plot_curves
    from testbed.views.grid_table import GridTable
    from testbed.views.heatmap import plot_heatmap
    from testbed.views.progress import progress_bar
    from testbed.views.tables import causes_tables, comparison_tables

    aim = parse_target(sweep.target)
    keys = [variation.key for variation in sweep.variations]
    for picture in (png, heatmap):
        _check_picture(picture)
    if heatmap is not None and len(keys) != 2:
        raise RequestError(f"--heatmap shows exactly two --vary, one down and one across; got {len(keys)}")
    tracker = _tracker(track)
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
        _track(tracker, {root / run.name: result for run, result in zip(planned, results, strict=True)})
    labelled = group_by_settings(results, keys)
    comparison = Comparison.of(labelled, aim, sweep.rule)
    grid = Grid.of(results, keys, aim, sweep.rule) if len(keys) == 2 else None
    if png is not None:
        metric = "accuracy" if aim is None else aim.metric
        _save_picture(plot_curves(labelled, metric, aim, sweep.rule), png)
    if heatmap is not None and grid is not None:
        _save_picture(plot_heatmap(grid), heatmap)
    causes = {label: median_explanation(runs) for label, runs in labelled.items()}

    def for_people(console: "Console") -> None:
        console.print(comparison_tables(comparison))
        console.print(causes_tables(causes))
        if grid is not None:
            console.print(GridTable(grid))

    table = {"grid": None if grid is None else grid.to_json()}
    _show(as_json, comparison.to_json() | {"explanations": causes} | table, for_people)
    for planned_run, result in zip(planned, results, strict=True):
        if result.failed:
            _complain(f"{planned_run.name} failed: {result.error}", 1)
            words = [*sweep.command, *planned_run.options, *(["--data", str(data)] if data else [])]
            sys.stderr.write(f"  to repeat it alone: {shlex.join(words)}\n")
    if all(result.failed for result in results):
        raise RunFailure("every run failed; the first said: " + results[0].error)


@app.command(name="list")
def list_(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="Only parts of this kind.")] = None,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The settings of this part.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the reference of all settings.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the parts a scenario can name, or the settings of one."""
    if markdown:
        _reference(bool(kind or name or as_json))
        return
    from testbed.experiments.describe import part_line, part_settings
    from testbed.views.listings import catalogue_table, settings_table

    if kind and name:
        settings = part_settings(kind, name)
        rows: dict[str, Any] = {"kind": kind, "name": name, "settings": settings}
        _show(as_json, rows, lambda console: console.print(settings_table(f"{kind} {name}", settings)))
        return
    kinds = [catalogue.canonical(kind)] if kind else list(catalogue.KINDS)
    found = {name: [catalogue.examined(entry) for entry in catalogue.entries(name).values()] for name in kinds}
    document = {kind: [part_line(entry) for entry in parts] for kind, parts in found.items()}
    _show(as_json, document, lambda console: console.print(catalogue_table(found)))


def _reference(too_much: bool) -> None:
    from testbed.views.reference import reference_page

    if too_much:
        raise RequestError("--markdown prints all kinds: give neither a kind nor --json with it")
    sys.stdout.write(reference_page())


@app.command()
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The TOML file to write.")],
    source: Annotated[str, typer.Option("--from", metavar="NAME", help="A shipped scenario.")] = DEFAULT_SCENARIO,
) -> None:
    """Write a commented scenario file to start from."""
    from testbed.experiments.scenario import read_scenario

    text, _ = read_scenario(source)
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text.replace(f'name = "{catalogue.canonical(source)}"', f'name = "{file.stem}"', 1))
    except FileExistsError:
        raise RequestError(f"{file} exists; it was left as it is") from None
    except OSError as error:
        raise RequestError(f"cannot write {file}: {error.strerror}") from None
    sys.stdout.write(f"wrote {file}; check it with: testbed validate {file}\n")


@app.command()
def validate(scenario: ScenarioArgument, set_: SetOption = None, as_json: JsonOption = False) -> None:
    """Check a scenario; with --json, show it resolved with every default."""
    resolved = _scenario(scenario, set_).resolve()
    if as_json:
        _show(True, resolved.document, lambda console: None)
        return
    sys.stdout.write(f"{scenario}: valid; runs {resolved.algorithm} for {resolved.run.length}\n")


@app.command()
def ls(
    root: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to look, at any depth.")] = DEFAULT_ROOT,
    as_json: JsonOption = False,
) -> None:
    """List saved runs."""
    from testbed.experiments.store import list_runs
    from testbed.views.tables import runs_table

    rows = list_runs(root)
    _show(as_json, {"runs": rows}, lambda console: console.print(runs_table(rows)))


@app.command()
def show(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Directories of saved runs.")],
    with_blame: Annotated[bool, typer.Option("--blame", help="Say what each update and the run waited for.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a run and what explains it; for two, also how their settings differ."""
    from testbed.experiments.blame import blame
    from testbed.experiments.describe import describe, setting_differences
    from testbed.experiments.store import load_run
    from testbed.views.blame import blame_tables
    from testbed.views.tables import differences_table, run_table

    loaded = [load_run(path) for path in runs]
    blames = [blame(result) for result in loaded] if with_blame else []
    differences = setting_differences(loaded)

    def for_people(console: "Console") -> None:
        for at, result in enumerate(loaded):
            console.print(run_table(result))
            if with_blame:
                console.print(blame_tables(blames[at]))
        if len(loaded) > 1:
            console.print(differences_table(differences, [str(path) for path in runs]))

    documents = [describe(result) for result in loaded]
    for document, blamed in zip(documents, blames, strict=False):
        document["blame"] = blamed.to_json()
    _show(as_json, {"runs": documents, "differences": differences}, for_people)


@app.command()
def timeline(
    run_: Annotated[Path, typer.Argument(metavar="RUN", help="Directory of a saved run.")],
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw it as a picture.")] = None,
    perfetto: Annotated[
        Path | None, typer.Option("--perfetto", metavar="FILE", help="Write a trace for Perfetto: .json or .json.gz.")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page to explore.")] = None,
    start: Annotated[float | None, typer.Option("--start", metavar="S", help="First simulated second.")] = None,
    end: Annotated[float | None, typer.Option("--end", metavar="S", help="Last simulated second.")] = None,
) -> None:
    """Draw what every device did when, or write it as a trace."""
    from testbed.experiments.store import load_run
    from testbed.views.perfetto import trace_text
    from testbed.views.timeline import plot_timeline
    from testbed.views.timeline_page import timeline_page

    _check_some_file({"--png": png, "--perfetto": perfetto, "--html": html})
    _check_picture(png)
    _check_trace(perfetto)
    _check_page(html)
    result = load_run(run_)
    if png is not None:
        _save_picture(plot_timeline(result, start, end), png)
        sys.stdout.write(f"drew {png}\n")
    if perfetto is not None:
        _save_text(trace_text(result, start, end), perfetto)
        sys.stdout.write(f"wrote {perfetto}; open it in Perfetto\n")
    if html is not None:
        _save_text([timeline_page(result, start, end)], html)
        sys.stdout.write(f"wrote {html}\n")


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Saved runs, or directories of them.")],
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="The page to write.")] = None,
    target: Annotated[str, typer.Option(metavar="TARGET", help="What is to be reached.")] = "accuracy>=0.8",
    target_rule: Annotated[str, typer.Option(metavar="RULE", help="first, smoothed or stable.")] = "smoothed",
    reference: Annotated[
        str | None, typer.Option("--reference", metavar="LABEL", help="Alternative to compare with; else the first.")
    ] = None,
) -> None:
    """Write one page on saved runs: comparison, curves, causes, timeline, settings, commands."""
    from testbed.experiments.store import load_runs
    from testbed.experiments.target import check_rule, parse_target
    from testbed.views.report import report_page

    _check_some_file({"--html": html})
    _check_page(html)
    aim, rule = parse_target(target), check_rule(target_rule)
    if aim is None:
        raise RequestError("a report needs a target, like accuracy>=0.8")
    page = report_page(load_runs(runs), aim, rule, reference)
    if html is not None:
        _save_text([page], html)
        sys.stdout.write(f"wrote {html}\n")


@app.command()
def reproduce(
    paper: Annotated[str, typer.Argument(metavar="PAPER", help="A name of `testbed list reproduction`.")],
    only: Annotated[str | None, typer.Option("--only", metavar="A,B,...", help="Only these sections.")] = None,
    seeds: Annotated[str, typer.Option(metavar="SEEDS", help="Like 0-4 or 0,2,5.")] = "0-2",
    quick: Annotated[bool, typer.Option("--quick", help="Reduced: figures mean nothing.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where to save the runs.")] = None,
    data: DataOption = None,
    jobs: JobsOption = 2,
    as_json: JsonOption = False,
) -> None:
    """Show a paper's figures beside ours, section by section."""
    from testbed.experiments.sweep import parse_seeds
    from testbed.reproductions.outline import Setting
    from testbed.views.findings import finding_view

    reproduction = catalogue.load("reproduction", paper)
    sections = reproduction.chosen(only)
    setting = Setting(parse_seeds(seeds), jobs, quick, data, out)
    document: dict[str, Any] = {"paper": reproduction.paper, "quick": quick, "sections": {}}
    if not as_json:
        sys.stdout.write(f"{reproduction.paper}\n\n")
    for section in sections:
        finding = section.carry_out(setting)
        document["sections"][section.name] = {"question": section.question} | finding.to_json()
        if not as_json:
            _print(finding_view(finding))
    if as_json:
        _show(True, document, lambda console: None)


@app.command()
def doctor(data: DataOption = None, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Check Python, torch, threads, package names, the data folder and a store of results."""
    from testbed.experiments.doctor import examine
    from testbed.views.listings import doctor_table

    findings = examine(data, store)
    document = {"findings": [finding.to_json() for finding in findings]}
    _show(as_json, document, lambda console: console.print(doctor_table(findings)))
    if any(finding.level == "error" for finding in findings):
        raise RunFailure("something needs mending")


def _scenario(
    name: str,
    set_: list[str] | None,
    kernel: str | None = None,
    placement: str | None = None,
    store: Path | None = None,
) -> "Scenario":
    """Return the scenario with the overrides of the command line."""
    from testbed.experiments.overrides import parse_override
    from testbed.experiments.scenario import Scenario

    chosen = Scenario.load(name)
    for text in set_ or []:
        chosen = chosen.set(*parse_override(text))
    for key, value in (("run.kernel", kernel), ("run.placement", placement), ("run.store", store)):
        chosen = chosen if value is None else chosen.set(key, value)
    return chosen


def _tracker(name: str | None) -> "Tracker | None":
    """Return the tracker of a name, if it can do its work here."""
    from testbed.settings import component

    if name is None:
        return None
    tracker: Tracker = component("tracker").read(name)
    tracker.check()
    return tracker


def _track(tracker: "Tracker | None", runs: "Mapping[Path, RunResult]") -> list[Path]:
    """Write the curves of saved runs beside them; return where."""
    from testbed.experiments.tracking import tracked_directory

    if tracker is None:
        return []
    folders = {tracked_directory(path, tracker.kind): run for path, run in runs.items() if run.tables}
    for folder, run in folders.items():
        _save(folder, lambda folder=folder, run=run: tracker.track(run, folder))  # type: ignore[misc]
    return list(folders)


def _check_picture(path: Path | None) -> None:
    """Refuse a picture that could not be drawn, before a long run."""
    if path is not None and path.suffix.lower() != ".png":
        raise RequestError(f"{path}: a picture is a .png file")


def _check_page(path: Path | None) -> None:
    if path is not None and path.suffix.lower() not in (".html", ".htm"):
        raise RequestError(f"{path}: a page is a .html file")


def _check_some_file(files: dict[str, Path | None]) -> None:
    if all(path is None for path in files.values()):
        raise RequestError(f"nothing to write: give {' or '.join(files)} and a file")


def _save_picture(figure: Any, path: Path) -> None:
    _save(path, lambda: figure.savefig(path))


def _save(path: Path, write: Callable[[], object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write()
    except OSError as error:
        raise RequestError(f"cannot write {path}: {error.strerror}") from None


def _check_trace(path: Path | None) -> None:
    """Refuse a trace whose name Perfetto would not know."""
    if path is not None and not path.name.lower().endswith((".json", ".json.gz")):
        raise RequestError(f"{path}: a trace is a .json or .json.gz file")


def _save_text(pieces: Iterable[str], path: Path) -> None:
    """Write a text piece by piece; gzipped if its name ends so, with the same bytes every time."""

    def write() -> None:
        with ExitStack() as stack:
            file: IO[bytes] = stack.enter_context(path.open("wb"))
            if path.suffix.lower() == ".gz":
                zipped = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0)
                file = stack.enter_context(zipped)  # type: ignore[arg-type]
            for piece in pieces:
                file.write(piece.encode())

    _save(path, write)


def _show(as_json: bool, document: dict[str, Any], show: Callable[["Console"], None]) -> None:
    """Print one JSON document, or let `show` print for a person."""
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")
        return
    from rich.console import Console

    show(Console())


def _print(what: Any) -> None:
    from rich.console import Console

    Console().print(what)


def main() -> NoReturn:
    """Run the command line: the only place where errors become messages and exit codes."""
    warnings.formatwarning = lambda message, *_, **__: f"testbed: {message}\n"
    try:
        # Without standalone mode typer returns the code of an early exit, 130 for an interruption.
        returned = app(standalone_mode=False)
        code = returned if isinstance(returned, int) else 0
    except USAGE_ERROR as error:
        code = _complain(f"{error}; see testbed --help", 2)
    except RequestError as error:
        code = _complain(error, 2)
    except RunFailure as error:
        code = _complain(error, 1)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    if code == INTERRUPTED:
        _complain("interrupted; what was not finished left nothing behind", code)
    sys.exit(code)


def _complain(message: object, code: int) -> int:
    sys.stderr.write(f"testbed: {message}\n")
    return code


if __name__ == "__main__":
    main()
