"""The heat map of a grid: what two settings, varied together, do to the time to target or the final accuracy.

Brighter is better, and every cell has its number written in it, so that nothing hangs on the colour alone. A
combination that did not reach the target has no colour: it is grey and hatched, and says so.
"""

import textwrap
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from testbed.experiments.grid import Grid
from testbed.views.grid_table import cell_lines, unit_of_times
from testbed.views.palette import INK, LOG_FROM_RATIO, MUTED_INK, new_figure
from testbed.views.quantities import SECONDS
from testbed.views.table_parts import metric_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

__all__ = ["plot_heatmap"]

# In pixels: room for three lines of text in a cell, and around the cells for labels, heading and colour bar.
_CELL: Final = (116, 70)
_LEAST: Final = (700, 330)  # of all cells together, so that a small grid is no postage stamp
_LEFT_OF_LABELS, _RIGHT, _ABOVE, _BELOW_LABELS = 60, 160, 92, 60
_LETTER: Final = 8.6  # width of a letter of a label
_LINE: Final = 19
_WIDEST_ROW_LABEL: Final = 24
_WIDEST_COLUMN_LABEL: Final = 14
_EMPTY: Final[dict[str, Any]] = {"hatch": "////", "facecolor": "#F0F0F0", "edgecolor": "#C9C9C9", "linewidth": 0.0}
_LUMINANCE: Final = (0.2126, 0.7152, 0.0722)
_DARK_BELOW: Final = 0.45  # luminance under which white ink is read more easily than dark


def plot_heatmap(grid: Grid, title: str = "") -> "Figure":
    """Return the heat map of a grid, one annotated cell per combination; the best ones are framed.

    Parameters
    ----------
    title : stands above the figure; without one, what the cells show does.
    """
    row_labels = ["\n".join(textwrap.wrap(label, _WIDEST_ROW_LABEL)) for label in grid.rows.labels]
    column_labels = ["\n".join(textwrap.wrap(label, _WIDEST_COLUMN_LABEL)) for label in grid.columns.labels]
    left = _LEFT_OF_LABELS + _LETTER * max(len(line) for label in row_labels for line in label.split("\n"))
    below = _BELOW_LABELS + _LINE * max(label.count("\n") + 1 for label in column_labels)
    across, down = max(_LEAST[0], _CELL[0] * len(column_labels)), max(_LEAST[1], _CELL[1] * len(row_labels))
    above = _ABOVE if np.isfinite(grid.values).all() else _ABOVE + _LINE
    width, height = int(left + across + _RIGHT), int(above + down + below)
    figure = new_figure(width, height)
    axes = figure.add_axes((left / width, below / height, across / width, down / height))
    bar = figure.add_axes(((left + across + 24) / width, below / height, 20 / width, down / height))
    _draw_cells(axes, bar, grid)
    axes.set_xticks(range(len(column_labels)), column_labels, fontsize=11, color=INK)
    axes.set_yticks(range(len(row_labels)), row_labels, fontsize=11, color=INK)
    axes.set_xlabel(grid.columns.name, fontsize=13, color=INK, labelpad=8)
    axes.set_ylabel(grid.rows.name, fontsize=13, color=INK, labelpad=8)
    axes.tick_params(length=0, pad=6)
    axes.spines[:].set_visible(False)
    left_edge = 20 / width
    figure.text(left_edge, 1 - 42 / height, title or grid.headline, fontsize=17, color=INK)
    figure.text(left_edge, 1 - 70 / height, _reading(grid), fontsize=11, color=MUTED_INK)
    _add_legend(figure, grid, (left_edge, 1 - 76 / height))
    return figure


def _reading(grid: Grid) -> str:
    if grid.target is None:
        return f"median over seeds; brighter is better; framed: the {'highest' if grid.more_is_better else 'lowest'}"
    return "median over seeds; below it how many seeds reached the target; brighter is better; framed: the shortest"


def _draw_cells(axes: "Axes", bar: "Axes", grid: Grid) -> None:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.patches import Rectangle

    values, best, unit = grid.values, set(grid.best), SECONDS
    if grid.target is not None:
        unit = unit_of_times(grid)
        values = values / unit.size
    norm = _norm(grid, values)
    colours = ScalarMappable(norm, colormaps["viridis" if grid.more_is_better else "viridis_r"])
    axes.set_xlim(-0.5, values.shape[1] - 0.5)
    axes.set_ylim(values.shape[0] - 0.5, -0.5)
    fills = colours.to_rgba(values, norm=True)
    for row, column in np.ndindex(values.shape):
        cell, corner, filled = grid.cells[row][column], (column - 0.5, row - 0.5), np.isfinite(values[row, column])
        fill = tuple(fills[row, column])
        style = {"facecolor": fill, "linewidth": 0.0} if filled else _EMPTY
        axes.add_patch(Rectangle(corner, 1, 1, **style))
        ink = "white" if filled and np.dot(fill[:3], _LUMINANCE) < _DARK_BELOW else INK
        # Plain ground under the words, or the hatching would run through them.
        ground = None if filled else {"facecolor": _EMPTY["facecolor"], "edgecolor": "none", "pad": 1.5}
        text = "\n".join(cell_lines(cell, grid.target is not None, unit))
        axes.text(column, row, text, ha="center", va="center", fontsize=11, color=ink, bbox=ground)
    axes.hlines(np.arange(values.shape[0] + 1) - 0.5, *axes.get_xlim(), color="white", linewidth=1.5)
    axes.vlines(np.arange(values.shape[1] + 1) - 0.5, *axes.get_ylim(), color="white", linewidth=1.5)
    for row, column in best:
        frame = Rectangle((column - 0.47, row - 0.46), 0.94, 0.92, fill=False, edgecolor="#D55E00", linewidth=3.0)
        axes.add_patch(frame)
    if not best:
        bar.set_visible(False)
        return
    bar.figure.colorbar(colours, cax=bar)
    final = f"final {metric_words(grid.metric)}"
    label = final if grid.target is None else f"simulated time to {grid.target} [{unit.symbol}]"
    bar.set_ylabel(label, fontsize=12, color=INK)
    bar.tick_params(labelsize=11, colors=INK)


def _norm(grid: Grid, shown: npt.NDArray[np.float64]) -> "Normalize":
    from matplotlib.colors import LogNorm, Normalize

    values = shown[np.isfinite(shown)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if grid.target is not None and low > 0 and high > LOG_FROM_RATIO * low:
        return LogNorm(low, high)
    # One value has no range: give it one, in the middle of which it stands.
    return Normalize(low, high) if high > low else Normalize(low - 0.5, high + 0.5)


def _add_legend(figure: "Figure", grid: Grid, place: tuple[float, float]) -> None:
    """Say what a cell without a colour means, if there is one."""
    from matplotlib.patches import Patch

    if np.isfinite(grid.values).all():
        return
    words = "no run that did not fail" if grid.target is None else "not reached: by half of the seeds or fewer"
    handle = Patch(**_EMPTY)
    figure.legend(
        [handle],
        [words],
        loc="upper left",
        bbox_to_anchor=place,
        frameon=False,
        fontsize=11,
        borderpad=0.2,
        borderaxespad=0.0,
    )
