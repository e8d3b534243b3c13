"""Whose models make the common node model: S_node, chosen among those who arrived, every few rounds."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from graphs.client_topology import client_similarity
from graphs.graph_set import IntArray
from graphs.methods.received import Received
from graphs.node_selection.rule import NodeSelection, Selected
from testbed.layout import FloatArray

__all__ = ["NodeChoice", "Similarity"]

Similarity: TypeAlias = Literal["updates", "models"]


@dataclass(frozen=True)
class NodeChoice:
    """How S_node is chosen.

    Parameters
    ----------
    rule : that chooses.
    similarity : of what: the updates, each against what that client was sent, or the models.
    every : rounds from one choice to the next.
    """

    rule: NodeSelection
    similarity: Similarity = "updates"
    every: int = 1

    def is_due(self, num_rounds: int) -> bool:
        """Return whether a choice is made after so many rounds; it is in the first."""
        return num_rounds % self.every == 0

    def similarities(self, received: Received) -> FloatArray:
        """Return q of those who arrived: (num_clients, num_clients)."""
        models = np.asarray(received.models, dtype=np.float64)
        return client_similarity(models - received.starts if self.similarity == "updates" else models)

    def choose(
        self, received: Received, similarity: FloatArray, clusters: IntArray, rng: np.random.Generator
    ) -> Selected:
        """Return S_node and its paths, by client id.

        `clusters` : (M,), of all clients.
        """
        clients = received.clients
        rows = self.rule.select(similarity, clusters[list(clients)], received.data_sizes, rng)
        paths = tuple(tuple(clients[row] for row in path) for path in rows.paths)
        return Selected(tuple(clients[row] for row in rows.clients), paths, rows.scores)
