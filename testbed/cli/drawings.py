"""`testbed timeline` and `testbed report`: pictures, traces and pages of saved runs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.files import check_page, check_picture, check_some_file, check_trace, save_picture, save_text
from testbed.cli.options import RuleOption
from testbed.errors import RequestError

__all__ = ["report", "timeline"]


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

    check_some_file({"--png": png, "--perfetto": perfetto, "--html": html})
    check_picture(png)
    check_trace(perfetto)
    check_page(html)
    result = load_run(run_)
    if png is not None:
        save_picture(plot_timeline(result, start, end), png)
        sys.stdout.write(f"drew {png}\n")
    if perfetto is not None:
        save_text(trace_text(result, start, end), perfetto)
        sys.stdout.write(f"wrote {perfetto}; open it in Perfetto\n")
    if html is not None:
        save_text([timeline_page(result, start, end)], html)
        sys.stdout.write(f"wrote {html}\n")


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Saved runs, or directories of them.")],
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="The page to write.")] = None,
    target: Annotated[str, typer.Option(metavar="TARGET", help="What is to be reached.")] = "accuracy>=0.8",
    target_rule: RuleOption = "smoothed",
    reference: Annotated[
        str | None, typer.Option("--reference", metavar="LABEL", help="Alternative to compare with; else the first.")
    ] = None,
) -> None:
    """Write one page on saved runs: comparison, curves, causes, timeline, settings, commands."""
    from testbed.experiments.store import load_runs
    from testbed.experiments.target import check_rule, parse_target
    from testbed.views.report import report_page

    check_some_file({"--html": html})
    check_page(html)
    aim, rule = parse_target(target), check_rule(target_rule)
    if aim is None:
        raise RequestError("a report needs a target, like accuracy>=0.8")
    page = report_page(load_runs(runs), aim, rule, reference)
    if html is not None:
        save_text([page], html)
        sys.stdout.write(f"wrote {html}\n")
