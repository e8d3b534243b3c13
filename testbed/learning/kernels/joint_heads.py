"""The local loss of a client that holds a bottom: linear heads on its activations, which cost no message.

    L_i = a ||R s - x||^2 / len(x) + b CE(C s, y)

After LocFedMix-SL (Oh et al., WWW 2022), whose regulariser keeps information about the input and the label in s. Our
choice: both heads are linear and start from zero in every job, so that a client keeps nothing between rounds.
"""

import torch
from torch.nn.functional import cross_entropy

__all__ = ["LocalHeads"]


class LocalHeads:
    """The heads of one client in one job; `weights` are a and b, zero for none."""

    def __init__(self, weights: tuple[float, float], num_classes: int) -> None:
        self._reconstruction, self._classification = weights
        self._num_classes = num_classes
        self._heads: list[torch.Tensor] = []

    def step(
        self, smashed: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor, rate: float
    ) -> torch.Tensor | None:
        """Step the heads; return the gradient of the local loss at the cut, before the step; None without a loss."""
        if not (self._reconstruction or self._classification):
            return None
        s, x = smashed.detach().requires_grad_(), inputs.reshape(len(inputs), -1)
        flat = s.reshape(len(s), -1)
        if not self._heads:
            widths = (x.shape[1], self._num_classes)
            self._heads = [torch.zeros(flat.shape[1], width, device=s.device, requires_grad=True) for width in widths]
        decoder, classifier = self._heads
        loss = self._reconstruction * (flat @ decoder - x).square().mean()
        loss = loss + self._classification * cross_entropy(flat @ classifier, labels)
        at_cut, *gradients = torch.autograd.grad(loss, [s, *self._heads])
        with torch.no_grad():
            for head, gradient in zip(self._heads, gradients, strict=True):
                head.add_(gradient, alpha=-rate)
        return at_cut
