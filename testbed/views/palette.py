"""What all figures share: a canvas without a window, colours for colour-blind readers too, quiet axes.

The colours are those of Okabe and Ito, "Color universal design" (2008), without the yellow, which vanishes on
white; beyond seven they repeat with another line style. Matplotlib takes 0.6 s to import, so only on use.
"""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "INK",
    "LOG_FROM_RATIO",
    "MUTED",
    "MUTED_INK",
    "colour_of",
    "line_style_of",
    "new_figure",
    "quieten",
    "with_prefix",
]

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6A4C93")
INK: Final = "#222222"
MUTED: Final = "#8A8A8A"  # lines
MUTED_INK: Final = "#5F5F5F"  # text
LOG_FROM_RATIO: Final = 8.0  # alternatives that differ more than this share no legible linear scale
_LINE_STYLES: Final = ("-", "--", "-.", ":")
_DPI: Final = 100


def colour_of(position: int) -> str:
    """Return the colour of the line or group at `position`, at least 0."""
    return COLOURS[position % len(COLOURS)]


def line_style_of(position: int) -> str:
    """Return the line style at `position`: the next one each time the colours start again."""
    return _LINE_STYLES[position // len(COLOURS) % len(_LINE_STYLES)]


def new_figure(width_px: int = 1600, height_px: int = 1000) -> "Figure":
    """Return an empty figure of that many pixels, drawn by Agg: no window, no global state of pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_px / _DPI, height_px / _DPI), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def quieten(axes: "Axes", grid: Any = "both") -> None:
    """Take the frame off, but for left and bottom, and lay a faint grid behind (both, x, y or None)."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(colors=INK, labelsize=12)
    axes.set_axisbelow(True)
    if grid is not None:
        axes.grid(axis=grid, color="#E6E6E6", linewidth=0.8)


def with_prefix(value: float) -> str:
    """Return a number with three significant digits and an SI prefix, ready for its unit.

    >>> with_prefix(1234567.0), with_prefix(0.5), with_prefix(0.0), with_prefix(999.9), with_prefix(9.06e16)
    ('1.23 M', '0.5 ', '0 ', '1 k', '90.6 P')
    """
    rounded = float(f"{value:.3g}")
    for factor, prefix in ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(rounded) >= factor:
            return f"{rounded / factor:.3g} {prefix}"
    return f"{rounded:.3g} "
