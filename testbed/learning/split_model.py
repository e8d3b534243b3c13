"""A sequential model cut in two: the bottom on the side of the inputs, the top on the side of the outputs.

    model(x) = top(bottom(x)) ,        s = bottom(x) are the activations at the cut, the smashed data

What each half costs is counted as for whole models (`cost.py`), the gradient at the cut included in the top's backward
pass, so the operations of the halves add up to those of the whole.
"""

import copy
import math
from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import nn

from testbed.errors import RequestError
from testbed.learning.cost import TrainingCost, training_cost
from testbed.learning.device import CPU
from testbed.learning.task import LearningTask

__all__ = ["SplitCost", "cut_in_two", "possible_cuts", "split_cost"]

_NUM_EXAMPLES = 2  # the counts do not depend on it


@dataclass(frozen=True, kw_only=True)
class SplitCost:
    """The two halves of a model, by size and by cost.

    Attributes
    ----------
    num_bottom, num_top : entries of the state in each half; the bottom's stand first.
    num_smashed : entries of the activations at the cut, of one sample.
    bottom, top : what training each half costs per sample.
    """

    num_bottom: int
    num_top: int
    num_smashed: int
    bottom: TrainingCost
    top: TrainingCost


def possible_cuts(model: nn.Module) -> tuple[int, ...]:
    """Return after how many modules a sequential model can be cut so that both halves have parameters, ascending.

    Raises
    ------
    RequestError : the model is no sequence of modules.
    """
    if not isinstance(model, nn.Sequential):
        raise RequestError(f"only a sequence of modules can be cut in two, and the model is a {type(model).__name__}")
    cuts = range(1, len(model))
    return tuple(cut for cut in cuts if _has_parameters(model[:cut]) and _has_parameters(model[cut:]))


def cut_in_two(model: nn.Module, cut: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Return the first `cut` modules of a sequential model, and the rest; they are the model's own.

    Raises
    ------
    RequestError : the model is no sequence of modules, or one half would have no parameters.
    """
    places = possible_cuts(model)
    modules = list(model.named_children())
    if cut not in places:
        names = ", ".join(f"{at} (after {type(modules[at - 1][1]).__name__})" for at in places)
        raise RequestError(f"cut = {cut}: both halves need parameters, so it can be {names or 'nowhere'}")
    return nn.Sequential(OrderedDict(modules[:cut])), nn.Sequential(OrderedDict(modules[cut:]))


def split_cost(task: LearningTask, cut: int) -> SplitCost:
    """Return sizes and costs of the halves of a task's model, cut after `cut` modules.

    Raises
    ------
    RequestError : see `cut_in_two`.
    """
    # Counted on the CPU, wherever the task lies: what operations cost on the clock is no matter of where they are done.
    bottom, top = cut_in_two(copy.deepcopy(task.model).to(CPU), cut)
    inputs, labels = (part[:_NUM_EXAMPLES].to(CPU) for part in (task.train_inputs, task.train_labels))
    with torch.no_grad():
        smashed = bottom(inputs)
    num_bottom = sum(parameter.numel() for parameter in bottom.parameters())
    return SplitCost(
        num_bottom=num_bottom,
        num_top=task.layout.size - num_bottom,
        num_smashed=math.prod(smashed.shape[1:]),
        bottom=training_cost(bottom, inputs, labels, lambda activations, _: activations.sum()),
        top=training_cost(top, smashed.requires_grad_(), labels),
    )


def _has_parameters(half: nn.Module) -> bool:
    return next(half.parameters(), None) is not None
