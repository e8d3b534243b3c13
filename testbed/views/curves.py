"""Curves: a metric against simulated time, against channel uses and against radiated energy.

Accuracy against time alone flatters whoever spends most, so the three are always shown together. A line is
the median over seeds, the band reaches from the lowest to the highest; a diamond marks the median over all
seeds at which the target was reached. Failed runs have no part in lines and bands; the legend counts them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.experiments.statistics import median_interval
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

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PANELS", "Band", "median_bands", "median_reached", "metric_label", "plot_curves", "with_seeds"]

Floats: TypeAlias = npt.NDArray[np.float64]
Curve: TypeAlias = tuple[Floats, Floats]  # x and metric of one run at its evaluations

# What a panel's horizontal axis shows: a name of testbed.experiments.result.COSTS or the time, and its label.
PANELS: Final = (
    ("time_s", "simulated time [s]"),
    ("channel_uses", "channel uses of the uplink"),
    ("energy_tx_j", "energy radiated by the devices [J]"),
)
_NUM_POINTS: Final = 400


@dataclass(frozen=True)
class Band:
    """One alternative against a quantity: x and the lowest, median and highest value over seeds, each `(n,)`."""

    x: Floats
    lowest: Floats
    median: Floats
    highest: Floats


def plot_curves(
    runs: Mapping[str, Sequence[RunResult]],
    metric: str = "accuracy",
    target: Target | None = None,
    rule: Rule = DEFAULT_RULE,
    title: str = "",
) -> "Figure":
    """Return the figure of a metric against time, channel uses and transmit energy, one line per alternative.

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
    figure = new_figure()
    margins = {"left": 0.065, "right": 0.975, "top": 0.875, "bottom": 0.075}
    grid = figure.add_gridspec(2, 2, hspace=0.27, wspace=0.13, **margins)
    places = (grid[0, :], grid[1, 0], grid[1, 1])
    for place, (quantity, label) in zip(places, PANELS, strict=True):
        axes = figure.add_subplot(place, sharey=figure.axes[0] if figure.axes else None)
        _draw_lines(axes, runs, metric, quantity)
        if on_metric is not None:
            _draw_target(axes, runs, quantity, on_metric, rule)
        scale = " (log scale)" if axes.get_xscale() == "log" else ""
        axes.set_xlabel(label + scale, fontsize=13, color=INK)
        axes.set_ylabel(metric_label(metric), fontsize=13, color=INK)
    _add_legend(figure, runs)
    headline = title or f"{metric_label(metric).capitalize()} against time, traffic and energy"
    figure.text(0.065, 0.955, headline, ha="left", fontsize=18, color=INK)
    reading = "line: median over seeds; band: lowest to highest"
    reading += f"; diamond: target reached ({rule}, median)" if on_metric else ""
    figure.text(0.975, 0.957, reading, ha="right", fontsize=12, color=MUTED_INK)
    return figure


def metric_label(metric: str) -> str:
    """Return a metric as an axis says it."""
    return {"accuracy": "test accuracy", "loss": "test loss"}.get(metric, metric.replace("_", " "))


def _add_legend(figure: "Figure", runs: Mapping[str, Sequence[RunResult]]) -> None:
    handles, labels = figure.axes[0].get_legend_handles_labels()
    texts = [with_seeds(str(label), runs[str(label)]) if label in runs else str(label) for label in labels]
    figure.legend(
        handles,
        texts,
        loc="upper left",
        bbox_to_anchor=(0.058, 0.948),
        ncols=min(4, len(texts)),
        columnspacing=1.8,
        handlelength=2.2,
        frameon=False,
        fontsize=13,
    )


def with_seeds(label: str, runs: Sequence[RunResult]) -> str:
    """Return a label with the number of its seeds, and of those that failed."""
    num_failed = sum(run.failed for run in runs)
    seeds = f"{len(runs)} seed{'s' if len(runs) > 1 else ''}"
    return f"{label} ({seeds}, {num_failed} failed)" if num_failed else f"{label} ({seeds})"


def median_bands(runs: Mapping[str, Sequence[RunResult]], metric: str, quantity: str) -> tuple[dict[str, Band], bool]:
    """Return every alternative's line and band against a quantity, and whether its axis is to be logarithmic.

    Parameters
    ----------
    quantity : `time_s` or one of `testbed.experiments.result.COSTS`.
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


def _draw_lines(axes: "Axes", runs: Mapping[str, Sequence[RunResult]], metric: str, quantity: str) -> None:
    bands, logarithmic = median_bands(runs, metric, quantity)
    quieten(axes)
    for position, (label, band) in enumerate(bands.items()):
        colour = colour_of(position)
        axes.fill_between(band.x, band.lowest, band.highest, color=colour, alpha=0.16, linewidth=0)
        axes.plot(band.x, band.median, line_style_of(position), color=colour, linewidth=2.2, label=label)
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
            curves.append((times_s if quantity == "time_s" else run.spent(quantity, times_s), values))
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
    values = np.stack([np.interp(points, *_last_at_each_x(x, y)) for x, y in curves])
    return Band(points, values.min(axis=0), np.median(values, axis=0), values.max(axis=0))


def _last_at_each_x(x: Floats, values: Floats) -> Curve:
    # While nothing is sent, evaluations share one cost: what holds there is the last value.
    last = np.append(np.diff(x) > 0, True)
    return x[last], values[last]


def _draw_target(
    axes: "Axes", runs: Mapping[str, Sequence[RunResult]], quantity: str, target: Target, rule: Rule
) -> None:
    axes.axhline(target.value, color=INK, linewidth=1.1, linestyle=(0, (5, 4)), label=f"target {target}")
    for position, group in enumerate(runs.values()):
        median = median_reached(group, quantity, target, rule)
        if median is not None:
            # Later ones are smaller and on top, so that two at one place are both seen.
            size, colour = max(13 - 2 * position, 6), colour_of(position)
            axes.plot(median, target.value, "D", ms=size, color=colour, mec="white", zorder=5 + position)


def _reached_at(run: RunResult, quantity: str, target: Target, rule: Rule) -> float | None:
    times_s, values = run.series(target.metric)
    time_s = None if run.failed else time_to(target, times_s.tolist(), values.tolist(), rule)
    if time_s is None or quantity == "time_s":
        return time_s
    return float(run.spent(quantity, np.array([time_s]))[0])
