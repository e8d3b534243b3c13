"""The timeline of regions over a WAN: a lane per region, the collectives, a thin lane per link, a metric if any.

Computing is calm, standing still for a transfer is bright red. A column of pixels is as dark as the part of it that
spans cover, but never too faint to be seen, so thousands of flows stay legible. Collectives have the colour of the
fragment that they synchronise, where the run says which.
"""

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.views.lanes import Window, shown_window
from testbed.views.palette import COLOURS, INK, MUTED, MUTED_INK, colour_of, new_figure, quieten
from testbed.views.quantities import Unit, time_unit
from testbed.views.region_lanes import COLLECTIVE, coverage, fragments_of, link_names, region_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["STALL", "plot_region_timeline"]

Floats: TypeAlias = npt.NDArray[np.float64]

STALL: Final = "#E5001F"
_COMPUTE: Final = "#7FA6C9"
_LINK: Final = "#3B4A54"
_WHOLE: Final = "#009E73"  # a collective of the whole model
_ABSENT: Final = "#B0B0B0"
_PALE: Final = "#EFF3F7"
_QUEUE: Final = "#E69F00"

_WIDTH_PX, _HEIGHT_PX = 1600, 1000
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.125, 0.985, 0.885, 0.065
_REGION, _COLLECTIVE, _LINK_HEIGHT, _GAP = 1.0, 0.9, 0.5, 0.6  # heights of lanes and of what is free between blocks
_MOST_PX: Final = 52.0  # height of a region's lane above a metric
_LEAST_CURVE_PX: Final = 150.0
_FAINTEST: Final = 0.3
_NARROWEST_PX: Final = 8.0  # steps shorter than this are not told apart
_ROOM_FOR_NUMBER_PX: Final = 15.0
_METRICS: Final = ("perplexity", "loss", "accuracy")


class _Spans:
    """The spans of a run, to be asked for those of an entity and a kind inside the window."""

    def __init__(self, run: RunResult, window: Window) -> None:
        columns = (run.column("span", name) for name in ("entity", "kind", "start_s", "end_s"))
        entity, kind, start_s, end_s = columns
        inside = (end_s > window[0]) & (start_s < window[1])
        self._entity, self._kind = entity[inside].astype(str), kind[inside].astype(str)
        self._start_s, self._end_s = start_s[inside], end_s[inside]

    def of(self, entity: str, kind: str) -> tuple[Floats, Floats]:
        """Return starts and ends, `(n,)` each [s]."""
        mine = (self._entity == entity) & (self._kind == kind)
        return self._start_s[mine], self._end_s[mine]


class _Canvas:
    """Draws lanes on axes whose vertical axis counts lanes downwards, in columns of one pixel."""

    def __init__(self, axes: "Axes", window: Window, num_columns: int, unit: Unit) -> None:
        self.axes, self.window, self.unit = axes, window, unit
        self.edges_s = np.linspace(*window, num_columns + 1)
        self.px_per_s = num_columns / (window[1] - window[0])

    def lane(self, y: float, height: float, layers: list[tuple[str, Floats]], ground: str = _PALE) -> None:
        """Draw one lane around `y`: colours over a ground, each as opaque as its part `(num_columns,)`."""
        from matplotlib.colors import to_rgb

        picture = np.tile(to_rgb(ground), (len(self.edges_s) - 1, 1))
        for colour, part in layers:
            opaque = np.where(part > 0, np.maximum(part, _FAINTEST), 0.0)[:, None]
            picture = picture * (1 - opaque) + np.array(to_rgb(colour)) * opaque
        first, last = (self.unit.of(time_s) for time_s in self.window)
        extent = (first, last, y + height / 2, y - height / 2)
        self.axes.imshow(picture[None], extent=extent, aspect="auto", interpolation="nearest", zorder=2)

    def part(self, spans: tuple[Floats, Floats]) -> Floats:
        """Return what part of each column spans cover."""
        return coverage(*spans, self.edges_s)


