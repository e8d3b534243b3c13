"""Tables for people: what the command line prints, each at most 100 columns wide.

Every function returns a rich renderable and prints nothing. *Not reached* is written out, never left empty; an empty
place is a dash and means that there are no such rows.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from testbed.experiments.result import RunResult
from testbed.experiments.statistics import MedianInterval, SpeedUp
from testbed.experiments.summary import Alternative, Comparison, explain
from testbed.views.palette import with_prefix

if TYPE_CHECKING:
    from testbed.experiments.estimate import Estimate

__all__ = [
    "causes_table",
    "causes_tables",
    "comparison_tables",
    "differences_table",
    "estimate_table",
    "run_table",
    "runs_table",
]

_NOT_REACHED: Final = "not reached"
_NONE: Final = "-"
_LABEL_WIDTH: Final = 27
_MOST_CAUSES: Final = 12
_MOST_CAUSE_COLUMNS: Final = 3  # beside the indicators, within 80 columns

# What explain() returns -> how a person reads it: the words, the unit, the factor to that unit.
_CAUSES: Final = {
    "num_groups": ("groups", "", 1.0),
    "updates_per_1000_s": ("global updates per 1000 s", "", 1.0),
    "work_rate_per_s": ("share of all data mixed in per 1000 s", "", 1e3),
    "staleness_mean": ("staleness, mean", "versions", 1.0),
    "staleness_max": ("staleness, largest", "versions", 1.0),
    "pull_back_ratio": ("pulled back by stale mixing", "of progress", 1.0),
    "label_distance_mean": ("label distance of groups", "of 0 to 2", 1.0),
    "shrinkage_mean": ("shrinkage on the air", "%", 100.0),
    "aggregation_nmse_mean": ("aggregation error (NMSE)", "", 1.0),
    "waiting_fraction": ("devices waiting", "% of their time", 100.0),
    "mac_utilisation_fraction": ("uplink in use", "% of the time", 100.0),
    "mac_queueing_s": ("queueing for the uplink", "s per update", 1.0),
}
_COSTS: Final = {
    "channel_uses": ("channel uses", ""),
    "bits_up": ("bits up", "bit"),
    "energy_tx_j": ("radiated", "J"),
    "energy_compute_j": ("computing", "J"),
}


def _table(title: str, *columns: str, numbers: bool = True) -> Table:
    """Return a table whose first column is words and whose others are numbers (or words as well)."""
    table = Table(title=Text(title, style="bold") if title else None, title_justify="left", box=SIMPLE_HEAD)
    for position, column in enumerate(columns):
        justify: Literal["left", "right"] = "right" if numbers and position else "left"
        table.add_column(Text(column), justify=justify, overflow="fold")
    return table


def _add_row(table: Table, *cells: str) -> None:
    # As text: rich would take a label or unit in square brackets for markup, and drop it.
    table.add_row(*(Text(cell) for cell in cells))


def _number(value: float | None, unit: str = "", digits: int = 3) -> str:
    if value is None:
        return _NONE
    if unit == "s":  # seconds are compared with one another and the horizon: no prefix
        return f"{value:.4g} s"
    return (with_prefix(value) + unit).strip() if digits == 3 else f"{value:.{digits}g}"


def _fraction(value: float | None) -> str:
    return _NONE if value is None else f"{value:.3f}"


def _label(text: str) -> str:
    """Return a label in lines that end between words or at hyphens, which rich would not look for."""
    return "\n".join(textwrap.wrap(text, _LABEL_WIDTH))


def comparison_tables(comparison: Comparison) -> Group:
    """Return the answer of a comparison: when the target was reached, what it took, what cannot be said.

    Without a target: the final accuracy, and what was spent until the end.
    """
    alternatives, aimed = comparison.alternatives, comparison.target is not None
    columns = ["reached", "time to target", "speed-up", "p"] if aimed else []
    title = f"Time to {comparison.target} ({comparison.rule}), median over seeds [{_coverages(comparison)}]"
    times = _table(title if aimed else "Median over seeds", "alternative", *columns, "final accuracy\n[range]")
    costs = _table(
        f"Spent by the devices {'up to the target / ' if aimed else ''}until the end, median over seeds",
        "alternative",
        *(words for words, _ in _COSTS.values()),
    )
    for alternative in alternatives:
        label = _label(alternative.label)
        reached = f"{alternative.num_reached}/{len(alternative.seeds)}"
        p = _NONE if alternative.test is None else _number(alternative.test.p_corrected)
        answer = [reached, _interval(alternative.time_to_s), _speed_up(alternative.speed_up), p] if aimed else []
        _add_row(times, label, *answer, _accuracy(alternative))
        _add_row(costs, label, *(_spent(alternative, cost, unit, aimed) for cost, (_, unit) in _COSTS.items()))
    lines = [_downlinks(alternatives), *comparison.notes]
    lines += [f"FAILED {label}, seed {row.seed}: {row.error}" for label, row in comparison.failed]
    return Group(times, costs, *(Text(line, style="dim") for line in lines if line))


def _coverages(comparison: Comparison) -> str:
    covers = sorted({a.time_to_s.coverage for a in comparison.alternatives if a.time_to_s.has_interval})
    if not covers:
        return "no interval: one seed"
    ends = dict.fromkeys(f"{100 * coverage:.3g}" for coverage in (covers[0], covers[-1]))
    return f"{' to '.join(ends)} % interval"


def _interval(median: MedianInterval) -> str:
    if median.median is None and median.low is None:
        return _NOT_REACHED
    middle = _NOT_REACHED if median.median is None else f"{median.median:.4g} s"
    if not median.has_interval:
        return middle
    low, high = (_NOT_REACHED if end is None else f"{end:.4g}" for end in (median.low, median.high))
    return f"{middle}\n[{low}, {high}]"


def _speed_up(speed_up: SpeedUp | None) -> str:
    if speed_up is None:
        return "1 (reference)"
    if speed_up.ratio is None:
        return "undetermined"
    sign = {"at-least": "> ", "at-most": "< "}.get(speed_up.kind, "")
    interval = f"\n[{speed_up.low:.3g}, {speed_up.high:.3g}]" if speed_up.low is not None else ""
    return f"{sign}{speed_up.ratio:.3g}{interval}"


def _accuracy(alternative: Alternative) -> str:
    if alternative.final_accuracy is None:
        return _NONE
    median, low, high = alternative.final_accuracy
    return f"{median:.3f}\n[{low:.3f}, {high:.3f}]" if low < high else f"{median:.3f}"


def _spent(alternative: Alternative, cost: str, unit: str, aimed: bool) -> str:
    median = alternative.to_target[cost].median
    total = _number(alternative.total[cost], unit)
    if not aimed:
        return total
    return f"{_NOT_REACHED if median is None else _number(median, unit)}\n/ {total}"


def _downlinks(alternatives: Sequence[Alternative]) -> str:
    kinds = sorted({alternative.downlink for alternative in alternatives if alternative.downlink})
    return f"downlink: {', '.join(kinds)} (its energy and channel uses are not in the table)" if kinds else ""


def runs_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the table of `testbed ls` from the rows of `list_runs`."""
    table = _table("", "run", "algorithm", "seed", "horizon", "accuracy", "status", "id")
    for row in rows:
        seed = _NONE if row["seed"] is None else str(row["seed"])
        rounds, accuracy = row.get("horizon_rounds"), _fraction(row["final_accuracy"])
        horizon = _number(row["horizon_s"], "s") if rounds is None else f"{rounds} rounds"
        _add_row(
            table,
            row["name"],
            row["algorithm"] or _NONE,
            seed,
            horizon,
            accuracy,
            row["status"],
            row["run_id"] or _NONE,
        )
    return table


