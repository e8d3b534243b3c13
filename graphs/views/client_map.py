"""The map of the clients: near each other where their graphs are built alike.

From the distances between their structural vectors come coordinates by classical scaling,

    B = -1/2 J D^2 J,    J = I - 1/M,    X = V sqrt(L) of the two largest eigenvalues L of B

which are the first two principal components of the vectors where D is Euclidean (Torgerson 1952; Gower 1966). Other
distances may have no place in a plane at all; eigenvalues below 0 are left out, and the axes say what is kept.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from graphs.views.client_marks import add_legend, draw_clients, heading, require_rows
from testbed.experiments.result import RunResult
from testbed.layout import FloatArray
from testbed.views.palette import INK, new_figure, quieten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Coordinates", "plot_client_map", "principal_coordinates"]


class Coordinates(NamedTuple):
    """Points in a plane, `(num_points, 2)`, and the share of all variance along each axis, `(2,)` in [0, 1]."""

    points: FloatArray
    shares: FloatArray


def principal_coordinates(distances: FloatArray) -> Coordinates:
    """Return points in a plane whose distances are as near to those given as linear ones can be.

    Our choice: the largest coordinate of an axis is positive, so that a map does not flip from run to run.

    Parameters
    ----------
    distances : (num_points, num_points), symmetric with a zero diagonal.
    """
    squares = np.asarray(distances, dtype=np.float64) ** 2
    centred = squares - squares.mean(axis=0) - squares.mean(axis=1, keepdims=True) + squares.mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    values = np.maximum(values[::-1], 0.0)
    count = min(2, len(values))
    points, shares = np.zeros((len(squares), 2)), np.zeros(2)
    points[:, :count] = vectors[:, ::-1][:, :count] * np.sqrt(values[:count])
    shares[:count] = values[:count] / max(values.sum(), np.finfo(float).tiny)
    largest = points[np.abs(points).argmax(axis=0), np.arange(2)]
    return Coordinates(points * np.where(largest < 0, -1.0, 1.0), shares)


def plot_client_map(run: RunResult) -> "Figure":
    """Return the map of the clients by the structure of their graphs, in the colours of the clusters.

    Clients whose vector the server did not get have no place on it; the words below the headline count them.

    Raises
    ------
    RequestError : the run has no distances between clients.
    """
    require_rows(run, "structure_distance")
    clients, distances = _distances(run)
    found = principal_coordinates(distances)
    figure = new_figure(1200, 800)
    axes = figure.add_axes((0.085, 0.105, 0.88, 0.69))
    quieten(axes)
    draw_clients(axes, run, dict(zip(clients, found.points, strict=True)))
    axes.margins(0.12)
    for axis, number in ((axes.xaxis, 0), (axes.yaxis, 1)):
        axis.set_label_text(f"{('first', 'second')[number]} principal coordinate ({100 * found.shares[number]:.0f} %)")
        axis.label.set(fontsize=13, color=INK)
    heading(figure, f"{run.algorithm}, {run.name}, seed {run.seed}: clients by structure", _reading(run, len(clients)))
    add_legend(figure, run)
    return figure


def _distances(run: RunResult) -> tuple[list[int], FloatArray]:
    first, second, apart = (run.column("structure_distance", name) for name in ("first", "second", "distance"))
    clients = np.union1d(first, second)
    distances = np.zeros((len(clients), len(clients)))
    distances[np.searchsorted(clients, first), np.searchsorted(clients, second)] = apart
    return clients.tolist(), distances + distances.T


def _reading(run: RunResult, num_drawn: int) -> str:
    silhouette = float(run.column("client_cluster", "silhouette")[0])
    words = "a disc is a client, its number the device; near: graphs built alike"
    if np.isfinite(silhouette):
        words += f"; silhouette of the clusters {silhouette:.2f}"
    missing = run.tables["client_cluster"].num_rows - num_drawn
    return words + (f"; {missing} without a vector left out" if missing else "")
