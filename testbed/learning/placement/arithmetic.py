"""What decides the bits of a process's arithmetic besides the program, taken from one process into another."""

from dataclasses import dataclass

import torch
from threadpoolctl import threadpool_limits

from testbed.learning.device import enter_determinism

__all__ = ["Arithmetic"]


@dataclass(frozen=True)
class Arithmetic:
    """Threads, number type and precision of a process; the variables of its environment are inherited."""

    num_threads: int
    dtype: torch.dtype
    matmul_precision: str
    deterministic: bool  # as a run on a GPU has it

    @classmethod
    def here(cls) -> "Arithmetic":
        """Return that of this process, now."""
        return cls(
            torch.get_num_threads(),
            torch.get_default_dtype(),
            torch.get_float32_matmul_precision(),
            torch.are_deterministic_algorithms_enabled(),
        )

    def enter(self) -> None:
        """Compute like this from now on, to the end of the process."""
        torch.set_num_threads(self.num_threads)
        threadpool_limits(limits=self.num_threads, user_api="blas")
        torch.set_default_dtype(self.dtype)
        torch.set_float32_matmul_precision(self.matmul_precision)
        if self.deterministic:
            enter_determinism()
        else:
            torch.use_deterministic_algorithms(False)
