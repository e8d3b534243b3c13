"""The timeline: one lane per device, the uplink above them, and the global versions they made.

What a device was doing is drawn from its spans: computing in the colour of its group, transmitting in dark
ink, absent hatched. Waiting is what is left: there, and neither computing nor transmitting. `lanes.py` puts
them in order. Regions over a WAN have a timeline of their own, `region_timeline.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.experiments.result import RunResult
from testbed.views.lanes import Lanes, Window, owners, shown_window
from testbed.views.palette import INK, MUTED, MUTED_INK, colour_of, new_figure, quieten
from testbed.views.region_timeline import plot_region_timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_timeline"]

Floats: TypeAlias = npt.NDArray[np.float64]

_MOST_ROWS: Final = 8  # groups that get a row of version ticks each; more share one row
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.125, 0.985, 0.885, 0.065
_ABSENT: Final = "#B0B0B0"


@dataclass(frozen=True)
class _Spans:
    """Spans inside the window: whose (device or group number), of which kind, from when to when [s]."""

    owner: npt.NDArray[np.int64]
    kind: npt.NDArray[Any]
    start_s: Floats
    end_s: Floats

    def where(self, mask: npt.NDArray[np.bool_]) -> "_Spans":
        """Return those that `mask` selects."""
        return _Spans(self.owner[mask], self.kind[mask], self.start_s[mask], self.end_s[mask])


def plot_timeline(run: RunResult, start_s: float | None = None, end_s: float | None = None) -> "Figure":
    """Return the figure of who did what between two simulated times.

    Parameters
    ----------
    start_s : beginning of the window [s]; without it the beginning of the run.
    end_s : end of the window [s]; without it about four periods of the slowest group, or of synchronising, later.

    Raises
    ------
    RequestError : a window that is empty or outside the run, or a run without spans of devices.
    """
    if run.between_regions:
        return plot_region_timeline(run, start_s, end_s)
    window, about = shown_window(run, start_s, end_s)
    lanes = Lanes.of(run)
    devices, groups = _spans(run, "device-", window), _spans(run, "group-", window)
    num_rows = min(len(lanes.names), _MOST_ROWS)
    figure = new_figure()
    grid = figure.add_gridspec(
        3,
        1,
        left=_LEFT,
        right=_RIGHT,
        top=_TOP,
        bottom=_BOTTOM,
        hspace=0.035,
        height_ratios=(2 + num_rows, 7, 60),
    )
    versions, uplink, lane_axes = (figure.add_subplot(grid[row, 0]) for row in range(3))
    _draw_versions(versions, run, lanes, window)
    _draw_uplink(uplink, devices, groups, lanes)
    _draw_devices(lane_axes, devices, lanes, window)
    _label_groups(lane_axes, run, lanes)
    for axes in (versions, uplink, lane_axes):
        axes.set_xlim(*window)
    lane_axes.set_xlabel("simulated time [s]", fontsize=13, color=INK)
    _add_heading(figure, run, window, about)
    return figure


def _spans(run: RunResult, prefix: str, window: Window) -> _Spans:
    own, theirs = owners(run, prefix)
    columns = (run.column("span", name)[theirs] for name in ("kind", "start_s", "end_s"))
    spans = _Spans(own, *columns)
    return spans.where((spans.end_s > window[0]) & (spans.start_s < window[1]))


def _draw_boxes(axes: "Axes", y: Sequence[float] | Floats, height: float, spans: _Spans, **style: Any) -> None:
    """Draw one box per span around `y : (n,)`."""
    from matplotlib.collections import PolyCollection

    middle, start_s, end_s = np.asarray(y, dtype=float), spans.start_s, spans.end_s
    low, high = middle - height / 2, middle + height / 2
    corners = [(start_s, low), (start_s, high), (end_s, high), (end_s, low)]
    vertices = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)
    # Short spans keep the width of their edge, or a transmission would vanish beside the training before it.
    axes.add_collection(PolyCollection(list(vertices), **style))


def _draw_versions(axes: "Axes", run: RunResult, lanes: Lanes, window: Window) -> None:
    times_s, groups = run.column("version", "time_s"), run.column("version", "group")
    inside = (times_s >= window[0]) & (times_s <= window[1])
    own_rows = len(lanes.numbers) <= _MOST_ROWS
    for position, number in enumerate(lanes.numbers):
        own_s = times_s[inside & (groups == number)] if number >= 0 else times_s[inside]
        row = position if own_rows else 0
        axes.vlines(own_s, row - 0.42, row + 0.42, color=colour_of(position), linewidth=1.8)
    axes.set_ylim(max(len(lanes.numbers) if own_rows else 1, 1) - 0.4, -0.6)
    _label_strip(axes, f"{int(inside.sum())} global\nversions")


def _draw_uplink(axes: "Axes", devices: _Spans, groups: _Spans, lanes: Lanes) -> None:
    sent, queued = devices.where(devices.kind == "transmit"), groups.where(groups.kind == "queue")
    senders = np.array([lanes.position_of[device] for device in sent.owner], dtype=np.int64)
    num_groups = len(lanes.numbers)
    for position, number in enumerate(lanes.numbers):
        colour, own = colour_of(position), sent.where(senders == position)
        _draw_boxes(axes, np.zeros(len(own.owner)), 0.9, own, facecolor=colour, edgecolor=colour, linewidth=0.6)
        waiting = queued.where(queued.owner == number)
        y = np.full(len(waiting.owner), 0.6 + 0.8 * (position + 0.5) / num_groups)
        _draw_boxes(axes, y, 0.8 / num_groups, waiting, facecolor=colour, edgecolor=colour, linewidth=0.6)
    axes.set_ylim(1.5, -0.6)
    _label_strip(axes, "uplink in use\nqueue for it")


def _label_strip(axes: "Axes", label: str) -> None:
    quieten(axes, grid="x")
    axes.set_yticks([])
    axes.tick_params(axis="x", length=0, labelbottom=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_facecolor("#F7F7F7")
    axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=12, color=INK, labelpad=12)


def _draw_devices(axes: "Axes", spans: _Spans, lanes: Lanes, window: Window) -> None:
    quieten(axes, grid="x")
    positions = np.array([lanes.position_of[device] for device in spans.owner], dtype=np.int64)
    for position, devices in enumerate(lanes.members):
        colour, y = colour_of(position), [lanes.y[device] for device in devices]
        bounds = (np.full(len(y), window[0]), np.full(len(y), window[1]))
        whole = _Spans(np.array(devices), np.full(len(y), "wait"), *bounds)
        _draw_boxes(axes, y, 0.8, whole, facecolor=colour, alpha=0.13, linewidth=0)
        for kind, style in _styles(colour).items():
            own = spans.where((positions == position) & (spans.kind == kind))
            _draw_boxes(axes, [lanes.y[device] for device in own.owner], 0.8, own, **style)
    axes.set_ylim(lanes.bottom, -0.5)
    # Numbers of more than 60 lanes would run into one another: then only the first of each group has one.
    step = 1 if len(lanes.y) <= 60 else max(len(lanes.y) // len(lanes.members), 10)
    shown = [device for devices in lanes.members for device in devices[::step]]
    axes.set_yticks([lanes.y[device] for device in shown], [str(device) for device in shown])
    axes.tick_params(axis="y", labelsize=9 if len(lanes.y) > 25 else 11, length=0, pad=3)
    axes.spines["left"].set_visible(False)


def _styles(colour: str) -> dict[str, dict[str, Any]]:
    """Return how each kind of a device's spans is drawn, in drawing order."""
    return {
        "compute": {"facecolor": colour, "alpha": 0.72, "edgecolor": "white", "linewidth": 0.5},
        "absent": {"facecolor": "white", "edgecolor": _ABSENT, "hatch": "//////", "linewidth": 0.6},
        "transmit": {"facecolor": INK, "edgecolor": INK, "linewidth": 0.7},
    }


