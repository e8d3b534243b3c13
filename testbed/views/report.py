"""The report: what was asked, what came out, why, and how to do it again, on one page.

It is a function of saved runs. The tables are those of the command line, so that no number can differ from
`testbed compare`; the curves are those of `curves.py`, the timeline that of one run. Runs that failed are shown
as failed. What was varied is found from how the settings differ.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from testbed.errors import RequestError
from testbed.experiments.describe import median_explanation, setting_differences, shared_settings, varied_settings
from testbed.experiments.result import RunResult
from testbed.experiments.summary import Comparison, SeedRow, group_by_settings
from testbed.experiments.target import DEFAULT_RULE, Rule, Target
from testbed.views.charts import LineChart, legend
from testbed.views.comparison import comparison_tables
from testbed.views.curves import median_bands, median_reached, metric_label, reading_of, with_seeds
from testbed.views.page import Html, element, html_of, join, render_page
from testbed.views.panels import Panel, has_log_values, panels_of
from testbed.views.selection import drawn_alternatives, words_on_left_out
from testbed.views.table_parts import metric_words
from testbed.views.tables import causes_table, differences_table
from testbed.views.timeline_page import SCRIPTS, timeline_section

__all__ = ["report_page"]

Runs = Mapping[str, Sequence[RunResult]]

_CAUSE_COLUMNS = 5  # what a sheet of paper holds


def report_page(
    runs: Sequence[RunResult], target: Target, rule: Rule = DEFAULT_RULE, reference: str | None = None
) -> str:
    """Return the page that reports on saved runs.

    Parameters
    ----------
    runs : in the order in which the alternatives are to appear.
    target : what is to be reached; curves show its metric.
    reference : label of the alternative with which the others are compared; without it the first.

    Raises
    ------
    RequestError : no run, the same run twice, no such reference, or a target on a metric that was not recorded.
    """
    keys = varied_settings(runs)
    labelled = _in_order(group_by_settings(runs, keys), reference)
    comparison = Comparison.of(labelled, target, rule)
    body = [
        _heading(labelled, keys, target, rule),
        _part("Answer", html_of(comparison_tables(comparison)), _failures(comparison)),
        _part(f"{metric_label(target.metric).capitalize()} against time and cost", _curves(labelled, target, rule)),
        _part("What it may be due to", *_causes(labelled)),
        _part("Timeline of one run", *_timeline(labelled)),
        _part("Settings", *_settings(labelled)),
        _part("Runs", _runs_table(comparison, labelled)),
        _part("Made with", _versions(runs), *_commands(runs)),
    ]
    names = ", ".join(dict.fromkeys(run.name for run in runs))
    return render_page(f"Report: {names}", [element("main", *body)], (*SCRIPTS, "page.js"))


def _in_order(labelled: dict[str, list[RunResult]], reference: str | None) -> dict[str, list[RunResult]]:
    if reference is None:
        return labelled
    if reference not in labelled:
        raise RequestError(f"no alternative is called {reference!r}; there are: {'; '.join(labelled)}")
    return {reference: labelled[reference]} | labelled


def _part(title: str, *content: str) -> Html:
    return element("section", element("h2", title), *content)


def _heading(labelled: Runs, keys: Sequence[str], target: Target, rule: Rule) -> Html:
    runs = [run for group in labelled.values() for run in group]
    questions = dict.fromkeys(str(run.setting("scenario.question") or "") for run in runs)
    seeds = sorted({run.seed for run in runs})
    varied = f"Varied: {', '.join(keys)}." if keys else "Nothing was varied."
    facts = f"{len(runs)} runs, {len(labelled)} alternatives, seeds {', '.join(map(str, seeds))}. {varied}"
    return element(
        "header",
        element("h1", "Report: " + ", ".join(dict.fromkeys(run.name for run in runs))),
        *(element("p", question, class_="question") for question in questions if question),
        element("p", f"When do they reach {target} ({rule}), what does it take, and why? {facts}"),
    )


def _failures(comparison: Comparison) -> Html:
    num_failed = len(comparison.failed)
    words = f"{num_failed} of {sum(len(a.seeds) for a in comparison.alternatives)} runs failed: see Runs below."
    return element("p", words, class_="failed") if num_failed else Html("")


def _curves(labelled: Runs, target: Target, rule: Rule) -> Html:
    drawn = drawn_alternatives(labelled, target.metric, target, rule)
    panels = panels_of(run for group in labelled.values() for run in group)
    found = {panel: median_bands(drawn, target.metric, panel.quantity) for panel in panels}
    values = [np.concatenate([band.low, band.high]) for bands, _ in found.values() for band in bands.values()]
    shown = np.concatenate([*values, [target.value]])
    shown = shown[np.isfinite(shown)]
    if len(shown) == 1:
        return element("p", f"Nothing to draw: no completed run was evaluated on {target.metric}.", class_="note")
    low, high = float(shown.min()), float(shown.max())
    log_values = has_log_values(target.metric, low, high)
    room = 0.04 * ((high - low) or 1.0)
    charts = [
        LineChart(
            bands={name: band.scaled(panel.size) for name, band in bands.items()},
            reached={name: _reached(group, panel, target, rule) for name, group in drawn.items()},
            quantity_label=panel.label,
            metric_label=metric_label(target.metric),
            value_range=(low / 1.1, high * 1.1) if log_values else (low - room, high + room),
            logarithmic=logarithmic,
            level=target.value,
            log_values=log_values,
        ).to_html()
        for panel, (bands, logarithmic) in found.items()
    ]
    labels = [with_seeds(label, group) for label, group in drawn.items()]
    readings = [reading_of(drawn, target.metric, target, rule), words_on_left_out(len(drawn), len(labelled))]
    return join(
        [
            legend(labels, f"target {target}"),
            element("div", *charts, class_="charts"),
            *(element("p", f"{words[0].upper()}{words[1:]}.", class_="note") for words in readings if words),
        ]
    )


def _reached(runs: Sequence[RunResult], panel: Panel, target: Target, rule: Rule) -> float | None:
    median = median_reached(runs, panel.quantity, target, rule)
    return None if median is None else median / panel.size


def _causes(labelled: Runs) -> list[Html]:
    causes = {label: median_explanation(group) for label, group in labelled.items()}
    labels = list(causes)
    chunks = [labels[first : first + _CAUSE_COLUMNS] for first in range(0, len(labels), _CAUSE_COLUMNS)]
    tables = [causes_table({label: causes[label] for label in chunk}) for chunk in chunks]
    for table in tables:
        table.title = None  # the heading says it
    return [*map(html_of, tables), element("p", "Medians over seeds.", class_="note")]


def _timeline(labelled: Runs) -> list[Html]:
    everybody = [(label, run) for label, group in labelled.items() for run in group]
    drawable = [(label, run) for label, run in everybody if run.elapsed_s > 0 and len(run.column("span", "kind"))]
    if not drawable:
        return [element("p", "No run recorded what its devices did.", class_="note")]
    label, run = min(drawable, key=lambda pair: pair[1].failed)  # the first that did not fail, if there is one
    failed = " The run failed." if run.failed else ""
    hint = "Drag to move, click a span for its causes; the wheel zooms with Ctrl, or once the timeline was clicked."
    return [
        element("p", f"{label}, seed {run.seed}, run {run.run_id}.{failed}"),
        element("p", hint, class_="note on-screen"),
        timeline_section(run),
    ]


def _settings(labelled: Runs) -> list[Html]:
    firsts = [group[0] for group in labelled.values()]
    differences = setting_differences(firsts)
    differences.pop("seed", None)
    shared = shared_settings(firsts)
    table = _words_table("setting", "value")
    for key, value in shared.items():
        table.add_row(Text(key), Text("none" if value is None else str(value)))
    folded = element("details", element("summary", f"{len(shared)} settings that all runs share"), html_of(table))
    return [html_of(differences_table(differences, list(labelled))), folded] if differences else [folded]


def _words_table(*columns: str) -> Table:
    table = Table()
    for column in columns:
        table.add_column(Text(column))
    return table


def _runs_table(comparison: Comparison, labelled: Runs) -> Html:
    final = f"final {metric_words(comparison.final_metric)}"
    columns = ("alternative", "seed", "run", "status", "time to target", final, "directory")
    heads = element("tr", *(element("th", column, scope="col") for column in columns))
    rows = [
        _run_row(alternative.label, row, run)
        for alternative in comparison.alternatives
        for row, run in zip(alternative.seeds, labelled[alternative.label], strict=True)
    ]
    table = element("table", element("thead", heads), element("tbody", *rows))
    return element("div", table, class_="scroll", tabindex=0)


def _run_row(label: str, row: SeedRow, run: RunResult) -> Html:
    cells = (
        str(row.seed),
        row.run_id,
        f"FAILED: {row.error}" if row.failed else "done",
        "not reached" if row.time_to_s is None else f"{row.time_to_s:.6g} s",
        "-" if row.final is None else f"{row.final:.4f}",
        str(run.path or "-"),
    )
    return element(
        "tr",
        element("th", label, scope="row"),
        *(element("td", cell, class_="id" if cell == row.run_id else None) for cell in cells),
        class_="failed" if row.failed else None,
    )


def _versions(runs: Sequence[RunResult]) -> Html:
    table = _words_table("what", "value")
    for key in ("kernel", "placement", "device", "num_threads", "processor", "system", "finished"):
        found = _distinct(run.meta.get(key) for run in runs)
        if key == "finished" and len(found) > 1:
            found = [f"{min(found)} to {max(found)}"]
        if found:
            table.add_row(Text(key.replace("_", " ")), Text("\n".join(found)))
    for key, words in (("versions", "version of {}"), ("data_sha256", "SHA-256 of {}")):
        tables: list[Mapping[str, Any]] = [run.meta.get(key) or {} for run in runs]
        for name in dict.fromkeys(name for own in tables for name in own):
            found = _distinct(own.get(name) for own in tables)
            table.add_row(Text(words.format(name)), Text("\n".join(found)))
    return html_of(table)


def _distinct(values: Iterable[object]) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values if value is not None))


def _commands(runs: Sequence[RunResult]) -> list[Html]:
    commands = _distinct(run.meta.get("command") for run in runs)
    if not commands:
        return []
    words = "To run it again" if len(commands) == 1 else "To run them again"
    return [element("p", f"{words} (what was typed when the runs were made):"), element("pre", "\n".join(commands))]
