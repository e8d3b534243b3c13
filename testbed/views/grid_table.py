"""The table of a grid: rows are the values of one setting, columns those of another."""

import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from testbed.experiments.grid import Axis, Cell, Grid
from testbed.views.quantities import SECONDS, Unit, time_unit

__all__ = ["GridTable", "best_words", "cell_lines", "unit_of_times"]

_WIDEST: Final = 100
_MOST_LABEL: Final = 24  # wider labels are broken, at hyphens where there are some
_FRAME: Final = 3  # what a column of rich's SIMPLE_HEAD takes beside its text
_MOST_BEST: Final = 3  # equally good combinations that are named


def cell_lines(cell: Cell | None, with_target: bool, unit: Unit = SECONDS) -> list[str]:
    """Return what a cell says, in lines: the median and how many seeds reached it, or the final value."""
    if cell is None:
        return ["no run"]
    failed = [f"{cell.num_failed}/{cell.num_seeds} failed"] if cell.num_failed else []
    if not with_target:
        return ([] if cell.final is None else [f"{cell.final:.3f}"]) + failed
    median = "not reached" if cell.time_to_s is None else unit.words(cell.time_to_s)
    return [median, f"{cell.num_reached}/{cell.num_seeds}", *failed]


def best_words(grid: Grid) -> str:
    """Return which combination is best, in a sentence."""
    best = grid.best
    if not best:
        return "no combination reached the target" if grid.target is not None else "no run was evaluated"
    row, column = best[0]
    value = cell_lines(grid.cells[row][column], grid.target is not None, unit_of_times(grid))[0]
    pairs = [f"{_pair(grid.rows, row)} with {_pair(grid.columns, column)}" for row, column in best[:_MOST_BEST]]
    more = [f"{len(best) - len(pairs)} more"] if len(best) > len(pairs) else []
    best_is = "shortest" if grid.target is not None else "highest" if grid.more_is_better else "lowest"
    return f"{best_is}: {value}, by {'; '.join(pairs + more)}"


def unit_of_times(grid: Grid) -> Unit:
    """Return the unit for all times of a grid."""
    return time_unit(cell.time_to_s for row in grid.cells for cell in row if cell is not None)


def _pair(axis: Axis, position: int) -> str:
    return f"{axis.name}={axis.labels[position]}"


class GridTable:
    """A grid as a table, in as many blocks of columns as the width of the console asks for; 100 at the most."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Yield the blocks and the best combination."""
        grid = self.grid
        unit = unit_of_times(grid)
        texts = [[_cell(cell_lines(cell, grid.target is not None, unit)) for cell in row] for row in grid.cells]
        heads = [f"{grid.rows.name} \\ {grid.columns.name}", *grid.rows.labels]
        labels = ["\n".join(textwrap.wrap(text, _MOST_LABEL)) for text in heads]
        columns = [_column(name, [row[position] for row in texts]) for position, name in enumerate(grid.columns.labels)]
        title = f"{grid.headline}, median over seeds"
        for block in _blocks(_width(labels), columns, min(options.max_width, _WIDEST)):
            table = Table(title=Text(title, style="bold"), title_justify="left", box=SIMPLE_HEAD)
            for position, lines in enumerate([labels, *block]):
                table.add_column(Text(lines[0]), justify="right" if position else "left", overflow="fold")
            for row in zip(*(lines[1:] for lines in [labels, *block]), strict=True):
                # As text: rich would take a label in square brackets for markup, and drop it.
                table.add_row(*(Text(text) for text in row))
            yield table
            title = f"{grid.headline}, continued"
        yield Text(best_words(grid), style="dim")


def _cell(lines: Sequence[str]) -> str:
    """Return the median and its seeds on one line, and what failed on another: a grid of one line a row reads best."""
    failed = [line for line in lines if line.endswith(" failed")]
    return "\n".join([" ".join(line for line in lines if line not in failed), *failed])


def _column(name: str, cells: Sequence[str]) -> list[str]:
    """Return a column, heading first, as wide as its widest cell or the longest piece of its name."""
    return ["\n".join(textwrap.wrap(name, max(_width(cells), 12))), *cells]


def _width(texts: Sequence[str]) -> int:
    return max(len(line) for text in texts for line in text.split("\n"))


def _blocks(label_width: int, columns: Sequence[list[str]], width: int) -> list[list[list[str]]]:
    """Return the columns in blocks that fit `width` beside the labels, each of one column at least."""
    room = width - label_width - _FRAME - 1
    num_blocks = len(_filled(columns, room, len(columns)))
    return _filled(columns, room, math.ceil(len(columns) / num_blocks))  # evenly, not one left over in the last


def _filled(columns: Sequence[list[str]], room: int, most: int) -> list[list[list[str]]]:
    """Return blocks, one filled after the other, of at most `most` columns."""
    blocks: list[list[list[str]]] = []
    left = 0
    for column in columns:
        need = _width(column) + _FRAME
        if not blocks or need > left or len(blocks[-1]) == most:
            blocks.append([])
            left = room
        blocks[-1].append(column)
        left -= need
    return blocks
