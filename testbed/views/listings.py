"""Lists for people: the catalogue, and what the doctor found."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from testbed.catalogue import KINDS, OWN, Entry
from testbed.experiments.doctor import Finding

__all__ = ["catalogue_table", "doctor_table", "settings_table"]

_LONGEST_DEFAULT = 160
_STYLES = {"ok": "green", "note": "yellow", "error": "bold red"}


def catalogue_table(found: Mapping[str, Sequence[Entry]]) -> Table:
    """Return the parts by kind, each with its line of help; where they come from, if not from here; what is wrong."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column("name", no_wrap=True)
    table.add_column("what it is", overflow="fold")
    for kind, entries in found.items():
        table.add_row(Text(kind, style="bold"), Text(KINDS[kind], style="italic"))
        for entry in entries:
            origin = "" if entry.origin == OWN else f" [{entry.origin}]"
            line = Text(entry.help + origin)
            if entry.problem:
                line.append(f"\nbroken: {entry.problem}", style=_STYLES["error"])
            table.add_row(Text(f"  {entry.name}"), line)
        table.add_section()
    return table


def settings_table(title: str, settings: Sequence[Mapping[str, Any]]) -> Table:
    """Return the settings of one part: what a scenario may write under its name."""
    table = Table(title=Text(title, style="bold"), title_justify="left", box=SIMPLE_HEAD)
    for column in ("setting", "type", "default"):
        table.add_column(column, overflow="fold")
    for setting in settings:
        table.add_row(*(Text(_short(str(setting[column]))) for column in ("setting", "type", "default")))
    if not settings:
        table.add_row("none", "", "")
    return table


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_DEFAULT else f"{text[: _LONGEST_DEFAULT - 4]} ..."


def doctor_table(findings: Sequence[Finding]) -> Table:
    """Return the doctor's findings."""
    table = Table(box=SIMPLE_HEAD)
    for column in ("what", "", "found"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        table.add_row(finding.subject, Text(finding.level, style=_STYLES[finding.level]), Text(finding.text))
    return table
