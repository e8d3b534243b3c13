"""The device that jobs are computed on: the CPU, or a GPU that PyTorch reaches by CUDA.

What a run holds besides (states, results, everything that is simulated) lies in memory of the CPU: a job's state goes
up, what it returned comes back. The same job has other last bits on another device, so a device is part of what decides
the bytes of a result: see `device_name`.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from testbed.errors import RequestError

__all__ = [
    "CPU",
    "DeviceKind",
    "check_device",
    "deterministic",
    "device_name",
    "enter_determinism",
    "torch_device",
    "upload",
]

DeviceKind: TypeAlias = Literal["cpu", "cuda"]

CPU: Final = torch.device("cpu")

# Without fixed memory to work in, cuBLAS may add in another order from call to call (its documentation, "Results
# reproducibility"); PyTorch refuses deterministic algorithms until the variable is set.
_WORKSPACE: Final = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def cuda_devices() -> list[str]:
    """Return the names of the GPUs that PyTorch sees; none with a PyTorch that was built without CUDA."""
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]


def torch_device(kind: DeviceKind) -> torch.device:
    """Return what PyTorch calls it; of several GPUs the first that CUDA_VISIBLE_DEVICES shows."""
    return CPU if kind == "cpu" else torch.device(kind, 0)


def check_device(kind: DeviceKind) -> None:
    """Refuse a device that is not here.

    Raises
    ------
    RequestError : CUDA is asked for, and PyTorch sees no device of it.
    """
    if kind == "cuda" and not cuda_devices():
        built = "built for the CPU only" if torch.version.cuda is None else f"built for CUDA {torch.version.cuda}"
        raise RequestError(
            f"'cuda' was asked for, and PyTorch {torch.__version__} ({built}) sees no CUDA device; allowed here: 'cpu'"
        )


def device_name(device: torch.device) -> str:
    """Return what of a device decides the bits of its arithmetic: a GPU's name and the versions of its libraries."""
    if device.type != "cuda":
        return device.type
    name = cuda_devices()[device.index or 0]
    cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    return f"{name}, CUDA {torch.version.cuda}, cuDNN {cudnn}"


@contextmanager
def deterministic(kind: DeviceKind) -> Iterator[None]:
    """Compute the same bits every time inside, also where the device would be faster otherwise; the CPU always does."""
    if kind == "cpu":
        yield
        return
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = torch.are_deterministic_algorithms_enabled(), matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    variable, workspace = _WORKSPACE[0], os.environ.get(_WORKSPACE[0])
    enter_determinism()
    try:
        yield
    finally:
        enabled, matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before
        torch.use_deterministic_algorithms(enabled)
        if workspace is None:
            del os.environ[variable]


def enter_determinism() -> None:
    """Compute deterministically on a GPU from now on, in float32 as it is: no TF32, no choice by a stopwatch."""
    os.environ.setdefault(*_WORKSPACE)
    torch.use_deterministic_algorithms(True)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False


def upload(pieces: Sequence[npt.NDArray[np.float32]], into: torch.Tensor) -> None:
    """Write vectors that follow each other into a flat tensor, wherever it lies."""
    if into.device.type == "cpu":
        np.concatenate(pieces, out=into.numpy())
    else:
        into.copy_(torch.from_numpy(np.concatenate(pieces)))
