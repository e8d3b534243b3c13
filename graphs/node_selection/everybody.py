"""All: everybody's model makes the node model, which is then that of FedAvg. Our choice, as a control."""

import numpy as np

from graphs.graph_set import IntArray
from graphs.node_selection.rule import Selected, check_clients
from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["Everybody"]


class Everybody(Part):
    """All clients."""

    kind: str = "all"

    def select(
        self, similarity: FloatArray, clusters: IntArray, data_sizes: IntArray, rng: np.random.Generator
    ) -> Selected:
        """Return all clients; see `NodeSelection.select`."""
        return Selected(tuple(range(check_clients(similarity, clusters, data_sizes))))
