"""The topology of the clients in one round, and the paths by which the clients of the node model were chosen."""

from typing import TYPE_CHECKING, Final

import numpy as np

from graphs.views.client_marks import add_legend, clusters_of, draw_clients, heading, require_rows
from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.layout import FloatArray
from testbed.views.palette import INK, MUTED, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_client_paths"]

_WIDEST: Final = 5.0  # points, of the edge between the most similar clients


def plot_client_paths(run: RunResult, version: int | None = None) -> "Figure":
    """Return who learnt alike before a version, and whose models are in the node model.

    Parameters
    ----------
    version : one for which similarities were recorded: 1, 2, 4, 8 and so on; without it the last of them.

    Raises
    ------
    RequestError : a version without similarities, or a run without any.
    """
    require_rows(run, "client_similarity")
    versions = run.column("client_similarity", "version")
    known = np.unique(versions).tolist()
    shown = known[-1] if version is None else version
    if shown not in known:
        raise RequestError(f"no similarities of version {shown}: recorded are {', '.join(map(str, known))}")
    places = _circle(clusters_of(run))
    chosen = run.column("node_client", "client")[run.column("node_client", "version") == shown].tolist()
    figure = new_figure(1000, 900)
    axes = figure.add_axes((0.03, 0.02, 0.94, 0.78))
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set(xlim=(-1.4, 1.4), ylim=(-1.1, 1.1))
    _draw_edges(axes, run, shown, places)
    num_paths = _draw_paths(axes, run, shown, places)
    draw_clients(axes, run, places, chosen)
    named = f"{run.algorithm}, {run.name}, seed {run.seed}"
    words = "line: edge of the topology, wider for more similar clients; dark: a chosen path; rim: in the node model"
    heading(figure, f"{named}: clients by what they learnt, version {shown}", words if num_paths else _without(words))
    add_legend(figure, run)
    return figure


def _without(words: str) -> str:
    return words.replace("; dark: a chosen path", "; no path was chosen")


def _circle(cluster_of: dict[int, int]) -> dict[int, FloatArray]:
    """Return the place of each client on a circle, those of a cluster together."""
    clients = sorted(cluster_of, key=lambda client: (cluster_of[client], client))
    angles = np.pi / 2 - 2 * np.pi * np.arange(len(clients)) / len(clients)
    return dict(zip(clients, np.stack([np.cos(angles), np.sin(angles)], axis=1), strict=True))


def _draw_edges(axes: "Axes", run: RunResult, version: int, places: dict[int, FloatArray]) -> None:
    columns = {name: run.column("client_similarity", name) for name in ("first", "second", "similarity", "is_edge")}
    rows = (run.column("client_similarity", "version") == version) & columns["is_edge"].astype(bool)
    first, second, similarity = (columns[name][rows] for name in ("first", "second", "similarity"))
    low, high = float(similarity.min()), float(similarity.max())
    for one, other, q in zip(first.tolist(), second.tolist(), similarity.tolist(), strict=True):
        width = 1.0 + (_WIDEST - 1.0) * ((q - low) / (high - low) if high > low else 1.0)
        ends = np.stack([places[one], places[other]])
        axes.plot(ends[:, 0], ends[:, 1], color=MUTED, alpha=0.45, linewidth=width, zorder=1)


def _draw_paths(axes: "Axes", run: RunResult, version: int, places: dict[int, FloatArray]) -> int:
    """Draw the chosen paths, the best on top and darkest; return how many there are."""
    columns = {name: run.column("node_path", name) for name in ("version", "path", "place", "client")}
    rows = columns["version"] == version
    paths = columns["path"][rows]
    num_paths = int(paths.max()) + 1 if len(paths) else 0
    for number in reversed(range(num_paths)):
        of_path = paths == number
        order = np.argsort(columns["place"][rows][of_path])
        corners = np.stack([places[client] for client in columns["client"][rows][of_path][order].tolist()])
        alpha = 1.0 - 0.6 * number / num_paths
        axes.plot(corners[:, 0], corners[:, 1], color=INK, alpha=alpha, linewidth=2.6, zorder=2)
    return num_paths
