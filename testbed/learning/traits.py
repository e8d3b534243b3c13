"""What a model's forward does that decides how its jobs may be computed together.

The traits are observed once, at set-up, on a copy of the model with a few training samples. A kernel that
batches may only do so where a model draws nothing, changes nothing and treats each sample by itself; a
model that does otherwise is computed one job at a time.
"""

import copy
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from testbed.errors import RequestError
from testbed.learning.convolution_stack import ConvolutionStack, convolution_stack
from testbed.learning.linear_stack import LinearLayer, linear_layers
from testbed.learning.loss import class_scores, masked_mean_loss
from testbed.learning.torch_seed import seeded

__all__ = ["ForwardTraits", "lane_loss", "observe"]

LaneLoss = Callable[
    [Mapping[str, torch.Tensor], Mapping[str, torch.Tensor], torch.Tensor, torch.Tensor, torch.Tensor],
    torch.Tensor,
]

# What PyTorch raises where a forward cannot be run on this data, or not under vmap.
_TORCH_ERRORS = (RuntimeError, ValueError, TypeError, IndexError, AttributeError)


@dataclass(frozen=True)
class ForwardTraits:
    """What was observed of a model's forward in training mode.

    Attributes
    ----------
    draws : it takes numbers from PyTorch's global generator (dropout, randomised activations).
    changes_buffers : it changes its own buffers (running statistics).
    mixes_samples : the scores of one sample depend on the others in its batch.
    convolves : it contains convolutions.
    unused : the trainable parameters no gradient reaches.
    vmap_complaint : why `torch.func.vmap` cannot run it; empty where it can, or where nobody would ask.
    layers : its layers if it is a plain stack of linear layers and rectifiers; empty for any other model.
    convolutions : its layers if it is a plain stack of convolutions; None for any other model.
    saved_entries_per_sample : numbers that autograd keeps for a sample between forward and backward.
    """

    draws: bool
    changes_buffers: bool
    mixes_samples: bool
    convolves: bool
    unused: tuple[str, ...]
    vmap_complaint: str
    layers: tuple[LinearLayer, ...]
    convolutions: ConvolutionStack | None
    saved_entries_per_sample: int


def observe(module: nn.Module, inputs: Any, labels: torch.Tensor, num_classes: int) -> ForwardTraits:
    """Return the traits of a model by a trial on a few samples; model and global generator stay as they were.

    Parameters
    ----------
    module : the model.
    inputs : (num_samples, ...) float32, at least one sample; of language (num_samples, T) int64 tokens. What a store
        gives may be something else; nobody knows then whether one sample's scores depend on the others, so they count
        as if they did.
    labels : (num_samples,) int64; of language (num_samples, T).
    num_classes : the scores must have at least as many columns.

    Raises
    ------
    RequestError : the forward cannot take such inputs, or does not return class scores.
    """
    trial = copy.deepcopy(module).train()
    before = [buffer.clone() for buffer in trial.buffers()]
    with seeded(0):
        state = torch.get_rng_state()
        scores, num_saved = _try_forward(trial, inputs)
        draws = not torch.equal(state, torch.get_rng_state())
        if scores.shape[:-1] != labels.shape or scores.shape[-1] < num_classes:
            wanted = str((*labels.shape, num_classes))
            raise RequestError(f"the model returned scores of shape {tuple(scores.shape)}, expected {wanted}")
        changes = not all(torch.equal(b, a) for b, a in zip(before, trial.buffers(), strict=True))
        trainable = {name: p for name, p in trial.named_parameters() if p.requires_grad}
        loss = masked_mean_loss(scores, labels, torch.ones(len(inputs)))
        gradients = dict(zip(trainable, _gradients(loss, trainable), strict=True))
        is_array = isinstance(inputs, torch.Tensor)
        mixes = not is_array or (not (draws or changes) and _mixes_samples(trial, inputs, scores, num_classes))
        layers = linear_layers(module)
        convolves = any(isinstance(m, nn.modules.conv._ConvNd) for m in trial.modules())
        # The first vmap of a process costs seconds of imports: tried only where it may be used.
        tries_vmap = not (draws or changes or mixes or layers or convolves or labels.ndim > 1)
        return ForwardTraits(
            draws=draws,
            changes_buffers=changes,
            mixes_samples=mixes,
            convolves=convolves,
            # A store's samples may differ in what they use.
            unused=tuple(name for name, gradient in gradients.items() if gradient is None and is_array),
            vmap_complaint=_vmap_complaint(trial, inputs, labels, gradients) if tries_vmap else "",
            layers=layers,
            convolutions=convolution_stack(module),
            saved_entries_per_sample=num_saved // len(inputs),
        )


def lane_loss(module: nn.Module) -> LaneLoss:
    """Return the loss of one lane as a pure function of (trained, fixed, inputs, labels, mask).

    `trained` and `fixed` map the names of the model's tensors to their values; tensors in neither keep
    those of `module`.
    """

    def loss(
        trained: Mapping[str, torch.Tensor],
        fixed: Mapping[str, torch.Tensor],
        inputs: torch.Tensor,
        labels: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        output = torch.func.functional_call(module, {**fixed, **trained}, (inputs,))
        return masked_mean_loss(output, labels, mask)

    return loss


def _try_forward(module: nn.Module, inputs: Any) -> tuple[torch.Tensor, int]:
    """Return the scores, and how many numbers besides the parameters autograd saved for them."""
    parameters = {p.data_ptr() for p in module.parameters()}
    num_saved = 0

    def count(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal num_saved
        num_saved += 0 if tensor.data_ptr() in parameters else tensor.numel()
        return tensor

    try:
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            return class_scores(module(inputs)), num_saved
    except _TORCH_ERRORS as error:
        kind = f"of shape {tuple(inputs.shape[1:])}" if isinstance(inputs, torch.Tensor) else "of this data set"
        raise RequestError(f"the model cannot take samples {kind}: {_first_line(error)}") from error


def _gradients(loss: torch.Tensor, trainable: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor | None, ...]:
    if not trainable:
        raise RequestError("the model has no trainable parameters")
    if not loss.requires_grad:
        raise RequestError("the model's scores do not depend on its trainable parameters")
    return torch.autograd.grad(loss, list(trainable.values()), allow_unused=True)


@torch.no_grad()
def _mixes_samples(module: nn.Module, inputs: torch.Tensor, scores: torch.Tensor, num_classes: int) -> bool:
    changed = 1.0 - 2.0 * inputs[1:] if inputs.is_floating_point() else (inputs[1:] + 1) % num_classes
    others = torch.cat([inputs[:1], changed])
    return not torch.allclose(class_scores(module(others))[0], scores[0], rtol=1e-4, atol=1e-5)


def _vmap_complaint(
    module: nn.Module,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    gradients: Mapping[str, torch.Tensor | None],
) -> str:
    """Return why two lanes of this model cannot be computed by vmap, or nothing."""
    twice = {name: torch.stack([t.detach()] * 2) for name, t in module.named_parameters()}
    trained = {name: twice.pop(name) for name in gradients}
    lanes = torch.func.vmap(torch.func.grad(lane_loss(module)))
    batch = (torch.stack([part] * 2) for part in (inputs, labels, torch.ones(len(inputs))))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # PyTorch warns where it would loop over the lanes instead
            found = lanes(trained, twice, *batch)
    except (*_TORCH_ERRORS, Warning) as error:
        return _first_line(error)
    for name, gradient in gradients.items():
        if gradient is not None and not torch.allclose(found[name][1], gradient, rtol=1e-3, atol=1e-5):
            return f"its gradient of {name} is another one"
    return ""


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).strip().split("\n")[0]
