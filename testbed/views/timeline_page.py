"""The timeline as a page: the lanes of `timeline.py`, to zoom, filter and ask for causes.

All spans of the run are in the page as columns of bytes; `assets/timeline.js` draws those in view on a canvas.
The rows are those of the picture (global versions, uplink and queue for it, devices by group), then one row for
every other entity (downlink, server), and a metric of the current version below, on the same axis. Between regions the
lanes are the regions, and collectives and links follow below them.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from testbed.experiments.result import RunResult
from testbed.views.lanes import Lanes, Window, shown_window
from testbed.views.page import Html, data_block, element, packed, render_page
from testbed.views.palette import COLOURS
from testbed.views.region_lanes import COLLECTIVE, link_names, region_names
from testbed.views.region_timeline import STALL

__all__ = ["SCRIPTS", "timeline_page", "timeline_section"]

SCRIPTS: Final = ("timeline.js",)

# Kind of span -> how the legend says it, in drawing order; any other kind comes first, under its own name.
_KINDS: Final = {
    "wait": "waiting",
    "queue": "queueing",
    "compute": "computing, in the colour of the group",
    "absent": "absent",
    "all-reduce": "all-reduce",
    "transmit": "transmitting",
    "stall": "stalled by a transfer",
}
_COMPUTING_REGION: Final = "computing"
_FIRST_METRICS: Final = ("perplexity", "accuracy", "loss")


def timeline_page(run: RunResult, start_s: float | None = None, end_s: float | None = None) -> str:
    """Return a page that shows who did what when, opened at the window between two simulated times.

    Parameters
    ----------
    start_s, end_s : of the window [s]; without them as in `plot_timeline`.

    Raises
    ------
    RequestError : a window that is empty or outside the run, or a run without devices.
    """
    window, about = shown_window(run, start_s, end_s)
    headline = f"{run.algorithm}, {run.name}, seed {run.seed}"
    header = element("header", element("h1", headline), element("p", f"Opened at {_words(window)} {about}."))
    body = element("main", header, _section(run, window, wheel="always"), class_="wide")
    return render_page(f"Timeline: {headline}", [body], SCRIPTS)


def timeline_section(run: RunResult) -> Html:
    """Return the same as part of a longer page, where the wheel scrolls the page until the timeline has the focus.

    Raises
    ------
    RequestError : a run without devices.
    """
    window, about = shown_window(run, None, None)
    return element("div", element("p", f"Opened at {_words(window)} {about}."), _section(run, window, "focused"))


def _words(window: Window) -> str:
    return f"{window[0]:.4g} s to {window[1]:.4g} s"


def _section(run: RunResult, window: Window, wheel: str) -> Html:
    kinds, kind_of = np.unique(run.column("span", "kind").astype(str), return_inverse=True)
    order = sorted(kinds.tolist(), key=lambda kind: list(_KINDS).index(kind) if kind in _KINDS else -1)
    counts = np.bincount(kind_of, minlength=len(kinds))
    num_spans = {kind: int(counts[position]) for position, kind in enumerate(kinds.tolist())}
    places = np.array([order.index(kind) for kind in kinds.tolist()], dtype=np.int64)
    metrics = _metrics(run)
    data = {
        "window_s": window,
        "elapsed_s": run.elapsed_s,
        "regions": run.between_regions,
        "stall_colour": STALL,
        "colours": COLOURS,
        "kinds": order,
        "spans": _spans(run, places[kind_of] if len(kinds) else places),
        "groups": _groups(run),
        "versions": _versions(run),
        "metrics": metrics,
    }
    return element(
        "section",
        _controls(order, num_spans, [metric["name"] for metric in metrics], run.between_regions),
        element(
            "div",
            element("canvas", class_="base"),
            element("canvas", class_="overlay", tabindex=0, role="img", aria_label="timeline of all devices"),
            element("div", class_="tooltip", hidden=True),
            element("img", class_="sheet", alt=""),
            class_="stage",
        ),
        element("p", class_="status", role="status"),
        element("div", class_="chain", hidden=True),
        element("noscript", element("p", "The timeline is drawn by a script in this page; the browser runs none.")),
        data_block("timeline-data", data),
        class_="timeline",
        data_wheel=wheel,
    )


def _controls(kinds: Sequence[str], num_spans: dict[str, int], metrics: Sequence[str], regions: bool) -> Html:
    names = _KINDS | ({"compute": _COMPUTING_REGION} if regions else {})
    who, hint = ("regions ", "0, 2-3") if regions else ("devices ", "3, 7-12, group 1")
    buttons = {
        "in": ("+", "zoom in"),
        "out": ("\u2212", "zoom out"),
        "left": ("\u25c0", "earlier"),
        "right": ("\u25b6", "later"),
        "window": ("window", "back to the first window"),
        "all": ("all", "the whole run"),
    }
    boxes = [
        element(
            "label",
            element("input", type="checkbox", checked=True, data_kind=kind),
            element("span", class_="swatch", data_kind=kind),
            f"{names.get(kind, kind)} ",
            element("small", f"{num_spans[kind]:,}"),
        )
        for kind in kinds
    ]
    options = [element("option", metric.replace("_", " "), value=metric) for metric in metrics]
    return element(
        "div",
        element(
            "span",
            *(
                element("button", sign, type="button", title=words, aria_label=words, data_action=action)
                for action, (sign, words) in buttons.items()
            ),
            class_="buttons",
        ),
        element("label", who, element("input", type="search", placeholder=hint, size=18)),
        *([element("label", "curve ", element("select", *options))] if options else []),
        element("fieldset", element("legend", "shown"), *boxes, class_="kinds"),
        class_="controls",
    )


def _spans(run: RunResult, kind_of: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Return the columns of all spans; a cause is the row of the span that released this one, -1 for none."""
    names, name_of = np.unique(run.column("span", "entity").astype(str), return_inverse=True)
    labels = _labels(run)
    # Those of the picture in its order, then the others by name.
    entities = [name for name in labels if name in set(names.tolist())]
    entities += [name for name in names.tolist() if name not in labels]
    places = {name: place for place, name in enumerate(entities)}
    entity_of = np.array([places[name] for name in names.tolist()], dtype=np.int64)[name_of]
    span_ids = run.column("span", "span_id").astype(np.int64)
    return {
        "count": len(span_ids),
        "entities": entities,
        "labels": [labels.get(name) for name in entities],
        "entity": packed(entity_of, "i4"),
        "kind": packed(kind_of, "u1"),
        "start_s": packed(run.column("span", "start_s"), "f8"),
        "end_s": packed(run.column("span", "end_s"), "f8"),
        "cause": packed(_rows_of(run.column("span", "cause_id").astype(np.int64), span_ids), "i4"),
    }


