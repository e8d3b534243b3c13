"""Memory that the kernels of a task work in, kept from chunk to chunk: to have it provided anew is dear.

Nothing that lies here leaves a kernel: what a job returns is copied out of it.
"""

import math
from weakref import WeakKeyDictionary

import torch

from testbed.learning.task import LearningTask

__all__ = ["workspace"]

_rooms: WeakKeyDictionary[LearningTask, dict[tuple[str, torch.dtype], torch.Tensor]] = WeakKeyDictionary()


def workspace(
    task: LearningTask, name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Return the task's room of that name as a contiguous tensor of this shape, with anything in it.

    It is the same memory every time, as long as that is large enough; aligned, as all memory of PyTorch's own.
    """
    rooms, size = _rooms.setdefault(task, {}), math.prod(shape)
    room = rooms.get((name, dtype))
    if room is None or room.numel() < size:
        room = rooms[name, dtype] = torch.empty(size, dtype=dtype, device=task.device)
    return room[:size].view(shape)
