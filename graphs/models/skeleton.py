"""The parts that graph networks share: a head for every domain around convolutions for all.

    pre[domain] -> convolutions -> pool -> post[domain], ReLU -> readout[domain]

Features and classes differ between data sets, so each has its own first and last layers; the convolutions in between
are the same for all and can be averaged over clients of different data sets (Xie et al., "Federated graph
classification over non-IID graphs" (GCFL), 2021).
"""

from abc import ABC, abstractmethod
from typing import Final

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from graphs.batch import Batch
from graphs.models.architecture import NO_CLASS, FlopArray, Sizes
from graphs.models.dropout import Dropout
from graphs.models.shape import GraphShape

__all__ = ["HEADS", "TRAINING_FLOP_RATIO", "GraphModule"]

# The backward pass costs about twice the forward pass: one product for the inputs, one for the weights.
TRAINING_FLOP_RATIO: Final = 3
# The tensors of the layers that each domain has for itself.
HEADS: Final = ("pre.*", "post.*", "readout.*")


class GraphModule(nn.Module, ABC):
    """The base of graph networks.

    A subclass makes what is shared first and then calls `add_heads` or makes its own `pre` and `readout`, so that the
    initial values of what is shared do not depend on the domains.
    """

    pre: nn.ModuleList
    readout: nn.ModuleList

    def __init__(self, shape: GraphShape, width: int, dropout: float) -> None:
        super().__init__()
        self.shape = shape
        self.width = width
        self.dropout = Dropout(dropout)

    def add_heads(self) -> None:
        """Make the first and last layers of every domain."""
        self.pre = nn.ModuleList(nn.Linear(features, self.width) for features in self.shape.widths)
        self.post = nn.ModuleList(nn.Linear(self.width, self.width) for _ in self.shape.domains)
        self.readout = nn.ModuleList(nn.Linear(self.width, classes) for classes in self.shape.num_classes)

    def logits(self, batch: Batch, x: torch.Tensor) -> torch.Tensor:
        """Return the logits (len(batch), max_classes) of a batch whose nodes are now `x : (N, d)`."""
        return self.scores(batch, self.dropout(functional.relu(self.post[batch.domain](batch.pool(x)))))

    def scores(self, batch: Batch, x: torch.Tensor) -> torch.Tensor:
        """Return the logits (len(batch), max_classes) of samples `x : (len(batch), d)`."""
        scores: torch.Tensor = self.readout[batch.domain](x)
        missing = self.shape.max_classes - scores.shape[1]
        return functional.pad(scores, (0, missing), value=NO_CLASS) if missing else scores

    def head_flop(self, num_nodes: Sizes, domain: int) -> FlopArray:
        """Return the operations of a domain's first and last layers on graphs of these sizes [FLOP]."""
        width, features, classes = self.width, self.shape.widths[domain], self.shape.num_classes[domain]
        nodes = np.asarray(num_nodes, dtype=np.float64)
        return 2.0 * nodes * features * width + 2.0 * (width * width + width * classes)

    @abstractmethod
    def forward_flop(self, num_nodes: Sizes, num_edges: Sizes, domain: int) -> FlopArray:
        """Return the operations of a forward pass, graph by graph [FLOP]; training costs TRAINING_FLOP_RATIO times it.

        A multiply-add is two operations, the addition of a neighbour's vector d; element-wise work is not counted.

        Parameters
        ----------
        num_nodes, num_edges : (num_graphs,) nodes and directed edges of each graph.
        domain : the number of their domain.
        """