def _labels(run: RunResult) -> dict[str, str]:
    """Return the entities that have names of their own, in the order of the picture: regions, collectives, links."""
    if not run.between_regions:
        return {}
    regions = {f"device-{region}": name for region, name in region_names(run).items()}
    return regions | {COLLECTIVE: "collectives"} | link_names(run)


def _rows_of(wanted: npt.NDArray[np.int64], span_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the row `(n,)` of each wanted span, -1 where there is none such."""
    order = np.argsort(span_ids, kind="stable")
    places = np.searchsorted(span_ids, wanted, sorter=order)
    rows = order[np.minimum(places, len(order) - 1)] if len(order) else np.empty(0, dtype=np.int64)
    return np.where(span_ids[rows] == wanted, rows, -1)


def _groups(run: RunResult) -> list[dict[str, Any]]:
    lanes = Lanes.of(run)
    shares = dict(zip(run.column("group", "group").tolist(), run.column("group", "share").tolist(), strict=True))
    return [
        {"name": name, "number": number, "devices": devices, "share": shares.get(number)}
        for name, number, devices in zip(lanes.names, lanes.numbers, lanes.members, strict=True)
    ]


def _versions(run: RunResult) -> dict[str, str]:
    return {
        "time_s": packed(run.column("version", "time_s"), "f8"),
        "group": packed(run.column("version", "group"), "i4"),
    }


def _metrics(run: RunResult) -> list[dict[str, str]]:
    names = sorted(set(run.column("evaluation", "metric").tolist()))
    ordered = [name for name in _FIRST_METRICS if name in names]
    ordered += [name for name in names if name not in _FIRST_METRICS]
    series = {name: run.series(name) for name in ordered}
    return [
        {"name": name, "time_s": packed(times_s, "f8"), "value": packed(values, "f8")}
        for name, (times_s, values) in series.items()
    ]
