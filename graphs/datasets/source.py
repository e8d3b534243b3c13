"""What data sets of graphs have in common: they are read as arrays and loaded as what a run asks for."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from graphs.graph_set import GraphSet
from graphs.node_set import NodeSet
from testbed.settings import Part

if TYPE_CHECKING:
    from graphs.graph_dataset import GraphDataset
    from graphs.node_dataset import NodeDataset

__all__ = ["GraphSource", "NodeSource"]


class GraphSource(Part, ABC):
    """A data set of graphs to classify."""

    @abstractmethod
    def read(self, data_dir: Path | None) -> GraphSet:
        """Return the graphs, read once per process; a RequestError names what is missing or damaged."""

    def load(self, data_dir: Path | None) -> "GraphDataset":
        """Return the data as a run takes it; see `testbed.learning.datasets.dataset.DatasetSource`."""
        from graphs.graph_dataset import GraphDataset  # the arrays alone need no torch

        return GraphDataset(graphs=self.read(data_dir))


class NodeSource(Part, ABC):
    """One graph whose nodes are to be classified."""

    @abstractmethod
    def read(self, data_dir: Path | None) -> NodeSet:
        """Return the graph, read once per process; a RequestError names what is missing or damaged."""

    def load(self, data_dir: Path | None) -> "NodeDataset":
        """Return the data as a run takes it; see `testbed.learning.datasets.dataset.DatasetSource`."""
        from graphs.node_dataset import NodeDataset  # the arrays alone need no torch

        return NodeDataset(nodes=self.read(data_dir))
