"""The protocols of the rules that deal graphs, or the nodes of one graph, and what the rules share."""

from abc import ABC, abstractmethod
from typing import NoReturn, Protocol

import numpy as np

from graphs.graph_set import GraphSet, IntArray
from graphs.node_set import NodeSet
from testbed.errors import RequestError
from testbed.settings import Part

__all__ = ["GraphPartition", "GraphRule", "NodePartition", "NodeRule", "require_one_domain"]


class GraphPartition(Protocol):
    """A rule by which whole graphs are dealt to clients, looking at more than their labels."""

    @property
    def subsamples(self) -> bool:
        """Whether graphs may be left over."""
        ...

    def deal_graphs(self, graphs: GraphSet, num_clients: int, rng: np.random.Generator) -> list[IntArray]:
        """Return each client's graphs, sorted and at least one, all of one domain.

        They are disjoint, and together all graphs of the set unless the rule `subsamples`.

        Raises
        ------
        RequestError : the rule cannot serve every client, or not this set.
        """
        ...


class NodePartition(Protocol):
    """A rule by which the nodes of one graph are dealt to clients, looking at more than their labels."""

    def deal_nodes(self, nodes: NodeSet, num_clients: int, rng: np.random.Generator) -> list[IntArray]:
        """Return each client's nodes, sorted and at least one; disjoint and together all nodes.

        Edges between nodes of different clients are lost (`graphs.subgraphs` counts them).

        Raises
        ------
        RequestError : the rule cannot serve every client.
        """
        ...


class _NoLabelRule(Part, ABC):
    def deal(self, labels: IntArray, num_clients: int, rng: np.random.Generator) -> NoReturn:
        """Refuse samples that are no graphs; see `Partition.deal`.

        Raises
        ------
        RequestError : always.
        """
        raise RequestError(
            f"partition {self.kind} looks at {self._what()}, and this data set has none: use iid, stratified or "
            "dirichlet"
        )

    @abstractmethod
    def _what(self) -> str:
        """Return what the rule looks at, in words."""


class GraphRule(_NoLabelRule):
    """Base of the rules that deal graphs: all of them, and no other data."""

    @property
    def subsamples(self) -> bool:
        """Whether graphs may be left over; see `GraphPartition.subsamples`."""
        return False

    def _what(self) -> str:
        return "graphs"


class NodeRule(_NoLabelRule):
    """Base of the rules that deal the nodes of one graph, and no other data."""

    def _what(self) -> str:
        return "the edges between the samples"


def require_one_domain(graphs: GraphSet, rule: str) -> None:
    """Refuse graphs of several data sets: a client would have to hold graphs with different features and classes.

    Raises
    ------
    RequestError : names the rule and the one that serves.
    """
    if len(graphs.domains) > 1:
        raise RequestError(
            f"partition {rule} deals the graphs of one data set, and {graphs.name!r} has "
            f"{len(graphs.domains)} ({', '.join(graphs.domains)}), each with its own features and classes: use "
            f'partition = {{ kind = "domains", within = "{rule}" }}'
        )
