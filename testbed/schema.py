"""Schemas: what a table of rows holds, column by column, with types, units and meaning."""

from dataclasses import dataclass
from typing import Final

__all__ = ["ARROW_TYPES", "Column", "Schema"]

ARROW_TYPES: Final = {"int": "int64", "float": "float64", "str": "string", "bool": "bool"}


@dataclass(frozen=True)
class Column:
    """One column: `type` is int, float, str or bool; `meaning` states symbol and unit."""

    name: str
    type: str
    meaning: str

    def __post_init__(self) -> None:
        if self.type not in ARROW_TYPES:
            raise ValueError(f"column {self.name!r} has the type {self.type!r}; known: {', '.join(ARROW_TYPES)}")


@dataclass(frozen=True)
class Schema:
    """One table: its name and its columns in the order in which values are appended."""

    name: str
    meaning: str
    columns: tuple[Column, ...]

    @classmethod
    def of(cls, name: str, meaning: str, /, **columns: tuple[str, str]) -> "Schema":
        """Return the schema whose columns are given as `name=(type, meaning)`."""
        return cls(name, meaning, tuple(Column(n, t, m) for n, (t, m) in columns.items()))
