"""Node classification: samples are nodes, and each client has a part of one large graph.

The edges between the parts of two clients are nobody's: neither sees the other's nodes. They are left out and counted.
"""

from dataclasses import dataclass

import numpy as np
import torch

from graphs.batch import Batch, in_both_directions
from graphs.graph_set import FloatArray, IntArray
from graphs.models.shape import GraphShape
from testbed.errors import RequestError

__all__ = ["NodeBatch", "NodeStore"]


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeBatch(Batch):
    """The whole subgraph of a client, of which some nodes are asked; the samples are these nodes.

    Attributes
    ----------
    asked : (num_asked,) int64, their places in the subgraph, in the order in which they were asked for.
    """

    asked: torch.Tensor

    def __len__(self) -> int:
        return len(self.asked)

    def pool(self, x: torch.Tensor) -> torch.Tensor:
        """Return the vectors of the nodes that are asked, (num_asked, d)."""
        return x.index_select(0, self.asked)


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeStore:
    """One graph in parts; `store[indices]` is the subgraph of the client whose nodes these are. Made by `NodeStore.of`.

    Attributes
    ----------
    name : of the data set.
    num_classes : classes of a node.
    subgraph_of : (N,) int64, the part that each node belongs to.
    place : (N,) int64, where each node stands when the nodes of a part stand together.
    node_offsets, edge_offsets : (num_subgraphs + 1,) int64, as in `GraphSet`.
    edges : (2, E) int64, nodes counted from 0 within their part, in the order of the targets.
    features : (N, f) float32, and
    extras : (N, num_extras) float32 or None, both in the order of `place`.
    undirected : every edge stands in both directions.
    num_cut_edges : directed edges between two parts, which are left out.
    """

    name: str
    num_classes: int
    subgraph_of: torch.Tensor
    place: torch.Tensor
    node_offsets: torch.Tensor
    edge_offsets: torch.Tensor
    edges: torch.Tensor
    features: torch.Tensor
    extras: torch.Tensor | None
    undirected: bool
    num_cut_edges: int

    @classmethod
    def of(
        cls,
        name: str,
        features: FloatArray,
        edges: IntArray,
        subgraph_of: IntArray,
        num_classes: int,
        node_extras: FloatArray | None = None,
    ) -> "NodeStore":
        """Return the store of a graph that is dealt to clients.

        Parameters
        ----------
        name : of the data set.
        features : (N, f), of each node.
        edges : (2, E) int64, source and target of every directed edge.
        subgraph_of : (N,) int64, the part of each node, 0 to the number of parts - 1, none empty.
        num_classes : classes of a node.
        node_extras : (N, num_extras), the structure encoding of each node.

        Raises
        ------
        RequestError : arrays that do not fit together, or an empty part.
        """
        num_nodes = len(features)
        _check(name, features, edges, subgraph_of, node_extras)
        order = np.argsort(subgraph_of, kind="stable")
        place = np.empty(num_nodes, dtype=np.int64)
        place[order] = np.arange(num_nodes)
        inside = subgraph_of[edges[0]] == subgraph_of[edges[1]]
        source, target = place[edges[:, inside]]
        by_target = np.lexsort((source, target))
        source, target = source[by_target], target[by_target]
        node_offsets = np.cumsum([0, *np.bincount(subgraph_of)])
        owner = subgraph_of[order][target]
        edge_offsets = np.cumsum([0, *np.bincount(owner, minlength=len(node_offsets) - 1)])
        return cls(
            name=name,
            num_classes=num_classes,
            subgraph_of=torch.tensor(subgraph_of),
            place=torch.tensor(place),
            node_offsets=torch.tensor(node_offsets),
            edge_offsets=torch.tensor(edge_offsets),
            edges=torch.tensor(np.stack([source, target]) - node_offsets[owner]),
            features=torch.tensor(features[order], dtype=torch.float32),
            extras=None if node_extras is None else torch.tensor(node_extras[order], dtype=torch.float32),
            undirected=in_both_directions(source, target),
            num_cut_edges=int(np.count_nonzero(~inside)),
        )

    @property
    def shape(self) -> GraphShape:
        """What a model must know of the graph."""
        num_extras = 0 if self.extras is None else self.extras.shape[1]
        return GraphShape((self.name,), (self.features.shape[1],), (self.num_classes,), num_extras)

    def __len__(self) -> int:
        return len(self.subgraph_of)

    def __getitem__(self, index: torch.Tensor | slice) -> NodeBatch:
        """Return the subgraph of the client who has the nodes `index : (num_asked,)` int64, or a slice of all nodes.

        Raises
        ------
        ValueError : no node, nodes of two clients, or an index that is not int64.
        IndexError : a number that no node has.
        """
        asked = torch.arange(*index.indices(len(self))) if isinstance(index, slice) else index
        part = self._part(asked)
        (start, stop), (first, last) = self.node_offsets[part : part + 2], self.edge_offsets[part : part + 2]
        return NodeBatch(
            x=self.features[start:stop],
            edge_index=self.edges[:, first:last],
            domain=0,
            extras=None if self.extras is None else self.extras[start:stop],
            undirected=self.undirected,
            asked=self.place[asked] - start,
        )

    def _part(self, asked: torch.Tensor) -> int:
        if asked.dtype != torch.int64 or asked.ndim != 1:
            raise ValueError(f"an index of nodes is int64 (num_asked,), not {asked.dtype} {tuple(asked.shape)}")
        if len(asked) == 0:
            raise ValueError("a batch asks at least one node")
        first, last = int(asked.min()), int(asked.max())
        if not 0 <= first <= last < len(self):
            raise IndexError(f"nodes are numbered 0 to {len(self) - 1}, not {first} to {last}")
        parts = self.subgraph_of[asked]
        if bool((parts != parts[0]).any()):
            raise ValueError(f"a batch asks nodes of one client, not of the clients {sorted(set(parts.tolist()))}")
        return int(parts[0])


def _check(
    name: str, features: FloatArray, edges: IntArray, subgraph_of: IntArray, node_extras: FloatArray | None
) -> None:
    num_nodes = len(features)
    if features.ndim != 2 or edges.shape[:1] != (2,) or subgraph_of.shape != (num_nodes,) or num_nodes == 0:
        found = f"features {features.shape}, edges {edges.shape}, parts {subgraph_of.shape}"
        raise RequestError(f"data set {name!r}: the arrays do not describe one graph: {found}")
    if edges.dtype != np.int64 or subgraph_of.dtype != np.int64:
        raise RequestError(f"data set {name!r}: nodes and parts are numbered by int64")
    if edges.size and not 0 <= edges.min() <= edges.max() < num_nodes:
        raise RequestError(f"data set {name!r}: an edge has an end that is none of the {num_nodes} nodes")
    if subgraph_of.min() < 0 or (np.bincount(subgraph_of) == 0).any():
        raise RequestError(f"data set {name!r}: parts are numbered from 0, and each has at least one node")
    if node_extras is not None and (node_extras.ndim != 2 or len(node_extras) != num_nodes):
        shape = node_extras.shape
        raise RequestError(f"data set {name!r} has {num_nodes} nodes, but encodings of the shape {shape}")
