"""One large graph with labelled nodes: the form in which data for node classification lies in memory."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from graphs.graph_set import FloatArray, IntArray
from testbed.errors import RequestError

__all__ = ["NodeSet"]


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeSet:
    """The labelled nodes of one undirected graph; read-only, for all runs of a process share them.

    Parameters
    ----------
    name : the name under which results mention it.
    edges : (2, num_edges) int64, source and target of every directed edge; an undirected edge stands in both
        directions. There may be none.
    features : (num_nodes, width) float32, finite; the width is at least 1.
    labels : (num_nodes,) int64, 0 to num_classes - 1; at least one node.
    num_classes : number of classes, whether or not all occur.
    sources : SHA-256 in hexadecimal of each file the graph came from, by file name.

    Raises
    ------
    RequestError : arrays that do not fit together.
    """

    name: str
    edges: IntArray
    features: FloatArray
    labels: IntArray
    num_classes: int
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check()
        for name in ("edges", "features", "labels"):
            view = getattr(self, name).view()  # a view, so that the caller's own array stays as it was
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def width(self) -> int:
        """Features of a node."""
        return int(self.features.shape[1])

    @property
    def degrees(self) -> IntArray:
        """Neighbours of each node, (num_nodes,)."""
        return np.bincount(self.edges[0], minlength=len(self)).astype(np.int64)

    def digest(self) -> str:
        """Return the SHA-256 in hexadecimal of the graph, whatever its name and source."""
        digest = hashlib.sha256(str(self.num_classes).encode())
        for array in (self.edges, self.features, self.labels):
            digest.update(str(array.shape).encode())
            # Little-endian, so that every machine gives the same graph the same name.
            digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data)
        return digest.hexdigest()

    def _check(self) -> None:
        if self.edges.dtype != np.int64 or self.labels.dtype != np.int64 or self.features.dtype != np.float32:
            raise self._refusal("edges and labels must be int64, features float32")
        nodes = len(self.labels)
        if self.labels.ndim != 1 or nodes == 0:
            raise self._refusal("there is no node")
        if self.edges.ndim != 2 or len(self.edges) != 2:
            raise self._refusal(f"edges must have the shape (2, num_edges), not {self.edges.shape}")
        if self.edges.size and not 0 <= self.edges.min() <= self.edges.max() < nodes:
            raise self._refusal(f"an edge has an end that is none of the {nodes} nodes")
        if self.features.ndim != 2 or len(self.features) != nodes or self.features.shape[1] < 1:
            raise self._refusal(f"{nodes} nodes and features of shape {self.features.shape}")
        if not np.isfinite(self.features).all():
            raise self._refusal("a feature is no finite number")
        if not 0 <= self.labels.min() <= self.labels.max() < self.num_classes:
            raise self._refusal(f"labels must be 0 to {self.num_classes - 1}")

    def _refusal(self, reason: str) -> RequestError:
        return RequestError(f"data set {self.name!r}: {reason}")
