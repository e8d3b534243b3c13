"""The command line: a thin skin over `testbed.experiments` and `testbed.views`.

Everything heavy is imported inside the verb that needs it, so that `testbed --help` answers at once. Exit codes: 0 done,
1 the run failed, 2 the request was wrong, 130 interrupted; bad input never prints a traceback.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import click
import typer

from testbed import catalogue
from testbed.errors import RequestError, RunFailure

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["main"]

app = typer.Typer(
    help="AirWAN: a wireless and network emulation testbed for distributed learning.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ScenarioArgument = Annotated[str, typer.Argument(metavar="SCENARIO", help="A shipped name or a TOML file.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting.")]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where to save.")]
DataOption = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Folder with data sets.")]
KernelOption = Annotated[str | None, typer.Option("--kernel", help="Arithmetic of training jobs.")]
PlacementOption = Annotated[str | None, typer.Option("--placement", help="Where training jobs run.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
RunsArgument = Annotated[list[Path], typer.Argument(metavar="RUN...", help="Directories of saved runs.")]

DEFAULT_ROOT = Path("runs")


@app.command()
def run(
    scenario: ScenarioArgument,
    set_: SetOption = None,
    seed: Annotated[int, typer.Option(help="Root of all luck.")] = 0,
    out: OutOption = None,
    kernel: KernelOption = None,
    placement: PlacementOption = None,
    data: DataOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would take.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a scenario once and save its rows."""
    from testbed.experiments.estimate import estimate
    from testbed.experiments.scenario import data_folder
    from testbed.experiments.store import default_directory
    from testbed.views.progress import progress_bar
    from testbed.views.tables import estimate_table, run_table

    chosen = _load(scenario, set_, kernel, placement)
    if dry_run:
        resolved = chosen.resolve()
        needs = estimate(resolved, seed, data_folder(data, resolved))
        _show(as_json, needs.to_json(), lambda console: console.print(estimate_table(needs)))
        return
    directory = out or default_directory(DEFAULT_ROOT, chosen.resolve(), seed)
    with progress_bar(1) as progress:
        result = chosen.run(seed, data_dir=data, out=directory, observe=progress.observer(directory.name))
    summary = run_table(result)
    _show(as_json, summary.to_json() | {"directory": str(directory)}, lambda console: _print_run(console, summary, directory))


@app.command()
def compare(
    scenario: ScenarioArgument,
    vary: Annotated[list[str], typer.Option("--vary", metavar="KEY=A,B,...", help="Alternatives of one setting.")],
    seeds: Annotated[str, typer.Option(help="Like 0-4 or 0,2,5.")] = "0-2",
    target: Annotated[str, typer.Option(help="What is to be reached.")] = "accuracy>=0.8",
    target_rule: Annotated[str, typer.Option(help="first, smoothed or stable.")] = "smoothed",
    set_: SetOption = None,
    out: OutOption = None,
    kernel: KernelOption = None,
    placement: PlacementOption = None,
    data: DataOption = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw the curves.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Run alternatives on the same luck and compare time, traffic, energy and accuracy."""
    print(scenario, vary, seeds, target, target_rule, set_, out, kernel, placement, data, png, as_json)


def _show(as_json: bool, document: dict[str, Any], show: Any) -> None:
    """Print one JSON document, or let `show` print for a person."""
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")
        return
    from rich.console import Console

    show(Console())


def main() -> NoReturn:
    """Run the command line; the only place where errors become messages and exit codes."""
    try:
        code = app(standalone_mode=False)
    except click.exceptions.ClickException as error:
        error.show()
        code = 2
    except RequestError as error:
        code = _complain(error, 2)
    except RunFailure as error:
        code = _complain(error, 1)
    except (KeyboardInterrupt, click.exceptions.Abort):
        code = _complain("interrupted; a run that was not finished left nothing behind", 130)
    sys.exit(code if isinstance(code, int) else 0)


def _complain(message: object, code: int) -> int:
    sys.stderr.write(f"testbed: {message}\n")
    return code
