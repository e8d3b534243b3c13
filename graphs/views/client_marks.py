"""Clients as marks: a numbered disc in the colour of the cluster, a heading above them, a legend of the clusters."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.layout import FloatArray
from testbed.views.palette import INK, MUTED_INK, colour_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["add_legend", "clusters_of", "draw_clients", "heading", "require_rows"]

_MARK_POINTS: Final = 24  # diameter of a disc
_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")


def require_rows(run: RunResult, table: str) -> None:
    """Refuse a run that did not keep a table.

    Raises
    ------
    RequestError : there are no such rows.
    """
    if table not in run.tables or not run.tables[table].num_rows:
        raise RequestError(
            f"nothing to draw: the run of {run.algorithm} has no rows of {table!r}; methods that cluster clients by "
            "their graphs, such as fedgcf, keep them"
        )


def clusters_of(run: RunResult) -> dict[int, int]:
    """Return client -> cluster, in the order of the clients."""
    clients, clusters = (run.column("client_cluster", name).tolist() for name in ("client", "cluster"))
    return dict(sorted(zip(clients, clusters, strict=True)))


def draw_clients(axes: "Axes", run: RunResult, places: Mapping[int, FloatArray], ringed: Sequence[int] = ()) -> None:
    """Draw each client of `places`, client -> (x, y), in the colour of its cluster and with its number.

    Several domains have a shape each. `ringed` : clients with a dark rim.
    """
    cluster_of = clusters_of(run)
    domains = _domains_of(run)
    shapes = {domain: _MARKERS[k % len(_MARKERS)] for k, domain in enumerate(dict.fromkeys(domains.values()))}
    for client, (x, y) in places.items():
        rim, width = (INK, 3.0) if client in ringed else ("white", 1.2)
        style: dict[str, Any] = {"markeredgecolor": rim, "markeredgewidth": width, "clip_on": False, "zorder": 4}
        colour = colour_of(cluster_of[client])
        axes.plot(x, y, shapes[domains[client]], markersize=_MARK_POINTS, color=colour, **style)
        axes.text(x, y, str(client), ha="center", va="center", fontsize=11, color="white", zorder=5)


def add_legend(figure: "Figure", run: RunResult) -> None:
    """Name the clusters, and if there are several the domains, below the heading."""
    handles, words = _handles(run)
    figure.legend(
        handles,
        words,
        loc="upper left",
        bbox_to_anchor=(0.058, 1 - 78 / figure.bbox.height),
        ncols=5,
        columnspacing=1.6,
        handletextpad=0.3,
        frameon=False,
        fontsize=13,
    )


def _handles(run: RunResult) -> "tuple[list[Line2D], list[str]]":
    from matplotlib.lines import Line2D

    clusters, domains = np.array(list(clusters_of(run).values())), list(dict.fromkeys(_domains_of(run).values()))
    handles, words = [], []
    for cluster in np.unique(clusters).tolist():
        handles.append(Line2D([], [], marker="o", linestyle="", markersize=12, color=colour_of(cluster)))
        size = int((clusters == cluster).sum())
        words.append(f"cluster {cluster} ({size} client{'s' if size > 1 else ''})")
    if len(domains) > 1:
        for k, domain in enumerate(domains):
            shape = _MARKERS[k % len(_MARKERS)]
            handles.append(Line2D([], [], marker=shape, linestyle="", markersize=11, color=MUTED_INK))
            words.append(domain)
    return handles, words


def heading(figure: "Figure", headline: str, reading: str) -> None:
    """Write what a figure shows, and below it how it is to be read."""
    height_px = figure.bbox.height
    figure.text(0.065, 1 - 43 / height_px, headline, ha="left", fontsize=18, color=INK)
    figure.text(0.065, 1 - 68 / height_px, reading, ha="left", fontsize=12, color=MUTED_INK)


def _domains_of(run: RunResult) -> dict[int, str]:
    clients, domains = (run.column("client_cluster", name).tolist() for name in ("client", "domain"))
    return dict(sorted(zip(clients, domains, strict=True)))
