"""Findings for people: a table, its notes and what was left out."""

from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from testbed.experiments.finding import Cell, Finding

__all__ = ["finding_view"]

_NOTHING: Final = "-"
_WHOLE_FROM: Final = 100.0
_SHORT_BELOW: Final = 0.01


def finding_view(finding: Finding) -> Group:
    """Return a finding as it is printed: numbers to two or three digits or to whole ones, a dash for nothing."""
    table = Table(title=Text(finding.title, style="bold"), title_justify="left", box=SIMPLE_HEAD)
    for position, column in enumerate(finding.columns):
        table.add_column(Text(column), justify="right" if position else "left", overflow="fold", no_wrap=not position)
    for row in finding.rows:
        table.add_row(*(Text(_words(cell)) for cell in row))
    notes = [*finding.notes, *(f"Left out: {what}" for what in finding.left_out)]
    return Group(table, *(Padding(Text(f"- {note}"), (0, 2)) for note in notes), Text(""))


def _words(cell: Cell) -> str:
    if cell is None:
        return _NOTHING
    if isinstance(cell, str):
        return cell
    if abs(cell) >= _WHOLE_FROM:
        return f"{cell:.0f}"
    return f"{cell:.3g}" if abs(cell) >= _SHORT_BELOW else f"{cell:.2g}"
