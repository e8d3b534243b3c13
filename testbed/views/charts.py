"""Line charts for pages: drawn in SVG, so that they follow the width and the colours of the page they stand in.

What is drawn is what `curves.py` computes: a median over seeds, the interval of that median as a band, a diamond where
the target was reached.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from testbed.views.curves import Band
from testbed.views.page import Html, element, join
from testbed.views.palette import COLOURS, line_style_of, with_prefix

__all__ = ["LineChart", "legend"]

_WIDTH, _HEIGHT = 480, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 468, 12, 254
_DASHES: Final = {"-": None, "--": "8 4", "-.": "8 3 2 3", ":": "2 3"}


def legend(labels: Sequence[str], target: str = "") -> Html:
    """Return the legend of charts whose lines are those labels, in that order."""
    items = [element("li", _sample(_line_style(position)), label) for position, label in enumerate(labels)]
    if target:
        items.append(element("li", _sample({"class_": "target"}), target))
    return element("ul", *items, class_="legend")


def _sample(style: Mapping[str, str | None]) -> Html:
    line = element("line", x1=0, y1=6, x2=34, y2=6, **style)
    return element("svg", line, class_="chart", viewBox="0 0 34 12", aria_hidden="true")


def _colour(position: int) -> str:
    # On a dark screen nearer to white; --lighten is 0 on light ones and on paper.
    own = f"var(--series-{position % len(COLOURS)})"
    return f"color-mix(in srgb, {own}, white calc(100% * var(--lighten)))"


def _line_style(position: int) -> dict[str, str | None]:
    style = {"class_": "line", "style": f"stroke: {_colour(position)}"}
    return {**style, "stroke_dasharray": _DASHES[line_style_of(position)]}


@dataclass(frozen=True)
class LineChart:
    """A metric against one quantity, one line per alternative.

    Parameters
    ----------
    bands : label -> what to draw; its position gives its colour.
    reached : label -> where it reached the target, None if it did not.
    value_range : lowest and highest value of the vertical axis; above 0 if that is logarithmic, too.
    level : the target's value, None without one.
    """

    bands: Mapping[str, Band]
    reached: Mapping[str, float | None]
    quantity_label: str
    metric_label: str
    value_range: tuple[float, float]
    logarithmic: bool
    level: float | None = None
    log_values: bool = False

    def to_html(self) -> Html:
        """Return the chart as one figure."""
        scale = " (log scale)" if self.logarithmic else ""
        caption = f"{self.metric_label} against {self.quantity_label}{scale}"
        lines = [
            part
            for position, (label, band) in enumerate(self.bands.items())
            if len(band.x)
            for part in self._line(position, label, band)
        ]
        axes = element(
            "path", class_="axis", fill="none", d=f"M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}"
        )  # left and bottom, as in the pictures
        labels = [
            element("text", self.quantity_label + scale, x=(_LEFT + _RIGHT) / 2, y=_HEIGHT - 8, text_anchor="middle"),
            element("text", self.metric_label + (" (log scale)" if self.log_values else ""), x=_LEFT + 6, y=_TOP + 10),
        ]
        drawing = [*self._grid(), *lines, *self._target(), axes, *labels]
        svg = element(
            "svg", *drawing, class_="chart", viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=caption
        )
        return element("figure", svg)

    def _quantity_range(self) -> tuple[float, float]:
        positive = [band.x[band.x > 0] for band in self.bands.values()]
        ends = [float(x[-1]) for x in positive if len(x)]
        if not self.logarithmic:
            return 0.0, max(ends, default=1.0) * 1.01
        first = min(float(x[0]) for x in positive if len(x))
        return first / 1.1, max(ends) * 1.1

    def _x(self, value: float) -> float:
        low, high = self._quantity_range()
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(max(value, low))
        return round(_LEFT + (_RIGHT - _LEFT) * min(max((value - low) / (high - low), 0.0), 1.0), 2)

    def _y(self, value: float) -> float:
        low, high = self.value_range
        if self.log_values:
            low, high, value = math.log(low), math.log(high), math.log(max(value, low))
        return round(_BOTTOM - (_BOTTOM - _TOP) * (value - low) / (high - low), 2)

    def _line(self, position: int, label: str, band: Band) -> list[Html]:
        drawn = (
            np.isfinite(band.low) & np.isfinite(band.median) & np.isfinite(band.high)
        )  # SVG has no word for what is not a number
        x = [self._x(float(value)) for value in band.x[drawn]]
        upper, lower, middle = (
            [f"{a} {self._y(float(value))}" for a, value in zip(x, values[drawn], strict=True)]
            for values in (band.high, band.low, band.median)
        )
        colour = f"fill: {_colour(position)}"
        title = element("title", label)
        return [
            element("path", title, class_="band", d=f"M{'L'.join([*upper, *reversed(lower)])}Z", style=colour),
            element("path", title, d=f"M{'L'.join(middle)}", **_line_style(position)),
        ]

    def _target(self) -> list[Html]:
        if self.level is None:
            return []
        y = self._y(self.level)
        found = [element("line", class_="target", x1=_LEFT, y1=y, x2=_RIGHT, y2=y)]
        for position, (label, value) in enumerate(self.reached.items()):
            if value is None:
                continue
            # Later ones are smaller and on top, so that two at one place are both seen.
            x, size = self._x(value), max(8 - position, 4)
            title = element("title", f"{label}: {with_prefix(value)}".rstrip())
            path = f"M{x} {y - size}l{size} {size}l{-size} {size}l{-size} {-size}Z"
            found.append(element("path", title, class_="reached", d=path, style=f"fill: {_colour(position)}"))
        return found

    def _grid(self) -> list[Html]:
        marks = []
        for value in _ticks(*self._quantity_range(), self.logarithmic):
            x = self._x(value)
            marks.append(element("line", class_="grid", x1=x, y1=_TOP, x2=x, y2=_BOTTOM))
            text = with_prefix(value).strip()
            marks.append(element("text", text, class_="tick", x=x, y=_BOTTOM + 17, text_anchor="middle"))
        for value in _ticks(*self.value_range, self.log_values):
            y = self._y(value)
            marks.append(element("line", class_="grid", x1=_LEFT, y1=y, x2=_RIGHT, y2=y))
            marks.append(element("text", f"{value:.3g}", class_="tick", x=_LEFT - 7, y=y + 4, text_anchor="end"))
        return [Html(join(marks))]


def _ticks(low: float, high: float, logarithmic: bool) -> list[float]:
    """Return round values inside the range: decades where there are two or more of them on a logarithmic axis."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    if logarithmic:
        found = LogLocator(subs=(1.0,) if high > 100 * low else (1.0, 2.0, 5.0), numticks=12).tick_values(low, high)
    else:
        found = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(value) for value in np.asarray(found) if low <= value <= high]
