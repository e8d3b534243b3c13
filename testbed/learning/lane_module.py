"""What a module may offer: to compute several states of itself side by side, each on a minibatch of its own.

Nobody has to. A module that offers it promises that a lane's numbers are, to the bit, those of the module alone on the
same minibatch with the same luck, whatever lies in the other lanes. How it does so is its own affair; the optimisers,
the minibatches and the steps are the kernel's (`testbed.learning.kernels.module_lanes`).
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch

__all__ = ["LaneModule", "Lanes"]


class Lanes(Protocol):
    """Several states of one module.

    `parameters` have one row a lane, (K, num_trained) float32 with the entries in the order of `named_parameters`;
    every row starts on 64 bytes. `inputs` are what `LaneModule.lane_inputs` made of the lanes' samples, and the rows of
    labels and scores stand in the order of these.
    """

    def gradients(
        self,
        parameters: torch.Tensor,
        inputs: Any,
        labels: torch.Tensor,
        generators: Sequence[torch.Generator],
        out: torch.Tensor,
    ) -> torch.Tensor:
        """Return the mean cross-entropy of each lane in training mode [nat], (K,), and write its gradient into `out`.

        Parameters
        ----------
        labels : (num_samples of all lanes,) int64.
        generators : where each lane's forward draws from, in the order in which the module alone would.
        out : (K, num_trained), laid out as `parameters`; zero where the loss does not depend on a parameter.
        """
        ...

    def scores(self, parameters: torch.Tensor, inputs: Any) -> torch.Tensor:
        """Return the class scores of all lanes' samples in evaluation mode, (num_samples of all lanes, num_classes)."""
        ...


@runtime_checkable
class LaneModule(Protocol):
    """A module that can be computed in lanes; all its parameters are trained, and it has no buffers."""

    def lane_obstacle(self, inputs: Any, batch_width: int) -> str:
        """Return why jobs on these inputs are computed one at a time; empty if they need not be.

        Parameters
        ----------
        inputs : the training inputs of the task: a tensor or a store.
        batch_width : samples of the widest minibatch.
        """
        ...

    def most_lanes(self, inputs: Any, batch_width: int) -> int:
        """Return how many lanes a pass should have at most, by what they hold: at least 1."""
        ...

    def lane_family(self, inputs: Any, samples: npt.NDArray[np.int64]) -> str | None:
        """Return what the lanes of one pass must have in common, as a word; None for samples that have no lane.

        `samples` : (n,) the numbers of all samples that a lane's minibatches take.
        """
        ...

    def lane_inputs(self, inputs: Any, lots: Sequence[torch.Tensor]) -> Any:
        """Return the input of a pass; `lots` are the numbers of each lane's samples, (n_k,) int64 each."""
        ...

    def lanes(self) -> Lanes:
        """Return lanes, made of a copy of the module."""
        ...
