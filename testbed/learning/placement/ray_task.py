"""What a worker of a Ray cluster does with a chunk; it imports nothing of Ray."""

import platform
from collections import OrderedDict
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from testbed.errors import RequestError
from testbed.learning.chunk_key import machine
from testbed.learning.device import device_name
from testbed.learning.kernels.protocol import Output
from testbed.learning.placement.arithmetic import Arithmetic
from testbed.learning.placement.chunk_parcel import unpack_chunk
from testbed.learning.placement.errors_of_workers import sendable
from testbed.learning.placement.parcel import unpack_task
from testbed.learning.placement.shared_memory import ALIGNMENT
from testbed.learning.task import LearningTask

__all__ = ["compute"]

_MOST_TASKS: Final = 8  # that a worker remembers

_tasks: OrderedDict[str, LearningTask] = OrderedDict()


def compute(
    words: bytes, around: tuple[Arithmetic, dict[str, Any], torch.device], keys: list[str], *parts: Any
) -> tuple[list[Output] | None, Exception | None]:
    """Return the outputs of a chunk, or the error that it ended with.

    Parameters
    ----------
    words : what `pack_chunk` returned.
    around : how the run's own process computes: its settings, what it is, and the device.
    keys : the names of the chunk's tasks.
    parts : these tasks, packed, and then the vectors that the chunk names by their number.
    """
    arithmetic, expected, device = around
    try:
        arithmetic.enter()
        _check_machine(expected, device)
        for key, packed in zip(keys, parts, strict=False):
            _remember(key, packed)
        vectors = parts[len(keys) :]
        chunk = unpack_chunk(words, _tasks.__getitem__, vectors.__getitem__)
        return chunk.compute(), None
    except Exception as error:  # noqa: BLE001 - it is raised where the output is read
        return None, sendable(error)


def _check_machine(expected: dict[str, Any], device: torch.device) -> None:
    found = machine() | {"device": device_name(device)}
    differing = [
        f"{name} {found[name]!r} instead of {expected[name]!r}" for name in expected if found[name] != expected[name]
    ]
    if differing:
        raise RequestError(
            f"the node {platform.node()} would compute other bits than the run's own: {'; '.join(differing)}"
        )


def _remember(key: str, packed: tuple[bytes, list[int], list[int], npt.NDArray[np.uint8]]) -> None:
    if key not in _tasks:
        words, offsets, sizes, content = packed
        if content.ctypes.data % ALIGNMENT:
            content = torch.tensor(content).numpy()  # PyTorch aligns its own memory
        data = content.data
        buffers = [data[offset : offset + size] for offset, size in zip(offsets, sizes, strict=True)]
        _tasks[key] = unpack_task(words, buffers)
    _tasks.move_to_end(key)
    while len(_tasks) > _MOST_TASKS:
        _tasks.popitem(last=False)