def _label_groups(axes: "Axes", run: RunResult, lanes: Lanes) -> None:
    """Draw a bracket in the group's colour beside its lanes, with its name, size and share of the data."""
    shares = dict(zip(run.column("group", "group"), run.column("group", "share"), strict=True))
    height_px = axes.get_window_extent().height / (lanes.bottom + 0.5)
    beside = axes.get_yaxis_transform()  # x as a fraction of the axes' width, y in lanes
    for position, devices in enumerate(lanes.members):
        first, last = lanes.y[devices[0]] - 0.4, lanes.y[devices[-1]] + 0.4
        bar = axes.vlines(-0.024, first, last, color=colour_of(position), linewidth=4, transform=beside)
        bar.set_clip_on(False)
        room_px = (last - first) * height_px
        share = shares.get(lanes.numbers[position])
        size = f"{len(devices)} device{'s' if len(devices) > 1 else ''}"
        lines = [lanes.names[position], size] if lanes.names[position] != "devices" else [size]
        lines += [f"{100 * share:.3g} % of data"] if share is not None else []
        text = "\n".join(lines[: max(1, int(room_px // 18))])
        if room_px >= 9:
            middle, points = (first + last) / 2, 12 if room_px >= 18 else 8
            axes.text(-0.031, middle, text, transform=beside, ha="right", va="center", fontsize=points)


def _add_heading(figure: "Figure", run: RunResult, window: Window, about: str) -> None:
    from matplotlib.patches import Patch

    headline = f"{run.algorithm}, {run.name}, seed {run.seed}: {window[0]:.4g} s to {window[1]:.4g} s"
    figure.text(_LEFT, 0.957, headline, ha="left", fontsize=18, color=INK)
    figure.text(_RIGHT, 0.959, about, ha="right", fontsize=12, color=MUTED_INK)
    styles = _styles(MUTED)
    waiting = Patch(facecolor=MUTED, alpha=0.2, linewidth=0)
    handles = [Patch(**styles["compute"]), waiting, Patch(**styles["transmit"]), Patch(**styles["absent"])]
    names = ["computing, in the colour of the group", "waiting", "transmitting", "absent"]
    figure.legend(
        handles,
        names,
        loc="upper left",
        bbox_to_anchor=(_LEFT - 0.007, 0.945),
        ncols=4,
        columnspacing=1.6,
        frameon=False,
        fontsize=12,
    )