def plot_region_timeline(run: RunResult, start_s: float | None = None, end_s: float | None = None) -> "Figure":
    """Return the figure of what regions, collectives and links did between two simulated times.

    Parameters
    ----------
    start_s, end_s : of the window [s]; without them as `shown_window` chooses.

    Raises
    ------
    RequestError : a window that is empty or outside the run, or a run without spans.
    """
    window, about = shown_window(run, start_s, end_s)
    regions, links = region_names(run), link_names(run)
    spans, unit = _Spans(run, window), time_unit([window[1]])
    if not len(run.column("span", "kind")):
        raise RequestError("nothing to draw: the run has no spans of devices")
    has_collectives = COLLECTIVE in run.column("span", "entity")
    depth = _REGION * len(regions) + (_GAP + _LINK_HEIGHT * len(links) if links else 0)
    depth += _GAP + 1.6 * _COLLECTIVE if has_collectives else 0
    room_px = _HEIGHT_PX * (_TOP - _BOTTOM)
    metric = next((name for name in _METRICS if name in run.column("evaluation", "metric")), None)
    # Without a metric below, as of a run that computed nothing, the lanes have the whole figure.
    lanes_px = room_px if metric is None else min(_MOST_PX * depth, room_px - (_LEAST_CURVE_PX + 60))
    figure = new_figure(_WIDTH_PX, _HEIGHT_PX)
    across, height = _RIGHT - _LEFT, lanes_px / _HEIGHT_PX
    axes = figure.add_axes((_LEFT, _TOP - height, across, height))
    canvas = _Canvas(axes, window, round(across * _WIDTH_PX), unit)
    bottom = _draw_regions(canvas, spans, regions)
    if has_collectives:
        bottom = _draw_collective(canvas, spans, run, bottom + _GAP)
    _draw_links(canvas, spans, links, bottom + _GAP, lanes_px / depth)
    axes.set_ylim(depth - 0.5, -0.5)
    axes.spines[:].set_visible(False)
    axes.tick_params(colors=INK, labelsize=12)
    last = axes
    if metric is not None:
        last = figure.add_axes((_LEFT, _BOTTOM, across, _TOP - height - 26 / _HEIGHT_PX - _BOTTOM), sharex=axes)
        _draw_metric(last, run, metric, window, unit)
        axes.tick_params(axis="x", length=0, labelbottom=False)
    axes.set_xlim(*(unit.of(time_s) for time_s in window))
    last.set_xlabel(f"simulated time [{unit.symbol}]", fontsize=13, color=INK)
    _add_heading(figure, run, window, about, unit)
    return figure


def _draw_regions(canvas: _Canvas, spans: _Spans, regions: dict[int, str]) -> float:
    """Draw a lane per region, and return where the last one ends."""
    axes = canvas.axes
    for lane, region in enumerate(regions):
        entity = f"device-{region}"
        kinds = ((_COMPUTE, "compute"), (_ABSENT, "absent"), (STALL, "stall"))
        canvas.lane(lane, 0.82 * _REGION, [(colour, canvas.part(spans.of(entity, kind))) for colour, kind in kinds])
        start_s, end_s = spans.of(entity, "compute")
        # Where steps are wide enough to be told apart, a fine line does so.
        if len(start_s) and float(np.median(end_s - start_s)) * canvas.px_per_s >= _NARROWEST_PX:
            x = [canvas.unit.of(time_s) for time_s in start_s]
            axes.vlines(x, lane - 0.41, lane + 0.41, color="white", linewidth=0.8, zorder=3)
    _label(axes, dict(enumerate(regions.values())), 12)
    return len(regions) - 0.5


