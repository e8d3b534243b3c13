"""Minibatches of graphs: some graphs of a store, joined into one graph that is not connected.

    nodes of the batch   = the nodes of its graphs, one graph after another
    edges of the batch   = their edges, each graph's nodes counted from where they begin in the batch

This is the form in which graph networks compute many graphs in one pass (Fey and Lenssen, "Fast graph representation
learning with PyTorch Geometric", 2019, section 3). It is cut from flat arrays by index arithmetic, without a look at
single graphs.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from graphs.adjacency import Adjacency
from graphs.graph_set import FloatArray, GraphSet, IntArray
from graphs.models.shape import GraphShape
from testbed.errors import RequestError

if TYPE_CHECKING:
    from torch_geometric.data import Data

__all__ = ["Batch", "GraphBatch", "GraphStore", "Structure", "in_both_directions", "ranges"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch(ABC):
    """Samples of one domain that a graph network computes together.

    Attributes
    ----------
    x : (N, f) float32, the features of all nodes.
    edge_index : (2, E) int64, source and target of all directed edges, nodes counted through the batch.
    domain : the number of the data set.
    extras : (N, num_extras) float32, the structure encodings of the nodes, or None.
    undirected : every edge is known to stand in both directions.
    """

    x: torch.Tensor
    edge_index: torch.Tensor
    domain: int
    extras: torch.Tensor | None = None
    undirected: bool = False

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def pool(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the samples have of the vectors `x : (N, d)` of all nodes, (len(self), d)."""

    @cached_property
    def adjacency(self) -> Adjacency:
        """The lists of neighbours."""
        return Adjacency.of(self.edge_index, len(self.x), self.undirected)

    @property
    def shape(self) -> tuple[int, int]:
        """Samples, and features of a node."""
        return len(self), self.x.shape[1]

    def clone(self) -> Self:
        """Return the batch with tensors of its own."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        own: dict[str, Any] = {name: v.clone() for name, v in values.items() if isinstance(v, torch.Tensor)}
        return replace(self, **own)


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphBatch(Batch):
    """Graphs side by side; the samples are graphs.

    Attributes
    ----------
    graph_of : (N,) int64, the place in the batch of each node's graph; never decreases.
    num_graphs : how many graphs.
    """

    graph_of: torch.Tensor
    num_graphs: int

    def __len__(self) -> int:
        return self.num_graphs

    def pool(self, x: torch.Tensor) -> torch.Tensor:
        """Return for each graph the sum over its nodes, (num_graphs, d)."""
        return x.new_zeros(self.num_graphs, x.shape[1]).index_add(0, self.graph_of, x)


@dataclass(frozen=True, eq=False)
class Structure:
    """Which nodes some graphs have, and how they are joined when the graphs stand side by side.

    Attributes
    ----------
    nodes : (N,) int64, the nodes as they are counted in the store.
    edge_index : (2, E) int64, the ends of all directed edges, nodes counted through the joined graphs.
    graph_of : (N,) int64, the place of each node's graph.
    """

    nodes: torch.Tensor
    edge_index: torch.Tensor
    graph_of: torch.Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphStore:
    """The graphs of a `GraphSet` as tensors; `store[indices]` is the minibatch of these graphs.

    Made by `GraphStore.of`; the fields are those of `GraphSet`, without the labels, the edges of a graph in the order
    of their targets, and

    first_nodes : for each domain the number of its first node.
    undirected : every edge stands in both directions.
    extras : (num_nodes, num_extras) float32, a structure encoding of every node, or None.
    """

    domains: tuple[str, ...]
    num_classes: tuple[int, ...]
    domain_of: torch.Tensor
    node_offsets: torch.Tensor
    edge_offsets: torch.Tensor
    edges: torch.Tensor
    features: tuple[torch.Tensor, ...]
    first_nodes: tuple[int, ...]
    undirected: bool
    extras: torch.Tensor | None = None

    @classmethod
    def of(cls, graph_set: GraphSet, node_extras: FloatArray | None = None) -> "GraphStore":
        """Return the store of a set's graphs.

        Parameters
        ----------
        graph_set : the graphs; its arrays are copied, so that the store's are aligned as PyTorch aligns them.
        node_extras : (num_nodes, num_extras), the structure encoding of every node in the order of the set.

        Raises
        ------
        RequestError : not one row of extras a node, or a number that is not finite.
        """
        num_nodes = int(graph_set.node_offsets[-1])
        if node_extras is not None and (node_extras.ndim != 2 or len(node_extras) != num_nodes):
            raise RequestError(
                f"data set {graph_set.name!r} has {num_nodes} nodes, but the encodings of nodes have the shape "
                f"{node_extras.shape}"
            )
        if node_extras is not None and not np.isfinite(node_extras).all():
            raise RequestError(f"data set {graph_set.name!r}: the encoding of a node is not finite")
        source, target = graph_set.edges + np.repeat(graph_set.node_offsets[:-1], graph_set.num_edges)
        first_graphs = np.searchsorted(graph_set.domain_of, np.arange(len(graph_set.domains)))
        return cls(
            domains=graph_set.domains,
            num_classes=graph_set.num_classes,
            domain_of=torch.tensor(graph_set.domain_of),
            node_offsets=torch.tensor(graph_set.node_offsets),
            edge_offsets=torch.tensor(graph_set.edge_offsets),
            edges=torch.tensor(graph_set.edges[:, np.lexsort((source, target))]),
            features=tuple(torch.tensor(matrix) for matrix in graph_set.features),
            undirected=in_both_directions(source, target),
            first_nodes=tuple(graph_set.node_offsets[first_graphs].tolist()),
            extras=None if node_extras is None else torch.tensor(node_extras, dtype=torch.float32),
        )

    @property
    def shape(self) -> GraphShape:
        """What a model must know of the graphs."""
        num_extras = 0 if self.extras is None else self.extras.shape[1]
        widths = tuple(matrix.shape[1] for matrix in self.features)
        return GraphShape(self.domains, widths, self.num_classes, num_extras)

    @cached_property
    def mean_nodes(self) -> float:
        """Nodes of a graph, in the mean over the domain whose graphs are the largest."""
        sizes = self.node_offsets.diff().to(torch.float64)
        totals = torch.zeros(len(self.domains), dtype=torch.float64).index_add(0, self.domain_of, sizes)
        return float((totals / torch.bincount(self.domain_of, minlength=len(self.domains)).clamp(min=1)).max())

    def __len__(self) -> int:
        return len(self.domain_of)

    def __getitem__(self, index: torch.Tensor | slice) -> GraphBatch:
        """Return the minibatch of the graphs `index`: (num_graphs,) int64, in any order and more than once, or a slice.

        Raises
        ------
        ValueError : no graph, graphs of two domains, or an index that is not int64.
        IndexError : a number that no graph has.
        """
        graphs = torch.arange(*index.indices(len(self))) if isinstance(index, slice) else index
        domain = self._domain(graphs)
        structure = self.structure(graphs)
        return GraphBatch(
            x=self.features_of(structure.nodes, domain),
            edge_index=structure.edge_index,
            graph_of=structure.graph_of,
            num_graphs=len(graphs),
            domain=domain,
            extras=None if self.extras is None else self.extras.index_select(0, structure.nodes),
            undirected=self.undirected,
        )

    def structure(self, graphs: torch.Tensor) -> "Structure":
        """Return nodes and edges of the graphs `graphs : (num_graphs,)` int64, of whatever domains, side by side."""
        node_starts, edge_starts = self.node_offsets[graphs], self.edge_offsets[graphs]
        num_nodes, num_edges = self.node_offsets[graphs + 1] - node_starts, self.edge_offsets[graphs + 1] - edge_starts
        nodes, graph_of, begins = ranges(node_starts, num_nodes)
        edges, graph_of_edge, _ = ranges(edge_starts, num_edges)
        # Row by row: along the second dimension `index_select` is a hundred times slower.
        edge_index = torch.stack([ends.index_select(0, edges) for ends in self.edges])
        return Structure(nodes, edge_index.add_(begins.index_select(0, graph_of_edge)), graph_of)

    def features_of(self, nodes: torch.Tensor, domain: int) -> torch.Tensor:
        """Return the features (N, f) of nodes of one domain, `nodes : (N,)` int64 as they are counted in the store."""
        return self.features[domain].index_select(0, nodes - self.first_nodes[domain])

    def _domain(self, graphs: torch.Tensor) -> int:
        if graphs.dtype != torch.int64 or graphs.ndim != 1:
            raise ValueError(f"an index of graphs is int64 (num_graphs,), not {graphs.dtype} {tuple(graphs.shape)}")
        if len(graphs) == 0:
            raise ValueError("a batch needs at least one graph")
        first, last = int(graphs.min()), int(graphs.max())
        if not 0 <= first <= last < len(self):
            raise IndexError(f"graphs are numbered 0 to {len(self) - 1}, not {first} to {last}")
        domains = self.domain_of[graphs]
        domain = int(domains[0])
        if bool((domains != domain).any()):
            names = ", ".join(self.domains[number] for number in sorted(set(domains.tolist())))
            raise ValueError(f"a batch has graphs of one domain, whose features and classes it shares; not of {names}")
        return domain

    def to_pyg(self, graph: int) -> "Data":
        """Return one graph in PyTorch Geometric's form, with its encodings as `extras`."""
        from torch_geometric.data import Data  # loading it takes seconds, and no run needs it

        batch = self[torch.tensor([graph])]
        more: dict[str, Any] = {} if batch.extras is None else {"extras": batch.extras}
        return Data(x=batch.x, edge_index=batch.edge_index, **more)


def in_both_directions(source: IntArray, target: IntArray) -> bool:
    """Return whether every edge (u, v) stands as often as (v, u); both arrays are (num_edges,)."""
    there, back = np.lexsort((source, target)), np.lexsort((target, source))
    return np.array_equal(source[there], target[back]) and np.array_equal(target[there], source[back])


def ranges(starts: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the numbers of several ranges, one range after another.

    Parameters
    ----------
    starts, lengths : (R,) int64, range r has the numbers starts[r] to starts[r] + lengths[r] - 1.

    Returns
    -------
    The numbers (sum of lengths,); the range of each (sum of lengths,); where each range begins among them (R,).

    >>> numbers, owners, begins = ranges(torch.tensor([10, 7, 3]), torch.tensor([2, 0, 3]))
    >>> numbers.tolist(), owners.tolist(), begins.tolist()
    ([10, 11, 3, 4, 5], [0, 0, 2, 2, 2], [0, 2, 2])
    """
    begins = lengths.cumsum(0) - lengths
    owners = torch.repeat_interleave(lengths)
    return torch.arange(len(owners)) + (starts - begins).index_select(0, owners), owners, begins
