"""Many labelled graphs in flat arrays: the form in which a data set of graphs lies in memory.

Graphs of one or several data sets ("domains") stand one after another, those of a domain together. A domain has its own
node features and its own classes: class 0 of one has nothing to do with class 0 of another.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError

__all__ = ["FloatArray", "GraphSet", "IntArray"]

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphSet:
    """Labelled graphs; read-only, for all runs of a process share them.

    Parameters
    ----------
    name : the name under which results mention it.
    domains : the names of the data sets it consists of, at least one.
    domain_of : (num_graphs,) int64, which domain a graph is of; never decreases.
    node_offsets : (num_graphs + 1,) int64; graph g has the nodes node_offsets[g] to node_offsets[g + 1], at least one.
    edge_offsets : (num_graphs + 1,) int64; likewise its directed edges, perhaps none.
    edges : (2, num_edges) int64, source and target of every directed edge, nodes counted from 0 within their graph; an
        undirected edge stands in both directions.
    features : for each domain a finite float32 matrix (nodes of the domain, width), rows in the order of its graphs;
        the width is at least 1.
    labels : (num_graphs,) int64, 0 to num_classes[domain] - 1.
    num_classes : for each domain its number of classes, whether or not all occur.
    sources : SHA-256 in hexadecimal of each file the graphs came from, by file name.

    Raises
    ------
    RequestError : arrays that do not fit together.
    """

    name: str
    domains: tuple[str, ...]
    domain_of: IntArray
    node_offsets: IntArray
    edge_offsets: IntArray
    edges: IntArray
    features: tuple[FloatArray, ...]
    labels: IntArray
    num_classes: tuple[int, ...]
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check()
        for name in ("domain_of", "node_offsets", "edge_offsets", "edges", "labels"):
            object.__setattr__(self, name, _read_only(getattr(self, name)))
        object.__setattr__(self, "features", tuple(_read_only(matrix) for matrix in self.features))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_nodes(self) -> IntArray:
        """Nodes of each graph, (num_graphs,)."""
        return np.diff(self.node_offsets)

    @property
    def num_edges(self) -> IntArray:
        """Directed edges of each graph, (num_graphs,)."""
        return np.diff(self.edge_offsets)

    @property
    def widths(self) -> tuple[int, ...]:
        """Features of a node, for each domain."""
        return tuple(matrix.shape[1] for matrix in self.features)

    def edges_of(self, graph: int) -> IntArray:
        """Return the directed edges of one graph, (2, num_edges), nodes counted from 0."""
        return self.edges[:, self.edge_offsets[graph] : self.edge_offsets[graph + 1]]

    def features_of(self, graph: int) -> FloatArray:
        """Return the node features of one graph, (num_nodes, width of its domain)."""
        domain = int(self.domain_of[graph])
        first = self.node_offsets[np.searchsorted(self.domain_of, domain)]
        return self.features[domain][self.node_offsets[graph] - first : self.node_offsets[graph + 1] - first]

    def digest(self) -> str:
        """Return the SHA-256 in hexadecimal of the graphs, whatever their name and source."""
        digest = hashlib.sha256(str(self.num_classes).encode())
        arrays: tuple[npt.NDArray[Any], ...] = (
            self.domain_of,
            self.node_offsets,
            self.edge_offsets,
            self.edges,
            self.labels,
            *self.features,
        )
        for array in arrays:
            digest.update(str(array.shape).encode())
            # Little-endian, so that every machine gives the same graphs the same name.
            digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data)
        return digest.hexdigest()

    def _check(self) -> None:
        self._check_shapes()
        self._check_edges()
        for domain in range(len(self.domains)):
            self._check_domain(domain)

    def _check_shapes(self) -> None:
        graphs, domains = len(self.labels), len(self.domains)
        whole = (self.domain_of, self.node_offsets, self.edge_offsets, self.edges, self.labels)
        if any(array.dtype != np.int64 for array in whole) or any(m.dtype != np.float32 for m in self.features):
            raise self._refusal("indices and labels must be int64, features float32")
        if graphs == 0 or domains == 0:
            raise self._refusal("there is no graph")
        if not domains == len(self.features) == len(self.num_classes):
            raise self._refusal(f"{domains} domains need as many feature matrices and numbers of classes")
        lengths = (len(self.domain_of), len(self.node_offsets) - 1, len(self.edge_offsets) - 1)
        if lengths != (graphs, graphs, graphs) or self.edges.shape != (2, self.edge_offsets[-1]):
            raise self._refusal(f"the arrays do not describe {graphs} graphs")
        if self.node_offsets[0] != 0 or (self.num_nodes < 1).any():
            raise self._refusal("every graph needs at least one node")
        if (np.diff(self.domain_of) < 0).any() or not 0 <= self.domain_of[0] <= self.domain_of[-1] < domains:
            raise self._refusal(f"domain_of must go from 0 to {domains - 1} and never decrease")

    def _check_edges(self) -> None:
        if self.edge_offsets[0] != 0 or (self.num_edges < 0).any():
            raise self._refusal("edge_offsets must start at 0 and never decrease")
        if self.edges.size and not (
            self.edges.min() >= 0 and (self.edges < np.repeat(self.num_nodes, self.num_edges)).all()
        ):
            raise self._refusal("an edge has an end that is no node of its graph")

    def _check_domain(self, domain: int) -> None:
        name, matrix, classes = self.domains[domain], self.features[domain], self.num_classes[domain]
        of_domain = self.domain_of == domain
        nodes = int(self.num_nodes[of_domain].sum())
        if matrix.ndim != 2 or len(matrix) != nodes or matrix.shape[1] < 1:
            raise self._refusal(f"{name} has {nodes} nodes and features of shape {matrix.shape}")
        if not np.isfinite(matrix).all():
            raise self._refusal(f"{name} has a feature that is no finite number")
        if of_domain.any() and not 0 <= self.labels[of_domain].min() <= self.labels[of_domain].max() < classes:
            raise self._refusal(f"labels of {name} must be 0 to {classes - 1}")

    def _refusal(self, reason: str) -> RequestError:
        return RequestError(f"data set {self.name!r}: {reason}")


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()  # a view, so that the caller's own array stays as it was
    view.flags.writeable = False
    return view
