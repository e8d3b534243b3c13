"""`testbed ls` and `testbed show`: what was saved."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from testbed.cli.options import DEFAULT_ROOT, JsonOption
from testbed.cli.output import answer

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["ls", "show"]


def ls(
    root: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to look, at any depth.")] = DEFAULT_ROOT,
    as_json: JsonOption = False,
) -> None:
    """List saved runs."""
    from testbed.experiments.store import list_runs
    from testbed.views.tables import runs_table

    rows = list_runs(root)
    answer(as_json, {"runs": rows}, lambda console: console.print(runs_table(rows)))


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
    from testbed.views.region_lanes import entity_names
    from testbed.views.tables import differences_table, run_table

    loaded = [load_run(path) for path in runs]
    blames = [blame(result) for result in loaded] if with_blame else []
    differences = setting_differences(loaded)

    def for_people(console: "Console") -> None:
        for at, result in enumerate(loaded):
            console.print(run_table(result))
            if with_blame:
                console.print(blame_tables(blames[at], entity_names(result)))
        if len(loaded) > 1:
            console.print(differences_table(differences, [str(path) for path in runs]))

    documents = [describe(result) for result in loaded]
    for document, blamed in zip(documents, blames, strict=False):
        document["blame"] = blamed.to_json()
    answer(as_json, {"runs": documents, "differences": differences}, for_people)
