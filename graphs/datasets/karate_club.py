"""Zachary's karate club: 34 members who split into two clubs, always available.

Source: Zachary, "An information flow model for conflict and fission in small groups", 1977, as shipped with networkx.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from graphs.datasets.source import NodeSource
from graphs.node_set import NodeSet
from graphs.undirected import undirected_edges

__all__ = ["KarateClub"]


class KarateClub(NodeSource):
    """34 members, 78 ties, 2 clubs; always available, and small enough to follow by hand.

    The members have no features, so each is its own (the identity matrix); how often two met is not used. Class 0 is
    the club of Mr. Hi, class 1 the officer's.

    References
    ----------
    Kipf and Welling, "Semi-supervised classification with graph convolutional networks", ICLR 2017, appendix A:
    identity features.
    """

    kind: str = "karate-club"

    def read(self, data_dir: Path | None) -> NodeSet:
        """Return the graph; `data_dir` is not used. It is made once per process."""
        return _load()


@lru_cache(maxsize=1)
def _load() -> NodeSet:
    import networkx as nx  # loading it takes a good part of a second

    graph = nx.karate_club_graph()
    ties = np.array(graph.edges, np.int64).T
    edges = undirected_edges(np.concatenate([ties, ties[::-1]], axis=1), len(graph), "karate-club")
    labels = np.array([graph.nodes[member]["club"] != "Mr. Hi" for member in range(len(graph))], np.int64)
    # The graph is code, not a file: what is hashed is what the code made.
    digest = hashlib.sha256(edges.astype("<i8").tobytes() + labels.astype("<i8").tobytes()).hexdigest()
    return NodeSet(
        name="karate-club",
        edges=edges,
        features=np.eye(len(graph), dtype=np.float32),
        labels=labels,
        num_classes=2,
        sources={"networkx.karate_club_graph": digest},
    )
