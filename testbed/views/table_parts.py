"""What every table for people is made of: its frame, and how numbers, labels and costs are written in it."""

import textwrap
from collections.abc import Collection
from typing import Final, Literal

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from testbed.views.palette import with_prefix
from testbed.views.quantities import SECONDS

__all__ = [
    "COST_WORDS",
    "NONE",
    "add_row",
    "final_value",
    "fraction",
    "label",
    "metric_words",
    "new_table",
    "number",
    "shown_costs",
]

NONE: Final = "-"
_LABEL_WIDTH: Final = 27
_MANY_DIGITS_BELOW: Final = 100

# A cost -> what it is called, and the unit that gets a prefix; the unit of traffic is chosen for a whole table. Bits of
# both directions are left to documents: a table has the two side by side.
COST_WORDS: Final = {
    "channel_uses": ("channel uses", ""),
    "bits_up": ("bits up", "bit"),
    "bits_down": ("bits down", "bit"),
    "bits_wan": ("WAN traffic", ""),
    "energy_tx_j": ("radiated", "J"),
    "energy_compute_j": ("computing", "J"),
}


def shown_costs(kept: Collection[str]) -> list[str]:
    """Return the costs that a table shows, given those that runs kept rows of: of none, those of a cell.

    >>> shown_costs(["energy_compute_j", "bits_wan"])
    ['bits_wan', 'energy_compute_j']
    """
    return [cost for cost in COST_WORDS if (cost in kept if kept else cost != "bits_wan")]


def new_table(title: str, *columns: str, numbers: bool = True, whole_labels: bool = False) -> Table:
    """Return a table whose first column is words and whose others are numbers (or words as well).

    `whole_labels` : where the table is too wide, the first column keeps its width and others are broken.
    """
    table = Table(title=Text(title, style="bold") if title else None, title_justify="left", box=SIMPLE_HEAD)
    for position, column in enumerate(columns):
        justify: Literal["left", "right"] = "right" if numbers and position else "left"
        no_wrap = whole_labels and not position
        table.add_column(Text(column), justify=justify, overflow="fold", no_wrap=no_wrap)
    return table


def add_row(table: Table, *cells: str) -> None:
    """Append a row."""
    # As text: rich would take a label or unit in square brackets for markup, and drop it.
    table.add_row(*(Text(cell) for cell in cells))


def number(value: float | None, unit: str = "", digits: int = 3) -> str:
    """Return a number with its unit, seconds as they are and others with a prefix; a dash for none."""
    if value is None:
        return NONE
    if unit == "s":  # seconds are compared with one another and the horizon: no prefix
        return SECONDS.words(value)
    return (with_prefix(value) + unit).strip() if digits == 3 else f"{value:.{digits}g}"


def fraction(value: float | None) -> str:
    """Return a number with three digits behind the point; a dash for none."""
    return NONE if value is None else f"{value:.3f}"


def final_value(value: float | None) -> str:
    """Return a final value of a metric: a perplexity of 1234 needs fewer digits behind the point; a dash for none.

    >>> final_value(0.5), final_value(1234.56)
    ('0.500', '1234.6')
    """
    return fraction(value) if value is None or value < _MANY_DIGITS_BELOW else f"{value:.1f}"


def label(text: str) -> str:
    """Return a label in lines that end between words or at hyphens, which rich would not look for."""
    return "\n".join(textwrap.wrap(text, _LABEL_WIDTH))


def metric_words(metric: str) -> str:
    """Return a metric in words.

    >>> metric_words("client_accuracy_p10")
    'client accuracy p10'
    """
    return metric.replace("_", " ")
