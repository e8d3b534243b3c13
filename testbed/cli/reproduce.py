"""`testbed reproduce`: a paper's figures beside ours."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from testbed import catalogue
from testbed.cli.options import DataOption, JobsOption, JsonOption
from testbed.cli.output import answer, print_view, remark

__all__ = ["reproduce"]


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
    """Show a paper's figures beside ours, section by section.

    With --out the runs are saved, and those that are there already, and would come out the same, are not made again.
    """
    from testbed.experiments.sweep import parse_seeds
    from testbed.reproductions.outline import Setting
    from testbed.views.findings import finding_view

    reproduction = catalogue.load("reproduction", paper)
    sections = reproduction.chosen(only)
    setting = Setting(parse_seeds(seeds), jobs, quick, data, out, tell=remark)
    document: dict[str, Any] = {"paper": reproduction.paper, "quick": quick, "sections": {}}
    if not as_json:
        sys.stdout.write(f"{reproduction.paper}\n\n")
    for section in sections:
        finding = section.carry_out(setting)
        document["sections"][section.name] = {"question": section.question} | finding.to_json()
        if not as_json:
            print_view(finding_view(finding))
    if as_json:
        answer(True, document, lambda console: None)
