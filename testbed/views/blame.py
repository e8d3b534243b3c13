"""The tables of `testbed show --blame`: where the time of a run and of its updates went, and whom it waited for.

A run between regions has no global updates that all wait for; instead a table says what each region stood still for.
"""

from collections.abc import Mapping
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from testbed.experiments.blame import Blame
from testbed.experiments.blamed_path import AFTER, BLAMED, UNEXPLAINED
from testbed.experiments.stalls import STALLED_FOR, Stalls

__all__ = ["blame_tables"]

_MOST_NAMES: Final = 3  # entities named beside a share; the others are summed
_MOST_DEVICES: Final = 5  # rows of the table of the last to be ready
_WIDTH_OF_NAMES: Final = 64  # so that the table has at most 100 columns

_WORDS: Final = {
    "compute": "computing",
    "straggling": "computing, all others ready",
    "absent": "away",
    "queue-device": "queue for a device",
    "queue-uplink": "queue for the uplink",
    "queue-downlink": "queue for the downlink",
    "queue-collective": "collective in line",
    "up": "sending up",
    "down": "sending down",
    "wan": "sending over the WAN",
    "propagation": "propagation",
    "stall": "waiting for an answer",
    "wait": "holding on",
    AFTER: "after the last update",
    UNEXPLAINED: "unexplained",
}


# What a region stalled for -> the heading of its column.
_STALLED: Final = {
    "others": "another region",
    "queue-collective": "in line",
    "wan": "sending",
    "propagation": "propagation",
    "unexplained": "other",
}


def blame_tables(blame: Blame, names: Mapping[str, str] | None = None) -> Group:
    """Return the shares of the run and of an update on average, whose they were, and who was the last to be ready.

    Parameters
    ----------
    names : of entities that are to be shown under another name.
    """
    elapsed_s, seconds = blame.run.elapsed_s, blame.run.seconds()
    mean_s, mean_shares = blame.mean_seconds(), blame.mean_shares()
    columns = ("update [s]", "[%]") if not blame.stalls else ()
    shares = _table(_title(blame), "where the time went", "run [s]", "[%]", *columns)
    for what in BLAMED:
        if seconds[what] or mean_s[what]:
            cells = [_seconds(seconds[what]), f"{_percent(seconds[what], elapsed_s):.3g}"]
            cells += [_seconds(mean_s[what]), f"{100 * mean_shares[what]:.3g}"]
            _add(shares, _WORDS[what], *cells[: 2 + len(columns)])
    shares.add_section()
    cells = [_seconds(elapsed_s), "100", _seconds(sum(mean_s.values())), "100" if blame.updates else "0"]
    _add(shares, "in all", *cells[: 2 + len(columns)])
    known = names or {}
    named = {what: blame.run.by_entity(what) for what in BLAMED if what not in (AFTER, UNEXPLAINED)}
    whose = Table(title=Text("Whose, in the run [s]", style="bold"), title_justify="left", box=SIMPLE_HEAD)
    whose.add_column("where the time went", no_wrap=True)
    whose.add_column("most", max_width=_WIDTH_OF_NAMES)
    for what, spent_s in named.items():
        if spent_s:
            _add(whose, _WORDS[what], _names({known.get(entity, entity): s for entity, s in spent_s.items()}))
    return Group(
        shares,
        *([whose] if any(named.values()) else []),
        *([_last_table(blame)] if blame.stragglers() else []),
        *([_stalls_table(blame.stalls, known)] if blame.stalls else []),
    )


def _stalls_table(stalls: Mapping[str, Stalls], names: Mapping[str, str]) -> Table:
    """Return what each region stood still for."""
    shown = [what for what in STALLED_FOR if any(own.seconds[what] for own in stalls.values())]
    heads = [_STALLED[what] for what in shown]
    table = _table("What regions stalled for [s]", "region", "stalls", "in all", *heads)
    for entity, own in stalls.items():
        seconds = [_seconds(own.total_s), *(_seconds(own.seconds[what]) for what in shown)]
        _add(table, names.get(entity, entity), str(own.num_stalls), *seconds)
    return table


def _table(title: str, *columns: str) -> Table:
    """Return a table whose first column is words and whose others are numbers."""
    table = Table(title=Text(title, style="bold"), title_justify="left", box=SIMPLE_HEAD)
    for position, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if position else "left", no_wrap=True)
    return table


def _seconds(value_s: float) -> str:
    return f"{value_s:.0f}" if value_s >= 1000 else f"{value_s:.3g}"


def _title(blame: Blame) -> str:
    if blame.stalls:
        return "What the last region to end waited for"
    num_updates = len(blame.updates)
    what = f"{num_updates} updates" if num_updates != 1 else "1 update"
    return f"What the run waited for, and each of its {what} on average"


def _percent(part_s: float, whole_s: float) -> float:
    return 100 * part_s / whole_s if whole_s > 0 else 0.0


def _names(spent_s: Mapping[str, float]) -> str:
    """Return the entities that took most, each with its time, and the sum over the others."""
    items = list(spent_s.items())
    named, others = items[:_MOST_NAMES], items[_MOST_NAMES:]
    if len(others) == 1:  # naming it takes no more room than summing it
        named, others = items, []
    words = [f"{entity} {_seconds(value)}" for entity, value in named]
    words += [f"{len(others)} others {_seconds(sum(value for _, value in others))}"] if others else []
    return ", ".join(words)


def _last_table(blame: Blame) -> Table:
    """Return the devices that were the last of their round to be ready, the most frequent first."""
    stragglers, num_updates = list(blame.stragglers().items()), len(blame.updates)
    table = _table("Last of its round to be ready", "device", "updates", "[% of all]", "waited for alone [s a time]")
    rows = [(device, times, waited_s) for device, (times, waited_s) in stragglers[:_MOST_DEVICES]]
    rest = [found for _, found in stragglers[_MOST_DEVICES:]]
    if rest:
        words = f"{len(rest)} others" if len(rest) > 1 else stragglers[-1][0]
        rows.append((words, sum(times for times, _ in rest), sum(waited_s for _, waited_s in rest)))
    for words, times, waited_s in rows:
        _add(table, words, str(times), f"{_percent(times, num_updates):.3g}", f"{waited_s / times:.3g}")
    return table


def _add(table: Table, *cells: str) -> None:
    # As text: rich would take what stands in square brackets for markup.
    table.add_row(*(Text(cell) for cell in cells))
