"""Curves: a metric against what it took: time, channel uses and radiated energy, or time, rounds or steps and traffic.

What is on the horizontal axes is said in `panels.py`. A line is the median over seeds. The band is the interval of that
median which tables give, between two order statistics of at least 95 %: with eight seeds or fewer it reaches from the
lowest to the highest, with more it narrows as the median becomes better known, where a range would widen. A diamond
marks the median over all seeds at which the target was reached. Failed runs have no part in lines and bands; the legend
counts them.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.experiments.statistics import median_interval, median_rank
from testbed.experiments.target import DEFAULT_RULE, Rule, Target, time_to
from testbed.views.palette import (
    INK,
    LOG_FROM_RATIO,
    MUTED_INK,
    colour_of,
    line_style_of,
    new_figure,
    quieten,
    with_prefix,
)
from testbed.views.panels import TRAFFIC, Panel, has_log_values, panels_of, quantity_at
from testbed.views.selection import drawn_alternatives, words_on_left_out

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "Band",
    "median_bands",
    "median_reached",
    "metric_label",
    "plot_curves",
    "reading_of",
    "with_seeds",
]

Floats: TypeAlias = npt.NDArray[np.float64]
Curve: TypeAlias = tuple[Floats, Floats]  # x and metric of one run at its evaluations

_NUM_POINTS: Final = 400
_HEIGHT_PX: Final = 1000
_WIDEST_LABEL: Final = 60  # letters in the legend
_TARGET_LINE: Final[dict[str, Any]] = {"color": INK, "linewidth": 1.1, "linestyle": (0, (5, 4))}


@dataclass(frozen=True)
class Band:
    """One alternative against a quantity: x, the median over seeds and the ends of its interval, each `(n,)`."""

    x: Floats
    low: Floats
    median: Floats
    high: Floats

    def scaled(self, size: float) -> "Band":
        """Return the same against a quantity counted in units of `size`."""
        return replace(self, x=self.x / size)


def plot_curves(
    runs: Mapping[str, Sequence[RunResult]],
    metric: str = "accuracy",
    target: Target | None = None,
    rule: Rule = DEFAULT_RULE,
    title: str = "",
) -> "Figure":
    """Return the figure of a metric against time and two costs (`panels_of`), one line per alternative.

    Of more than eight alternatives it shows the first and the best (`drawn_alternatives`), and says so.

    Parameters
    ----------
    runs : label -> the runs of that alternative, one per seed.
    target : drawn as a line where it is on this metric, and marked where each alternative reaches it.
    title : stands above the figure; without one, the metric and the target do.

    Raises
    ------
    RequestError : no run, or none that was evaluated on this metric.
    """
    if not any(len(run.series(metric)[0]) for group in runs.values() for run in group if not run.failed):
        raise RequestError(f"nothing to draw: no completed run was evaluated on {metric}")
    on_metric = target if target is not None and target.metric == metric else None
    drawn = drawn_alternatives(runs, metric, on_metric, rule)
    panels = panels_of(run for group in runs.values() for run in group)
    figure = new_figure(height_px=_HEIGHT_PX)
    costs = "traffic and energy"
    if panels[1].quantity == "version":
        costs = "rounds and traffic" if panels[2].quantity == TRAFFIC else "steps and traffic"
    headline = title or f"{metric_label(metric).capitalize()} against time, {costs}"
    top = _draw_heading(figure, drawn, metric, headline, on_metric, rule, len(runs))
    margins = {"left": 0.065, "right": 0.975, "top": top, "bottom": 0.075}
    grid = figure.add_gridspec(2, 2, hspace=0.27, wspace=0.13, **margins)
    places = (grid[0, :], grid[1, 0], grid[1, 1])
    for place, panel in zip(places, panels, strict=True):
        axes = figure.add_subplot(place, sharey=figure.axes[0] if figure.axes else None)
        _draw_lines(axes, drawn, metric, panel)
        if on_metric is not None:
            _draw_target(axes, drawn, panel, on_metric, rule)
        axes.set_xlabel(panel.label + _scale_words(axes.get_xscale()), fontsize=13, color=INK)
    _scale_values(figure.axes[0], drawn, metric)
    for axes in figure.axes:
        axes.set_ylabel(metric_label(metric) + _scale_words(axes.get_yscale()), fontsize=13, color=INK)
    return figure


def _scale_words(scale: str) -> str:
    return " (log scale)" if scale == "log" else ""


def _scale_values(axes: "Axes", runs: Mapping[str, Sequence[RunResult]], metric: str) -> None:
    """Make the vertical axis logarithmic where the values ask for it."""
    from matplotlib.ticker import LogLocator, NullFormatter

    values = np.concatenate([run.series(metric)[1] for group in runs.values() for run in group])
    values = values[np.isfinite(values)]
    if has_log_values(metric, float(values.min(initial=np.inf)), float(values.max(initial=-np.inf))):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(lambda value, _position: f"{value:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())


def _draw_heading(
    figure: "Figure",
    drawn: Mapping[str, Sequence[RunResult]],
    metric: str,
    headline: str,
    target: Target | None,
    rule: Rule,
    num_alternatives: int,
) -> float:
    """Draw title, reading and legend from the top down, and return where the axes may begin, as a fraction."""
    figure.text(0.065, 1 - 43 / _HEIGHT_PX, headline, ha="left", fontsize=18, color=INK)
    reading = [reading_of(drawn, metric, target, rule), words_on_left_out(len(drawn), num_alternatives)]
    lines = [line for line in reading if line]
    for number, line in enumerate(lines):
        figure.text(0.065, 1 - (68 + 20 * number) / _HEIGHT_PX, line, ha="left", fontsize=12, color=MUTED_INK)
    below_px = 62 + 20 * len(lines)
    return 1 - (below_px + _add_legend(figure, drawn, target, below_px) + 22) / _HEIGHT_PX


def reading_of(
    runs: Mapping[str, Sequence[RunResult]], metric: str, target: Target | None = None, rule: Rule = DEFAULT_RULE
) -> str:
    """Return how curves are to be read: what is line, band and diamond."""
    counts = sorted({len(_curves(group, metric, "time_s")) for group in runs.values()} - {0})
    ranks = [median_rank(count) for count in counts]
    covers = sorted({coverage for _, coverage in ranks if coverage > 0})
    words = "line: median over seeds"
    if covers:
        ends = " to ".join(dict.fromkeys(f"{100 * coverage:.3g}" for coverage in (covers[0], covers[-1])))
        range_ = "lowest to highest, " if all(rank == 1 for rank, _ in ranks) else ""
        words += f"; band: {range_}the {ends} % interval of the median"
    return words + (f"; diamond: {target} reached ({rule}, median)" if target is not None else "")


def metric_label(metric: str) -> str:
    """Return a metric as an axis says it."""
    whole = {"accuracy": "test accuracy", "loss": "test loss", "perplexity": "test perplexity"}
    return whole.get(metric, metric.replace("_", " "))


def _add_legend(
    figure: "Figure", runs: Mapping[str, Sequence[RunResult]], target: Target | None, top_px: float
) -> float:
    """Draw the legend in as many columns as fit, and return its height [pixels]."""
    from matplotlib.lines import Line2D

    texts = [_fit(with_seeds(label, group)) for label, group in runs.items()]
    handles = [Line2D([], [], **_line(position)) for position in range(len(texts))]
    if target is not None:
        handles.append(Line2D([], [], **_TARGET_LINE))
        texts.append(f"target {target}")
    for num_columns in range(min(4, len(texts)), 0, -1):
        legend = figure.legend(
            handles,
            texts,
            loc="upper left",
            bbox_to_anchor=(0.058, 1 - top_px / _HEIGHT_PX),
            ncols=num_columns,
            columnspacing=1.8,
            handlelength=2.6,
            frameon=False,
            fontsize=13,
            borderpad=0.2,
        )
        box = legend.get_window_extent()
        if num_columns == 1 or box.width <= 0.92 * figure.bbox.width:
            break
        legend.remove()
    return float(box.height)


def _fit(label: str) -> str:
    """Return a label broken into lines that a column of the legend holds."""
    return "\n".join(textwrap.wrap(label, _WIDEST_LABEL, max_lines=3, placeholder=" ..."))


def with_seeds(label: str, runs: Sequence[RunResult]) -> str:
    """Return a label with the number of its seeds, and of those that failed."""
    num_failed = sum(run.failed for run in runs)
    seeds = f"{len(runs)} seed{'s' if len(runs) > 1 else ''}"
    return f"{label} ({seeds}, {num_failed} failed)" if num_failed else f"{label} ({seeds})"


def median_bands(runs: Mapping[str, Sequence[RunResult]], metric: str, quantity: str) -> tuple[dict[str, Band], bool]:
    """Return every alternative's line and band against a quantity, and whether its axis is to be logarithmic.

    Parameters
    ----------
    quantity : `time_s`, `version` or one of `testbed.experiments.result.COSTS`.
    """
    curves = {label: _curves(group, metric, quantity) for label, group in runs.items()}
    # As far as all seeds of an alternative have come: beyond that its median would be of fewer and fewer.
    reaches = [min(float(x[-1]) for x, _ in group) for group in curves.values() if group]
    ends = [reach for reach in reaches if reach > 0]
    logarithmic = quantity != "time_s" and bool(ends) and max(ends) > LOG_FROM_RATIO * min(ends)
    # An alternative that failed under every seed still has its place in the legend.
    nothing = Band(*(np.empty(0),) * 4)
    return {label: _band(group, logarithmic) if group else nothing for label, group in curves.items()}, logarithmic


def median_reached(runs: Sequence[RunResult], quantity: str, target: Target, rule: Rule) -> float | None:
    """Return the median over all runs of the quantity at which the target was reached; None if that is never."""
    reached = [_reached_at(run, quantity, target, rule) for run in runs]
    return median_interval(reached).median if reached else None


def _line(position: int) -> dict[str, Any]:
    return {"color": colour_of(position), "linestyle": line_style_of(position), "linewidth": 2.2}


def _draw_lines(axes: "Axes", runs: Mapping[str, Sequence[RunResult]], metric: str, panel: Panel) -> None:
    found, logarithmic = median_bands(runs, metric, panel.quantity)
    bands = {label: band.scaled(panel.size) for label, band in found.items()}
    quieten(axes)
    for position, (label, band) in enumerate(bands.items()):
        colour = colour_of(position)
        axes.fill_between(band.x, band.low, band.high, color=colour, alpha=0.16, linewidth=0)
        # Who sends nothing has a single point, which is no line.
        alone: dict[str, Any] = {"marker": "o", "markersize": 9, "clip_on": False} if len(band.x) == 1 else {}
        axes.plot(band.x, band.median, label=label, **_line(position), **alone)
    if logarithmic:
        axes.set_xscale("log")
    else:
        ends = [float(band.x[-1]) for band in bands.values() if len(band.x) and band.x[-1] > 0]
        axes.set_xlim(0, max(ends, default=1.0) * 1.01)
        axes.xaxis.set_major_formatter(lambda value, _position: with_prefix(value).strip())


def _curves(runs: Sequence[RunResult], metric: str, quantity: str) -> list[Curve]:
    curves = []
    for run in runs:
        times_s, values = run.series(metric)
        if len(times_s) and not run.failed:
            curves.append((quantity_at(run, metric, quantity, times_s), values))
    return curves


def _band(curves: Sequence[Curve], logarithmic: bool) -> Band:
    """Return the line and its band, as far as all seeds have come."""
    reach = min(float(x[-1]) for x, _ in curves)
    if logarithmic:
        first = max(float(np.min(x[x > 0], initial=np.inf)) for x, _ in curves)
        points = np.geomspace(min(first, reach), reach, _NUM_POINTS) if reach > 0 else np.array([1.0])
    else:
        # Every evaluation of every seed, so that seeds on one grid of times are read exactly at it.
        points = np.unique(np.concatenate([x for x, _ in curves]))
        points = points[points <= reach]
    values = np.sort([np.interp(points, *_last_at_each_x(x, y)) for x, y in curves], axis=0)
    rank, _ = median_rank(len(values))
    return Band(points, values[rank - 1], np.median(values, axis=0), values[-rank])


def _last_at_each_x(x: Floats, values: Floats) -> Curve:
    # While nothing is sent, evaluations share one cost: what holds there is the last value.
    last = np.append(np.diff(x) > 0, True)
    return x[last], values[last]


def _draw_target(
    axes: "Axes", runs: Mapping[str, Sequence[RunResult]], panel: Panel, target: Target, rule: Rule
) -> None:
    axes.axhline(target.value, **_TARGET_LINE)
    for position, group in enumerate(runs.values()):
        median = median_reached(group, panel.quantity, target, rule)
        if median is not None:
            # Later ones are smaller and on top, so that two at one place are both seen.
            size, colour = max(13 - 2 * position, 6), colour_of(position)
            axes.plot(median / panel.size, target.value, "D", ms=size, color=colour, mec="white", zorder=5 + position)


def _reached_at(run: RunResult, quantity: str, target: Target, rule: Rule) -> float | None:
    times_s, values = run.series(target.metric)
    time_s = None if run.failed else time_to(target, times_s.tolist(), values.tolist(), rule)
    return None if time_s is None else float(quantity_at(run, target.metric, quantity, np.array([time_s]))[0])
