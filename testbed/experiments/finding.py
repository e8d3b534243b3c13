"""A finding: one table of a study, beside what others found, and what there is to say about it."""

from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Cell", "Finding"]

Cell: TypeAlias = str | float | None


@dataclass(frozen=True)
class Finding:
    """One table of a section, and what there is to say about it.

    Attributes
    ----------
    title : what is shown, with units.
    columns : headings; the first column is words.
    rows : one per claim or alternative, as long as `columns`; None is a place where there is nothing.
    notes : what differs and why, as far as it is known; one sentence or two each.
    left_out : what the paper shows and this does not.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        wrong = [row for row in self.rows if len(row) != len(self.columns)]
        if wrong:
            raise ValueError(f"{self.title}: {len(self.columns)} columns, but a row is {wrong[0]}")

    def to_json(self) -> dict[str, Any]:
        """Return the table as JSON has it."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"title": self.title, "rows": rows, "notes": list(self.notes), "left_out": list(self.left_out)}
