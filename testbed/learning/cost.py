"""What training a model costs a device: floating-point operations and memory, counted and never timed.

The counts come from running one real step on a few samples under PyTorch's own counters. Matrix products and
convolutions are counted (a multiply-add is two operations); element-wise work, look-ups in an embedding and the
optimiser (momentum, weight decay, a proximal term) are not, which is the convention of `torch.utils.flop_counter`.
Attention is counted as the two products of the whole T x T matrix, its masked half included, as most programs compute
them. A sample of language is a window of T tokens: for a decoder of L blocks of width d with a vocabulary of V

    flop_per_sample = 6 T (12 L d^2 + d V) + 12 L T^2 d,

which is the rule of six operations per parameter and token, and the attention (Kaplan et al., "Scaling laws for neural
language models", 2020, section 2.1, who count 2 + 4 operations likewise).
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from testbed.learning.loss import mean_loss
from testbed.learning.torch_seed import seeded

__all__ = ["Loss", "TrainingCost", "activation_bytes", "kept_bytes", "training_cost"]

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class TrainingCost:
    """The cost of one model per sample; everything here is additive over samples.

    Parameters
    ----------
    flop_per_sample : forward and backward pass of one sample [FLOP].
    forward_flop_per_sample : the forward pass alone, as in inference [FLOP].
    parameter_bytes : all parameters, tied ones once [byte].
    activation_bytes_per_sample : what the forward pass keeps for the backward pass, the input included
        [byte].
    flop_of_sample : (num_train,) forward and backward pass of each training sample where they differ, such as graphs of
        different sizes, with `flop_per_sample` the mean; None: all are alike [FLOP].

    >>> cost = TrainingCost(
    ...     flop_per_sample=6.0,
    ...     forward_flop_per_sample=2.0,
    ...     parameter_bytes=100,
    ...     activation_bytes_per_sample=8.0,
    ... )
    >>> cost.flop(50), cost.peak_bytes(10)
    (300.0, 280.0)
    """

    flop_per_sample: float
    forward_flop_per_sample: float
    parameter_bytes: int
    activation_bytes_per_sample: float
    flop_of_sample: npt.NDArray[np.float64] | None = None

    def flop_of(self, samples: npt.NDArray[np.int64]) -> float:
        """Return the operations of one training pass over these samples, given by number in any shape [FLOP]."""
        if self.flop_of_sample is None:
            return self.flop(samples.size)
        return float(self.flop_of_sample[samples].sum())

    def forward_flop_of(self, samples: npt.NDArray[np.int64]) -> float:
        """Return the operations of the forward pass alone over these samples [FLOP]."""
        return self.flop_of(samples) * (self.forward_flop_per_sample / self.flop_per_sample)

    def flop(self, num_samples_total: int) -> float:
        """Return the operations of training on this many samples in all steps together [FLOP]."""
        return self.flop_per_sample * num_samples_total

    def peak_bytes(self, width: int) -> float:
        """Return the parameters, gradients and activations that a step of `width` samples holds [byte]."""
        return 2.0 * self.parameter_bytes + width * self.activation_bytes_per_sample


def training_cost(model: nn.Module, inputs: torch.Tensor, labels: torch.Tensor, loss: Loss = mean_loss) -> TrainingCost:
    """Return what training `model` costs per sample.

    The model, its gradients, its buffers and the global generators stay as they are: the step is run on a
    copy.

    Parameters
    ----------
    model : the module that is trained.
    inputs : (num_samples, ...) a few examples; their number does not matter, at least 2 where a layer needs
        company.
    labels : (num_samples, ...) theirs.
    loss : maps (outputs, labels) to the mean loss of the batch.

    Raises
    ------
    ValueError : no example.
    """
    # Copies: the examples may be a view of a whole data set, whose storage no step keeps.
    inputs, labels = inputs.clone(), labels.clone()
    num_samples = len(inputs)
    if num_samples < 1:
        raise ValueError("the cost of a model cannot be counted without an example")
    probe = copy.deepcopy(model).train()
    with seeded(0):
        forward_flop, step_flop = _count_flop(probe, inputs, labels, loss)
        # The difference of two widths removes what is kept whatever the width, such as the parameters.
        narrow = _count_saved_bytes(probe, inputs, labels, loss)
        wide = _count_saved_bytes(probe, torch.cat([inputs, inputs]), torch.cat([labels, labels]), loss)
    return TrainingCost(
        flop_per_sample=step_flop / num_samples,
        forward_flop_per_sample=forward_flop / num_samples,
        parameter_bytes=sum(p.numel() * p.element_size() for p in model.parameters()),
        activation_bytes_per_sample=(wide - narrow) / num_samples,
    )


def activation_bytes(
    model: nn.Module, inputs: Any, labels: npt.NDArray[np.int64], examples: npt.NDArray[np.int64]
) -> float:
    """Return what the forward pass keeps of a sample for the backward pass, the mean over some samples [byte].

    Parameters
    ----------
    model : the module that is trained; it and the global generators stay as they are.
    inputs, labels : a store and the labels of its samples.
    examples : (num_examples,) the samples that are looked at.
    """
    probe = copy.deepcopy(model).train()
    once = torch.from_numpy(examples)
    twice = torch.cat([once, once])
    with seeded(0):
        narrow, wide = (
            _count_saved_bytes(probe, inputs[index], torch.from_numpy(labels[index.numpy()]), mean_loss)
            for index in (once, twice)
        )
    return (wide - narrow) / len(examples)


def kept_bytes(model: nn.Module, inputs: Any, labels: torch.Tensor) -> int:
    """Return what the forward pass of one batch keeps for the backward pass besides parameters [byte].

    Parameters
    ----------
    model : the module that is trained; it and the global generators stay as they are.
    inputs, labels : a batch as a store gives it, and its labels.
    """
    probe = copy.deepcopy(model).train()
    with seeded(0):
        return _count_saved_bytes(probe, inputs, labels, mean_loss, but=list(probe.parameters()))


def _count_flop(model: nn.Module, inputs: torch.Tensor, labels: torch.Tensor, loss: Loss) -> tuple[int, int]:
    """Return the operations of a forward pass and of a whole step."""
    # The counter does not know the CPU's fused attention and would charge nothing for it.
    with sdpa_kernel(SDPBackend.MATH), _OperationCounter() as counter:
        value = loss(model(inputs), labels)
        forward_flop = counter.flop
        value.backward()  # type: ignore[no-untyped-call]
    return forward_flop, counter.flop


class _OperationCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up operations by the rules of `torch.utils.flop_counter`.

    Their own mode, `FlopCounterMode`, loads PyTorch's compiler when it is entered: a second and more at the start of
    every process, for a count that needs none of it.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flop = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # to be told to skip a method, the compiler would have to be loaded

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        with self:  # what an operation is made of is counted instead of it
            made_of = func.decompose(*args, **kwargs)
        if made_of is not NotImplemented:
            return made_of
        result = func(*args, **kwargs)
        count = flop_registry.get(func._overloadpacket)
        self.flop += 0 if count is None else count(*args, **kwargs, out_val=result)
        return result


def _count_saved_bytes(
    model: nn.Module, inputs: Any, labels: torch.Tensor, loss: Loss, but: Sequence[torch.Tensor] = ()
) -> int:
    """Return the bytes that a forward pass keeps for the backward pass, without the storages of `but`."""
    left_out = {tensor.untyped_storage().data_ptr() for tensor in but}
    saved: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        # Keyed by address: two layers that save one tensor keep it once. Held, so that no address is reused.
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        loss(model(inputs), labels)
    return sum(storage.nbytes() for address, storage in saved.items() if address not in left_out)
