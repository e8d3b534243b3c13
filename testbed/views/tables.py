"""Tables for people: what the command line prints, each at most 100 columns wide.

Every function returns a rich renderable and prints nothing. An empty place is a dash and means that there are no such
rows. The answer of a comparison is in `comparison.py`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from testbed.experiments.describe import final_metrics
from testbed.experiments.explanation import explain
from testbed.experiments.result import RunResult
from testbed.views.quantities import time_unit, traffic_unit
from testbed.views.table_parts import (
    COST_WORDS,
    NONE,
    add_row,
    final_value,
    fraction,
    label,
    metric_words,
    new_table,
    number,
    shown_costs,
)

if TYPE_CHECKING:
    from testbed.experiments.estimate import Estimate

__all__ = [
    "causes_table",
    "causes_tables",
    "differences_table",
    "estimate_table",
    "run_table",
    "runs_table",
]

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
    "computing_fraction": ("regions computing", "% of their time", 100.0),
    "stall_fraction": ("regions stalled by a transfer", "% of their time", 100.0),
    "wan_busy_fraction": ("WAN in use", "% of the time", 100.0),
    "syncs_per_fragment_mean": ("synchronisations of a fragment, mean", "", 1.0),
    "syncs_per_fragment_min": ("synchronisations of a fragment, fewest", "", 1.0),
    "sync_queueing_s": ("a synchronisation in line", "s", 1.0),
    "sync_s": ("a synchronisation under way", "s", 1.0),
}


def runs_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the table of `testbed ls` from the rows of `list_runs`.

    Each run has the final value of what sums it up, which the head of the column names, or the cells if runs differ.
    """
    metrics = {row["final_metric"] for row in rows} - {None}
    head = "final" if len(metrics) > 1 else metric_words(next(iter(metrics), "accuracy"))
    table = new_table("", "run", "algorithm", "seed", "horizon", head, "status", "id")
    for row in rows:
        seed = NONE if row["seed"] is None else str(row["seed"])
        rounds, final = row.get("horizon_rounds"), final_value(row["final"])
        if len(metrics) > 1 and row["final_metric"] is not None:
            final = f"{metric_words(row['final_metric'])} {final}"
        horizon = number(row["horizon_s"], "s") if rounds is None else f"{rounds} rounds"
        add_row(
            table,
            row["name"],
            row["algorithm"] or NONE,
            seed,
            horizon,
            final,
            row["status"],
            row["run_id"] or NONE,
        )
    return table


def run_table(run: RunResult) -> Group:
    """Return what `testbed show` says of one run: what it was, what came out, what it cost, and why."""
    facts = new_table(f"{run.name}: {run.algorithm}, seed {run.seed}", "result", "")
    status = "failed" if run.failed else "done"
    add_row(facts, "status", status)
    add_row(facts, "simulated", time_unit([run.elapsed_s]).words(run.elapsed_s))
    for metric in final_metrics(run):
        add_row(facts, f"final {metric_words(metric)} (mean of last 5)", fraction(run.final(metric)))
    add_row(facts, "steps" if run.between_regions else "global versions", str(run.num_versions))
    for cost in shown_costs(run.costs):
        (words, unit), total = COST_WORDS[cost], run.cost(cost)[1]
        spent = float(total[-1]) if len(total) else 0.0
        amount = traffic_unit([spent]).words(spent, 3) if cost == "bits_wan" else number(spent, unit)
        add_row(facts, f"{words}, in all", amount)
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
    table = new_table("What it may be due to", "indicator", *map(label, causes))
    for name, (words, unit, factor) in _CAUSES.items():
        values = [indicators.get(name) for indicators in causes.values()]
        if any(value is not None for value in values):
            cells = [NONE if value is None else f"{factor * value:.3g}" for value in values]
            add_row(table, f"{words} [{unit}]" if unit else words, *cells)
    return table


def differences_table(differences: Mapping[str, Sequence[Any]], names: Sequence[str]) -> Table:
    """Return the settings in which runs differ (`setting_differences`), a column a run; an absent one is a dash."""
    table = new_table("Settings that differ", "setting", *names, numbers=False)
    for key, values in differences.items():
        add_row(table, key, *(NONE if value is None else str(value) for value in values))
    return table


def estimate_table(needs: "Estimate") -> Table:
    """Return what a run would take, for a dry run."""
    table = new_table(f"{needs.algorithm}: what {needs.horizon_s:.4g} simulated seconds would take", "quantity", "")
    exact = "" if needs.timeline_exact else ", if nothing were learnt"
    add_row(table, f"global versions{exact}", str(needs.num_versions))
    add_row(table, f"training jobs{exact}", str(needs.num_jobs))
    add_row(table, "arithmetic of the devices, as the clock charges it", number(needs.flop, "FLOP"))
    add_row(table, "arithmetic computed here, evaluations included", number(needs.flop_computed, "FLOP"))
    add_row(table, "memory of one job", number(needs.peak_bytes_per_job, "B"))
    add_row(table, "evaluations", str(needs.num_evaluations))
    add_row(table, "time here, estimated", number(needs.wall_s, "s"))
    return table
