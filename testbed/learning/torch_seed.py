"""The one scope that enters PyTorch's global random stream.

Some of PyTorch draws from its global generators and cannot be told otherwise: the initialisation of layers,
and dropout. Such code runs inside `seeded`, which leaves the global generators as it found them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["seeded"]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run a block with PyTorch's global generators seeded, and restore their states afterwards.

    The generators of CUDA devices are included once CUDA has started in this process; the scope itself never
    starts it.

    Parameters
    ----------
    seed : at least 0 and below 2^64, usually drawn from the stream of whom the block concerns.

    Raises
    ------
    ValueError : a seed out of range.

    >>> with seeded(7):
    ...     first = torch.rand(3)
    >>> with seeded(7):
    ...     second = torch.rand(3)
    >>> torch.equal(first, second)
    True
    """
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed = {seed}: must be at least 0 and below 2^64")
    cuda_has_started = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = range(torch.cuda.device_count()) if cuda_has_started else range(0)
    with torch.random.fork_rng(devices=devices, device_type="cuda"):
        # Not torch.manual_seed: it leaves an order behind to seed CUDA whenever that may start.
        torch.default_generator.manual_seed(int(seed))
        if devices:
            torch.cuda.manual_seed_all(int(seed))
        yield
