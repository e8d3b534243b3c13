"""Tasks as bytes for another process: what is large stays beside them and is not copied into them.

Pickled by value where a name would not be found elsewhere (classes of a notebook or a script, functions inside
functions), so that a user's own model needs no module of its own.
"""

import io
import pickle
from collections.abc import Callable, Sequence
from typing import Any, Final

import cloudpickle
import numpy as np
import numpy.typing as npt
import torch

from testbed.errors import RequestError
from testbed.learning.placement.shared_memory import ALIGNMENT
from testbed.learning.task import LearningTask

__all__ = ["pack_task", "place_buffers", "unpack_task"]

# Of a task: what nobody changes and everybody may look at in one place.
_DATA: Final = ("train_inputs", "train_labels", "test_inputs", "test_labels")
# Of a task: working memory that is made when it is needed.
_MADE_ANEW: Final = {"descent"}


class _Memory:
    """The bytes behind tensors, and where they lie: one object for all tensors that share them."""

    def __init__(self, tensor: torch.Tensor, shared: bool) -> None:
        storage = tensor.untyped_storage()
        self.content = torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(storage).cpu().numpy()
        self.device = tensor.device
        self.shared = shared


class _TaskPickler(cloudpickle.CloudPickler):  # type: ignore[misc]
    """Writes tensors as views of their memory, each memory once."""

    def __init__(self, file: io.BytesIO, buffers: list[pickle.PickleBuffer] | None) -> None:
        super().__init__(file, protocol=5, buffer_callback=None if buffers is None else buffers.append)
        self._shared = buffers is not None
        self._memories: dict[int, _Memory] = {}

    def reducer_override(self, value: Any) -> Any:
        if type(value) is torch.Tensor and value.layout == torch.strided:
            address = value.untyped_storage().data_ptr()
            memory = self._memories.get(address) or _Memory(value, self._shared)
            if address:  # an empty one has none
                self._memories[address] = memory
            form = (value.dtype, value.storage_offset(), tuple(value.shape), value.stride(), value.requires_grad)
            return _tensor, (memory, *form)
        if type(value) is _Memory:
            return (_shared if value.shared else _own), (value.content, value.device)
        return super().reducer_override(value)


def _shared(content: npt.NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    return torch.from_numpy(content).to(device)


def _own(content: npt.NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    return torch.tensor(content, device=device)


def _tensor(
    memory: torch.Tensor, dtype: torch.dtype, offset: int, shape: Any, stride: Any, requires_grad: bool
) -> torch.Tensor:
    found = torch.empty(0, dtype=dtype, device=memory.device).set_(memory.untyped_storage(), offset, shape, stride)
    return found.requires_grad_(requires_grad)


def pack_task(task: LearningTask) -> tuple[bytes, list[memoryview]]:
    """Return a task as bytes, and the memory of its data, to be given to `unpack_task` at the same alignment.

    Raises
    ------
    RequestError : something of the model or of the data cannot be written.
    """
    buffers: list[pickle.PickleBuffer] = []
    rest = {name: value for name, value in vars(task).items() if name not in _MADE_ANEW and name not in _DATA}
    try:
        data = _pickled([getattr(task, name) for name in _DATA], buffers)
        words = pickle.dumps((data, _pickled([type(task), rest], None)))
    except Exception as error:  # whatever a user's class raises when it is pickled
        raise RequestError(
            f"the model or the data of {task.name!r} cannot be sent to another process: {error}; "
            'use the placement "inline", or make it picklable'
        ) from error
    return words, [buffer.raw() for buffer in buffers]


def _pickled(value: Any, buffers: list[pickle.PickleBuffer] | None) -> bytes:
    file = io.BytesIO()
    _TaskPickler(file, buffers).dump(value)
    return file.getvalue()


def unpack_task(words: bytes | memoryview, buffers: Sequence[memoryview]) -> LearningTask:
    """Return the task that `pack_task` wrote: its data lie in these buffers, its model is a copy of its own.

    Raises
    ------
    RequestError : a class is not to be found in this process.
    """
    data, rest = pickle.loads(words)
    try:
        kind, values = pickle.loads(rest)
        values |= zip(_DATA, pickle.loads(data, buffers=buffers), strict=True)
    except (ImportError, AttributeError) as error:
        raise RequestError(
            f"the model or the data cannot be made again in another process: {error}; define its classes in the script "
            'or notebook itself or in a module that can be imported from there, or use the placement "inline"'
        ) from error
    task: LearningTask = object.__new__(kind)
    vars(task).update(values)
    return task


def place_buffers(
    buffers: Sequence[memoryview], room: Callable[[int], npt.NDArray[np.uint8]]
) -> tuple[npt.NDArray[np.uint8], list[int]]:
    """Return buffers in one piece, and where each starts: as far from a multiple of 64 bytes as it lies now.

    `room` : returns an array of at least so many bytes; it counts as one that starts at a multiple of 64.
    """
    arrays = [np.frombuffer(buffer, np.uint8) for buffer in buffers]
    offsets, end = [], 0
    for array in arrays:
        start = end + (array.ctypes.data - end) % ALIGNMENT
        offsets.append(start)
        end = start + array.nbytes
    content = room(end)
    for array, start in zip(arrays, offsets, strict=True):
        content[start : start + array.nbytes] = array
    return content, offsets
