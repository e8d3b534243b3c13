"""What chooses the clients of the common node model, what it returns, and what all rules check."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Protocol

import numpy as np
from pydantic import Field

from graphs.graph_set import IntArray
from testbed.errors import RequestError
from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["NodeSelection", "PartOfClients", "Selected", "check_clients", "mean_similarity", "most"]


@dataclass(frozen=True)
class Selected:
    """S_node: the clients whose models are averaged.

    Attributes
    ----------
    clients : ascending, at least one.
    paths : the paths of clients they lie on, in the order taken; none where a rule has no paths.
    scores : of each of these paths, the geometric mean of the similarities along it.
    """

    clients: tuple[int, ...]
    paths: tuple[tuple[int, ...], ...] = ()
    scores: tuple[float, ...] = ()

    def overlap(self, clusters: IntArray) -> tuple[int, ...]:
        """Return how many are in each cluster; all in one means that the node model is a structural one again."""
        return tuple(np.bincount(clusters[list(self.clients)], minlength=int(clusters.max()) + 1).tolist())


class NodeSelection(Protocol):
    """A rule that chooses the clients of the common node model."""

    def select(
        self, similarity: FloatArray, clusters: IntArray, data_sizes: IntArray, rng: np.random.Generator
    ) -> Selected:
        """Return the chosen clients.

        Parameters
        ----------
        similarity : (M, M) q_ij in [0, 1], symmetric, of what the clients learnt; see `graphs.client_topology`.
        clusters : (M,) the structural cluster of each client, from 0 on.
        data_sizes : (M,) training graphs of each client, at least 1.
        rng : the stream of this choice; only a rule that draws reads it.

        Raises
        ------
        RequestError : arrays that are not of the same clients.
        """
        ...


class PartOfClients(Part):
    """Base of the rules that choose a fraction of the clients."""

    fraction: Annotated[float, Field(gt=0, le=1)] = 0.5  # of all clients, rounded up

    def size(self, num_clients: int) -> int:
        """Return how many that is."""
        return min(math.ceil(round(self.fraction * num_clients, 9)), num_clients)


def check_clients(similarity: FloatArray, clusters: IntArray, data_sizes: IntArray) -> int:
    """Return M, the number of clients.

    Raises
    ------
    RequestError : no client, or arrays of different lengths.
    """
    num_clients = len(similarity)
    shapes = np.shape(similarity), np.shape(clusters), np.shape(data_sizes)
    if num_clients == 0 or shapes != ((num_clients, num_clients), (num_clients,), (num_clients,)):
        raise RequestError(f"similarity, clusters and data sizes are not of the same clients: shapes {shapes}")
    return num_clients


def mean_similarity(similarity: FloatArray) -> FloatArray:
    """Return the mean similarity of each client to the others: (M,); 1 where there are no others."""
    others = len(similarity) - 1
    return np.round((similarity.sum(axis=1) - np.diag(similarity)) / others, 12) if others else np.ones(1)


def most(values: Iterable[float], number: int) -> tuple[int, ...]:
    """Return the places of the largest values, ascending; of equals the first.

    >>> most([0.1, 0.5, 0.5, 0.2], 2)
    (1, 2)
    """
    order = np.argsort(-np.asarray(list(values), dtype=np.float64), kind="stable")
    return tuple(sorted(order[:number].tolist()))
