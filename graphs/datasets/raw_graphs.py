"""What a reader of any file format finds, and the one way from there to a `GraphSet`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from graphs.datasets.node_features import node_features
from graphs.graph_set import FloatArray, GraphSet, IntArray
from graphs.undirected import undirected_edges
from testbed.errors import RequestError

__all__ = ["RawGraphs"]


@dataclass(frozen=True, kw_only=True, eq=False)
class RawGraphs:
    """The graphs of one file, in its order and with its own labels.

    Parameters
    ----------
    num_nodes : (num_graphs,) nodes of each graph.
    edges : (2, num_edges) ends of the edges, nodes counted from 0 through all graphs, in any order.
    tags : (nodes of all graphs, num_tags) float32, one-hot node labels; None if the set has none.
    attributes : (nodes of all graphs, num_attributes) float32; None if they are not wanted or not there.
    labels : (num_graphs,) classes as the file numbers them.
    """

    num_nodes: IntArray
    edges: IntArray
    tags: FloatArray | None
    attributes: FloatArray | None
    labels: IntArray

    def graph_set(self, name: str, sources: Mapping[str, str], max_degree: int | None = None) -> GraphSet:
        """Return the graphs as a set of one domain; classes are numbered from 0 in the order of the file's labels.

        Raises
        ------
        RequestError : an edge between two graphs, in one direction only or to no node; no features; another mistake.
        """
        if not len(self.labels):
            raise RequestError(f"{name}: there is no graph")
        node_offsets = _offsets(self.num_nodes)
        edges = undirected_edges(self.edges, int(node_offsets[-1]), name)
        graph_of = np.searchsorted(node_offsets, edges, side="right") - 1
        if (graph_of[0] != graph_of[1]).any():
            first = int(np.flatnonzero(graph_of[0] != graph_of[1])[0])
            raise RequestError(f"{name}: an edge connects the graphs {graph_of[0, first]} and {graph_of[1, first]}")
        degrees = np.bincount(edges[0], minlength=node_offsets[-1])
        classes, labels = np.unique(self.labels, return_inverse=True)
        return GraphSet(
            name=name,
            domains=(name,),
            domain_of=np.zeros(len(labels), np.int64),
            node_offsets=node_offsets,
            edge_offsets=_offsets(np.bincount(graph_of[0], minlength=len(labels))),
            edges=edges - node_offsets[graph_of],
            features=(node_features(name, self.tags, self.attributes, degrees, max_degree),),
            labels=labels.astype(np.int64),
            num_classes=(len(classes),),
            sources=sources,
        )


def _offsets(counts: IntArray) -> IntArray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
