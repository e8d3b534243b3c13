"""A learning task: what all clients of a run train together.

It holds one model (a template into which states are loaded, never one model a client), the layout of the
state that travels, the data as tensors, and how one step is made. A task is fixed at set-up; a job refers
to it.
"""

import copy
import fnmatch
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from testbed.errors import RequestError
from testbed.layout import Layout
from testbed.learning.datasets.dataset import AnyDataset
from testbed.learning.device import CPU
from testbed.learning.optimizer import FlatOptimizer, OptimizerSettings
from testbed.learning.traits import observe

__all__ = ["LearningTask", "State"]

State = npt.NDArray[np.float32]

# Samples on which a model's traits are observed.
_NUM_TRIAL_SAMPLES = 4


class LearningTask:
    """A model, its data and its optimiser.

    Parameters
    ----------
    model : any module that maps inputs (n, ...) to class scores, of tokens (n, T) to scores (n, T, num_classes); it is
        copied, in float32.
    data : training and test set.
    optimizer : how a step is made.
    batch_width : samples of the widest batch any client can draw.
    local : shell patterns of the tensors that stay with each client and are not exchanged.
    trial : (any,) samples that a batch can have together, on the first of which the traits are observed; None: any can.
    device : where its jobs are computed: the data and the template lie there, states never do.

    Attributes
    ----------
    model : the template, with the state last loaded.
    layout : the travelling state: parameters and floating-point buffers, one entry a storage.
    trainable : the names of the tensors that training changes by gradient.
    is_language : whether a sample is a window of tokens with a label each.
    is_personal : whether some tensors stay with each client.
    exchanged : the slices of the state that are exchanged, in order; neighbours are joined.
    traits : what the forward does that decides how jobs may be computed together.

    Raises
    ------
    RequestError : the model cannot take the data, there is none, or it cannot lie on the device.
    """

    def __init__(
        self,
        model: nn.Module,
        data: AnyDataset,
        optimizer: OptimizerSettings,
        batch_width: int,
        local: Sequence[str] = (),
        trial: npt.NDArray[np.int64] | None = None,
        device: torch.device = CPU,
    ) -> None:
        if len(data.train_labels) < 1 or len(data.test_labels) < 1:
            raise RequestError(f"the data {data.name!r} needs a training sample and a test sample")
        if batch_width < 1:
            raise RequestError(f"batch_width = {batch_width}: must be at least 1")
        self.name = data.name
        self.device = CPU
        self.optimizer = optimizer
        self.batch_width = batch_width
        self.num_classes = data.num_classes
        self.is_language = data.train_labels.ndim > 1
        self.train_inputs: Any = _shared_tensor(data.train_inputs)
        self.train_labels = _shared_tensor(data.train_labels)
        # A copy, because PyTorch aligns its own memory: the bits of a product can depend on the alignment.
        self.test_inputs: Any = _own_tensor(data.test_inputs)
        self.test_labels = torch.tensor(data.test_labels)
        self.model = copy.deepcopy(model).float().train()
        self._travelling = dict(_travelling_tensors(self.model))
        buffers = dict(self.model.named_buffers())
        self._staying = [(buffers[name], buffers[name].clone()) for name in _staying_names(self.model)]
        self.layout = Layout([(name, tuple(tensor.shape)) for name, tensor in self._travelling.items()])
        self._sizes = [tensor.numel() for tensor in self._travelling.values()]
        self.trainable = tuple(name for name, tensor in self._travelling.items() if tensor.requires_grad)
        self._initial = self.unload()
        self.local = tuple(local)
        self.exchanged = tuple(self._joined([slot.name for slot in self.layout if not self._stays(slot.name)]))
        self.is_personal = self.num_exchanged < self.layout.size
        if not self.exchanged:
            raise RequestError(f"all tensors stay with the clients: {', '.join(local)} leave nothing to exchange")
        tried = torch.arange(len(self.train_labels)) if trial is None else torch.tensor(trial)
        tried = tried[:_NUM_TRIAL_SAMPLES]
        self.traits = observe(self.model, self.train_inputs[tried], self.train_labels[tried], self.num_classes)
        if device.type != "cpu":
            self._move_to(device)

    def _move_to(self, device: torch.device) -> None:
        """Bring data and template to a device; they were looked at where they were."""
        if not isinstance(self.train_inputs, torch.Tensor):
            raise RequestError(
                f"run.device = {device.type!r}: the samples of {self.name!r} are no arrays and stay with the CPU; "
                "allowed with them: 'cpu'"
            )
        for name in ("train_inputs", "train_labels", "test_inputs", "test_labels"):
            setattr(self, name, getattr(self, name).to(device))
        staying = _staying_names(self.model)
        self.model = self.model.to(device)
        tensors = self.model.state_dict(keep_vars=True)
        self._travelling = {name: tensors[name] for name in self._travelling}
        buffers = dict(self.model.named_buffers())
        self._staying = [(buffers[name], buffers[name].clone()) for name in staying]
        self.device = device

    @cached_property
    def num_exchanged(self) -> int:
        """How many entries of a state are exchanged."""
        return sum(run.stop - run.start for run in self.exchanged)

    @cached_property
    def trained_is_exchanged(self) -> torch.Tensor:
        """1 where a trained entry is exchanged, 0 where it stays with the client: (num_trained,) float32."""
        mask = np.zeros(self.layout.size, dtype=np.float32)
        for run in self.exchanged:
            mask[run] = 1.0
        return torch.from_numpy(np.concatenate([mask[run] for run in self.trained])).to(self.device)

    def exchanged_part(self, state: State) -> State:
        """Return what is exchanged of `state : (num_entries,)`, (num_exchanged,); the state itself if it is all."""
        return np.concatenate([state[run] for run in self.exchanged]) if self.is_personal else state

    def with_exchanged(self, state: State, part: State) -> State:
        """Return a new `state : (num_entries,)` with `part : (num_exchanged,)` in it; `part` itself if it is all."""
        if not self.is_personal:
            return part
        merged, stop = state.copy(), 0
        for run in self.exchanged:
            start, stop = stop, stop + run.stop - run.start
            merged[run] = part[start:stop]
        return merged

    def _stays(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.local)

    @property
    def num_state(self) -> int:
        """The length of the optimiser's state."""
        return self.optimizer.num_state(self.num_trained)

    @property
    def num_trained(self) -> int:
        """How many entries of a state training changes by gradient."""
        return sum(run.stop - run.start for run in self.trained)

    @cached_property
    def descent(self) -> FlatOptimizer:
        """The optimiser of jobs that bring a state, with room for one vector: whoever steps loads it first."""
        return FlatOptimizer(self.optimizer, self.num_trained, device=self.device)

    @property
    def trainable_tensors(self) -> list[torch.Tensor]:
        """The template's tensors of `trainable`, in order."""
        return [self._travelling[name] for name in self.trainable]

    def initial_state(self) -> State:
        """Return a copy of the state the model was given with, (num_entries,)."""
        return self._initial.copy()

    def state_in(self, module: nn.Module) -> State:
        """Return the state that lies in another module of the same architecture, (num_entries,).

        Raises
        ------
        ValueError : its tensors have other names or shapes.
        """
        tensors = dict(_travelling_tensors(module))
        if Layout([(name, tuple(tensor.shape)) for name, tensor in tensors.items()]) != self.layout:
            raise ValueError("a module of another architecture than the task's")
        return np.concatenate([tensor.detach().float().reshape(-1).cpu().numpy() for tensor in tensors.values()])

    def load(self, state: State, *, training: bool = True) -> nn.Module:
        """Return the template with `state : (num_entries,)` loaded; valid until the next load.

        What does not travel (integer counters) is set back, so that a result never depends on an earlier one.
        `training` : whether it is in training mode, else in evaluation mode.
        """
        with torch.no_grad():
            pieces = torch.split(
                torch.tensor(state, device=self.device), self._sizes
            )  # a copy: PyTorch refuses to look at read-only arrays
            for piece, tensor in zip(pieces, self._travelling.values(), strict=True):
                tensor.copy_(piece.view(tensor.shape))
            for buffer, initial in self._staying:
                buffer.copy_(initial)
        # To change the mode means to visit every module, which takes as long as a forward of a small one.
        return self.model if self.model.training == training else self.model.train(training)

    def unload(self, into: State | None = None) -> State:
        """Return the state now in the template as a vector of its own, (num_entries,): `into`, or a new one."""
        state = np.empty(self.layout.size, dtype=np.float32) if into is None else into
        if len(state):
            tensors = [tensor.detach().reshape(-1) for tensor in self._travelling.values()]
            if self.device.type == "cpu":
                torch.cat(tensors, out=torch.from_numpy(state))
            else:
                torch.from_numpy(state).copy_(torch.cat(tensors))
        return state

    @cached_property
    def trained(self) -> tuple[slice, ...]:
        """The slices of the state that `trainable` are, in order; neighbours are joined."""
        return tuple(self._joined(self.trainable))

    def _joined(self, names: Sequence[str]) -> Iterator[slice]:
        """Yield the slices of these tensors in the order of the layout, neighbours joined."""
        start, stop, chosen = 0, 0, set(names)
        for slot in self.layout:
            if slot.name in chosen:
                if slot.start > stop:
                    if stop > start:
                        yield slice(start, stop)
                    start = slot.start
                stop = slot.stop
        if stop > start:
            yield slice(start, stop)


def _travelling_tensors(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield parameters and float buffers in the order of `state_dict`, each storage once."""
    seen: set[tuple[int, int, tuple[int, ...]]] = set()
    for name, tensor in module.state_dict(keep_vars=True).items():
        if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
            continue
        place = (tensor.untyped_storage().data_ptr(), int(tensor.storage_offset()), tuple(tensor.shape))
        if tensor.numel() == 0 or place not in seen:
            seen.add(place)
            yield name, tensor


def _staying_names(module: nn.Module) -> list[str]:
    """Return the names of the buffers that do not travel: integer counters, and what is not in the `state_dict`."""
    travelling = {tensor.data_ptr() for _, tensor in _travelling_tensors(module)}
    return [name for name, buffer in module.named_buffers() if buffer.data_ptr() not in travelling]


def _own_tensor(inputs: Any) -> Any:
    """Return a copy of an array as a tensor; a store as it is."""
    return torch.tensor(inputs) if isinstance(inputs, np.ndarray) else inputs


def _shared_tensor(array: Any) -> Any:
    """Return a tensor over the same memory, which nobody writes to; a store as it is."""
    if not isinstance(array, np.ndarray):
        return array
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of an array that is read-only, as all data are
        return torch.from_numpy(array)