def _draw_collective(canvas: _Canvas, spans: _Spans, run: RunResult, top: float) -> float:
    """Draw the collectives and, below them, what stands in line for one; return where that ends."""
    axes, fragment_of = canvas.axes, fragments_of(run)
    start_s, end_s = spans.of(COLLECTIVE, "all-reduce")
    pairs = list(zip(start_s.tolist(), end_s.tolist(), strict=True))
    fragments = np.array([fragment_of.get(pair, -1) for pair in pairs], dtype=np.int64)
    layers = []
    for fragment in np.unique(fragments):
        own = fragments == fragment
        colour = colour_of(int(fragment)) if fragment >= 0 else _WHOLE
        layers.append((colour, canvas.part((start_s[own], end_s[own]))))
    y = top + _COLLECTIVE / 2
    canvas.lane(y, 0.82 * _COLLECTIVE, layers)
    for (first_s, last_s), fragment in zip(pairs, fragments.tolist(), strict=True):
        shown_s = max(first_s, canvas.window[0]), min(last_s, canvas.window[1])
        if fragment >= 0 and (shown_s[1] - shown_s[0]) * canvas.px_per_s >= _ROOM_FOR_NUMBER_PX:
            x = canvas.unit.of(sum(shown_s) / 2)
            axes.text(x, y, str(fragment), ha="center", va="center", fontsize=10, color="white", zorder=4)
    queue_y = top + _COLLECTIVE + 0.3 * _COLLECTIVE
    canvas.lane(queue_y, 0.5 * _COLLECTIVE, [(_QUEUE, canvas.part(spans.of(COLLECTIVE, "queue")))])
    _label(axes, {y: "all-reduce", queue_y: "in line for it"}, 12)
    return top + 1.6 * _COLLECTIVE


def _draw_links(canvas: _Canvas, spans: _Spans, links: dict[str, str], top: float, px_per_lane: float) -> None:
    names, step = {}, max(1, int(np.ceil(11 / (px_per_lane * _LINK_HEIGHT))))
    for number, (entity, name) in enumerate(links.items()):
        y = top + (number + 0.5) * _LINK_HEIGHT
        canvas.lane(y, 0.78 * _LINK_HEIGHT, [(_LINK, canvas.part(spans.of(entity, "transmit")))])
        if number % step == 0:
            names[y] = name
    _label(canvas.axes, names, 10 if len(links) <= 16 else 8)


def _label(axes: "Axes", names: dict[Any, str], size: float) -> None:
    beside = axes.get_yaxis_transform()  # x as a fraction of the axes' width, y in lanes
    axes.set_yticks([])
    for y, name in names.items():
        axes.text(-0.006, y, name, transform=beside, ha="right", va="center", fontsize=size, color=INK)


def _draw_metric(axes: "Axes", run: RunResult, metric: str, window: Window, unit: Unit) -> None:
    quieten(axes)
    times_s, values = run.series(metric)
    # What is in view sets the scale, with one evaluation on either side to which the line goes on.
    first, last = np.searchsorted(times_s, window[0], side="right") - 1, np.searchsorted(times_s, window[1])
    seen = slice(max(int(first), 0), int(last) + 1)
    axes.plot(times_s[seen] / unit.size, values[seen], "o-", color=COLOURS[0], linewidth=1.8, markersize=4)
    axes.set_ylabel(metric.replace("_", " "), fontsize=13, color=INK)
    axes.margins(y=0.08)


def _add_heading(figure: "Figure", run: RunResult, window: Window, about: str, unit: Unit) -> None:
    from matplotlib.patches import Patch

    first, last = (unit.words(time_s) for time_s in window)
    headline = f"{run.algorithm}, {run.name}, seed {run.seed}: {first} to {last}"
    figure.text(_LEFT, 0.957, headline, ha="left", fontsize=18, color=INK)
    figure.text(_RIGHT, 0.959, about, ha="right", fontsize=12, color=MUTED_INK)
    looks = {
        "computing": _COMPUTE,
        "stalled by a transfer": STALL,
        "absent": _ABSENT,
        "waiting": _PALE,
        "link in use": _LINK,
        "in line": _QUEUE,
    }
    handles = [Patch(facecolor=colour, edgecolor=MUTED, linewidth=0.4) for colour in looks.values()]
    figure.legend(
        handles,
        list(looks),
        loc="upper left",
        bbox_to_anchor=(_LEFT - 0.007, 0.945),
        ncols=len(looks),
        columnspacing=1.4,
        handlelength=1.6,
        frameon=False,
        fontsize=12,
    )
