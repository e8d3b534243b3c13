"""How a step is made: SGD or AdamW on one flat vector of trained entries, its state a flat vector too.

Everything that a step needs besides the gradient is in two vectors, so that training can be cut anywhere: a job takes
parameters and state, and hands both back. For entry-wise gradients g and the rate eta of the step:

    clip      g <- g min(1, c / (||g||_2 + 1e-6))                         c = clip_norm, if there is one
    sgd       v <- momentum v + (g + decay w),    w <- w - eta v
    adam      g <- g + decay w,    then as adamw without its decay
    adamw     w <- (1 - eta decay) w,    m <- b1 m + (1 - b1) g,    s <- b2 s + (1 - b2) g^2,    n <- n + 1
              w <- w - eta / (1 - b1^n) m / (sqrt(s) / sqrt(1 - b2^n) + epsilon)

The state is empty, (v) or (m, s, n). n counts the steps that the state has seen, whatever their number in the run.
Sources: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015; Loshchilov and Hutter, "Decoupled
weight decay regularization", ICLR 2019; the order of the operations is that of `torch.optim.Adam`, `torch.optim.AdamW`,
`torch.optim.SGD` and `torch.nn.utils.clip_grad_norm_`.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Final, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, PositiveFloat

from testbed.learning.device import CPU, upload
from testbed.settings import Settings

__all__ = ["FlatOptimizer", "OptimizerSettings"]

_Beta = Annotated[float, Field(ge=0, lt=1)]

# Entries updated at once: parameters, gradient and state of a block stay in the processor's cache.
_BLOCK: Final = 32768
_CLIP_EPSILON: Final = 1e-6


class OptimizerSettings(Settings):
    """Stochastic gradient descent, Adam or AdamW; the equations stand at the top of this module.

    A job of SGD without clipping starts with zero momentum unless it brings a state. Its proximal term,
    v <- momentum v + (g + decay w + mu (w - w_base)), is that of FedProx (Li et al., MLSys 2020, equation 2): mu is
    the job's own `proximal_weight`, mostly 0, and w_base the parameters it started from. The bracket is the gradient of
    the whole local objective F + decay / 2 ||w||^2 + mu / 2 ||w - w_base||^2, and momentum sums whole gradients. The
    term concerns what training changes by gradient and is exchanged, so neither frozen parameters nor buffers. With
    clipping, Adam or AdamW it is part of the gradient g.
    """

    kind: Literal["sgd", "adam", "adamw"] = "sgd"
    learning_rate: Annotated[float, Field(gt=0)]
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    betas: tuple[_Beta, _Beta] = (0.9, 0.999)  # b1 and b2 of adam and adamw
    epsilon: PositiveFloat = 1e-8  # of adam and adamw
    clip_norm: PositiveFloat | None = None  # the largest norm of a gradient; none: it is not clipped

    @property
    def is_plain(self) -> bool:
        """Whether a step is SGD on the gradient as it is, which every kernel can do."""
        return self.kind == "sgd" and self.clip_norm is None

    def num_state(self, num_trained: int) -> int:
        """Return the length of the state of that many trained entries.

        >>> OptimizerSettings(kind="adamw", learning_rate=1.0).num_state(10)
        21
        """
        if self.kind != "sgd":
            return 2 * num_trained + 1
        return num_trained if self.momentum else 0


class FlatOptimizer:
    """Steps on a vector of trained entries, in place; made once and loaded with what each job brings.

    Attributes
    ----------
    parameters, gradient : (num_trained,) float32 tensors, the caller's if given, else on `device`; write the gradient,
        then `step`.
    """

    def __init__(
        self,
        settings: OptimizerSettings,
        num_trained: int,
        parameters: torch.Tensor | None = None,
        gradient: torch.Tensor | None = None,
        device: torch.device = CPU,
    ) -> None:
        self.settings = settings
        self.parameters = torch.zeros(num_trained, device=device) if parameters is None else parameters
        self.gradient = torch.zeros(num_trained, device=device) if gradient is None else gradient
        self._state = torch.zeros(settings.num_state(num_trained), device=self.parameters.device)
        moments = [self._state[:num_trained], self._state[num_trained : 2 * num_trained]]
        num_held = int(settings.momentum > 0) if settings.kind == "sgd" else 2
        held = moments[:num_held]
        vectors = (self.parameters, self.gradient, *held)
        cuts = list(range(_BLOCK, num_trained, _BLOCK))
        self._blocks = list(zip(*(vector.tensor_split(cuts) for vector in vectors), strict=True))

    def load(self, pieces: Sequence[npt.NDArray[np.float32]], state: npt.NDArray[np.float32]) -> None:
        """Take over parameters, in pieces that follow each other, and the state : (num_state,)."""
        upload(pieces, self.parameters)
        upload([state], self._state)

    def state(self) -> npt.NDArray[np.float32]:
        """Return a copy of the state, (num_state,)."""
        return self._state.cpu().numpy().copy()

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Go one step down `gradient`, which is overwritten."""
        clip_norm = self.settings.clip_norm
        if clip_norm is not None:
            norm = float(torch.linalg.vector_norm(self.gradient))
            if norm + _CLIP_EPSILON > clip_norm:
                self.gradient.mul_(clip_norm / (norm + _CLIP_EPSILON))
        if self.settings.kind == "sgd":
            self._step_sgd(rate)
        else:
            self._step_adam(rate)

    def _step_sgd(self, rate: float) -> None:
        momentum, decay = self.settings.momentum, self.settings.weight_decay
        for w, g, *velocity in self._blocks:
            if decay:
                g.add_(w, alpha=decay)
            if velocity:
                g = velocity[0].mul_(momentum).add_(g)
            w.add_(g, alpha=-rate)

    def _step_adam(self, rate: float) -> None:
        b1, b2 = self.settings.betas
        num_seen = round(float(self._state[-1])) + 1
        self._state[-1] = num_seen
        size = rate / (1.0 - b1**num_seen)
        root = math.sqrt(1.0 - b2**num_seen)
        decay = self.settings.weight_decay
        in_gradient, apart = (decay, 0.0) if self.settings.kind == "adam" else (0.0, decay)
        keep = 1.0 - rate * apart
        for w, g, m, s in self._blocks:
            if in_gradient:
                g.add_(w, alpha=in_gradient)
            m.lerp_(g, 1.0 - b1)
            s.mul_(b2).addcmul_(g, g, value=1.0 - b2)
            torch.sqrt(s, out=g).div_(root).add_(self.settings.epsilon)  # the gradient is not needed any more
            if keep != 1.0:
                w.mul_(keep)
            w.addcdiv_(m, g, value=-size)
