"""What data sets of graphs have in common: they are read as arrays and loaded as what a run asks for."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from graphs.graph_set import GraphSet
from testbed.settings import Part

if TYPE_CHECKING:
    from graphs.graph_dataset import GraphDataset

__all__ = ["GraphSource"]


class GraphSource(Part, ABC):
    """A data set of graphs to classify."""

    @abstractmethod
    def read(self, data_dir: Path | None) -> GraphSet:
        """Return the graphs, read once per process; a RequestError names what is missing or damaged."""

    def load(self, data_dir: Path | None) -> "GraphDataset":
        """Return the data as a run takes it; see `testbed.learning.datasets.dataset.DatasetSource`."""
        from graphs.graph_dataset import GraphDataset  # the arrays alone need no torch

        return GraphDataset(graphs=self.read(data_dir))
