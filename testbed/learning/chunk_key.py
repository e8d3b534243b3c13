"""The key under which the outputs of a chunk are stored: everything that decides their bytes.

That is the ordered list of jobs with every field they have (state, minibatches, seeds, whatever a method adds), their
task (data, model, optimiser), the family and kernel with the source of the code that computes them, and the machine:
versions, threads, kind of processor, and the GPU if one computes. The place of the chunk among others and the simulated
time are no part of it: they decide nothing.
"""

import dataclasses
import os
import platform
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from testbed.learning.content_digest import ArrayDigests, content_digest
from testbed.learning.device import device_name
from testbed.learning.kernels.protocol import Chunk, Kernel
from testbed.learning.task import LearningTask

__all__ = ["chunk_key", "machine", "surroundings"]

# Variables by which the mathematical libraries choose their arithmetic.
_ARITHMETIC_VARIABLES: Final = ("MKL_", "ONEDNN_", "DNNL_", "OPENBLAS_")

# The working copies of a task, which change from job to job (every job brings its own state), and what follows from
# the layout and the names of what is trained.
_CHANGES_WITH_JOBS: Final = {
    "model",
    "descent",
    "_travelling",
    "_staying",
    "_initial",
    "trained",
    "exchanged",
    "trained_is_exchanged",
}
_REGISTERED_ELSEWHERE: Final = {"training", "_parameters", "_buffers", "_modules"}

_task_digests: WeakKeyDictionary[LearningTask, bytes] = WeakKeyDictionary()


def surroundings(kernel: Kernel) -> bytes:
    """Return the digest of what all chunks of one read have in common: the machine as it is now, and the kernel.

    Raises
    ------
    UnknownContentError, UnknownSourceError : a kernel that cannot be named.
    """
    return content_digest([machine(), kernel])


def chunk_key(chunk: Chunk, around: bytes, arrays: ArrayDigests) -> bytes:
    """Return the key of a chunk, 32 bytes.

    Parameters
    ----------
    around : what `surroundings` returned for this read.
    arrays : states that were digested before, shared by the chunks of one read.

    Raises
    ------
    UnknownContentError, UnknownSourceError : something that may decide the outputs cannot be named.
    """
    family = _fields(chunk.family) | {"task": _task_digest(chunk.family.task)}
    content: list[Any] = [around, family]
    for job in chunk.jobs:
        content.append([type(job), _fields(job) | {"task": _task_digest(job.task)}])
    rest = {name: value for name, value in _fields(chunk).items() if name not in ("family", "jobs", "positions")}
    return content_digest([*content, rest], arrays)


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _task_digest(task: LearningTask) -> bytes:
    """Return the digest of a task: fixed at set-up, so it is computed once."""
    known = _task_digests.get(task)
    if known is None:
        stated = {name: value for name, value in vars(task).items() if name not in _CHANGES_WITH_JOBS}
        stated |= {"layout": task.layout.slots, "device": device_name(task.device)}
        staying = [initial for _, initial in task._staying]
        known = _task_digests[task] = content_digest([type(task), stated, staying, _structure(task.model)])
    return known


def _structure(model: nn.Module) -> list[Any]:
    """Return what a model is besides the numbers in it: its modules, their classes and their attributes."""
    return [
        (
            name,
            type(module),
            {key: _attribute(key, value) for key, value in vars(module).items() if key not in _REGISTERED_ELSEWHERE},
            [(key, _shape(p), p is not None and p.requires_grad) for key, p in module._parameters.items()],
            [(key, _shape(buffer)) for key, buffer in module._buffers.items()],
            list(module._modules),
        )
        for name, module in model.named_modules()
    ]


def _attribute(key: str, value: Any) -> Any:
    # PyTorch numbers the hooks of a process as they come; their order stays.
    return list(value.values()) if "_hooks" in key and isinstance(value, dict) else value


def _shape(tensor: torch.Tensor | None) -> tuple[str, tuple[int, ...]] | None:
    return None if tensor is None else (str(tensor.dtype), tuple(tensor.shape))


def machine() -> dict[str, Any]:
    """Return what decides the bits of an arithmetic besides the program."""
    return {
        "python": tuple(sys.version_info[:2]),
        "torch": (str(torch.__version__), torch.version.git_version),
        "numpy": np.__version__,
        "processor": _processor(),
        "num_threads": torch.get_num_threads(),
        "precision": (str(torch.get_default_dtype()), torch.get_float32_matmul_precision()),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "variables": sorted(item for item in os.environ.items() if item[0].startswith(_ARITHMETIC_VARIABLES)),
    }


@cache
def _processor() -> tuple[str, ...]:
    kind = (platform.system(), platform.machine(), torch.backends.cpu.get_cpu_capability())
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return (*kind, platform.processor())
    described = ("vendor_id", "cpu family", "model", "model name", "stepping")
    return (*kind, *dict.fromkeys(line for line in lines if line.partition(":")[0].strip() in described))