def run_table(run: RunResult) -> Group:
    """Return what `testbed show` says of one run: what it was, what came out, what it cost, and why."""
    facts = _table(f"{run.name}: {run.algorithm}, seed {run.seed}", "result", "")
    status = "failed" if run.failed else "done"
    _add_row(facts, "status", status)
    _add_row(facts, "simulated", _number(run.elapsed_s, "s"))
    for metric in ("accuracy", "loss", "client_accuracy_p10"):
        words = f"final {metric.replace('_', ' ')} (mean of last 5)"
        _add_row(facts, words, _fraction(run.final(metric)))
    _add_row(facts, "global versions", str(len(run.column("version", "version"))))
    for cost, (words, unit) in _COSTS.items():
        total = run.cost(cost)[1]
        _add_row(facts, f"{words}, in all", _number(float(total[-1]) if len(total) else 0.0, unit))
    lines = [f"run {run.run_id}" + (f" in {run.path}" if run.path else "")]
    lines += [f"FAILED: {run.error}"] if run.failed else []
    causes = causes_table({run.algorithm: explain(run)})
    return Group(facts, causes, *(Text(line, style="dim") for line in lines))


def causes_tables(causes: Mapping[str, Mapping[str, float | None]]) -> Group:
    """Return the indicators of `explain`, one column per label, in as many tables as keep them legible.

    A sweep of very many alternatives would bury its answer under them: beyond twelve it says where they are.
    """
    labels = list(causes)
    if len(labels) > _MOST_CAUSES:
        words = (
            f"what it may be due to: with --json for all {len(labels)} alternatives, or testbed show for a saved run"
        )
        return Group(Text(words, style="dim"))
    chunks = [labels[start : start + _MOST_CAUSE_COLUMNS] for start in range(0, len(labels), _MOST_CAUSE_COLUMNS)]
    return Group(*(causes_table({label: causes[label] for label in chunk}) for chunk in chunks))


def causes_table(causes: Mapping[str, Mapping[str, float | None]]) -> Table:
    """Return the indicators of `explain`, one column per label; rows that nobody has are left out."""
    table = _table("What it may be due to", "indicator", *map(_label, causes))
    for name, (words, unit, factor) in _CAUSES.items():
        values = [indicators.get(name) for indicators in causes.values()]
        if any(value is not None for value in values):
            cells = [_NONE if value is None else f"{factor * value:.3g}" for value in values]
            _add_row(table, f"{words} [{unit}]" if unit else words, *cells)
    return table


def differences_table(differences: Mapping[str, Sequence[Any]], names: Sequence[str]) -> Table:
    """Return the settings in which runs differ (`setting_differences`), a column a run; an absent one is a dash."""
    table = _table("Settings that differ", "setting", *names, numbers=False)
    for key, values in differences.items():
        _add_row(table, key, *(_NONE if value is None else str(value) for value in values))
    return table


def estimate_table(needs: "Estimate") -> Table:
    """Return what a run would take, for a dry run."""
    table = _table(f"{needs.algorithm}: what {needs.horizon_s:.4g} simulated seconds would take", "quantity", "")
    exact = "" if needs.timeline_exact else ", if nothing were learnt"
    _add_row(table, f"global versions{exact}", str(needs.num_versions))
    _add_row(table, f"training jobs{exact}", str(needs.num_jobs))
    _add_row(table, "arithmetic of the devices", _number(needs.flop, "FLOP"))
    _add_row(table, "memory of one job", _number(needs.peak_bytes_per_job, "B"))
    _add_row(table, "evaluations", str(needs.num_evaluations))
    _add_row(table, "time here, estimated", _number(needs.wall_s, "s"))
    return table
