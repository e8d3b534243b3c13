"""The placement that chooses between this process and worker processes, by a rule and not by a stopwatch.

Chunks are run here until they have cost as much as it costs to start workers, and in workers from then on: without
knowing how long a run will be, this takes at most about twice as long as the better of the two. Our choice.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from pydantic import PositiveInt, PrivateAttr

from testbed.learning.kernels.protocol import Chunk, Job, Output
from testbed.learning.placement.inline import InlinePlacement
from testbed.learning.placement.processes import ProcessesPlacement, num_cores
from testbed.settings import Part

__all__ = ["AutoPlacement"]

# To start a worker takes a core so long, importing PyTorch and what else a run needs; it trains at so many FLOP/s, the
# geometric mean of 19, 53 and 72 GFLOP/s of the models of docs/performance.md.
_START_S: Final = 2.3
_FLOP_PER_S: Final = 4e10
_START_FLOP: Final = _START_S * _FLOP_PER_S


class AutoPlacement(Part):
    """Runs chunks here, and in worker processes once the run has proved long enough to be worth starting them."""

    kind: str = "auto"
    num_workers: PositiveInt | None = None  # worker processes, if they are used; none: as many as there are cores
    _flop_of: Callable[[Job], float] | None = PrivateAttr(None)
    _flop: float = PrivateAttr(0.0)
    _on_gpu: bool = PrivateAttr(False)
    _here: InlinePlacement = PrivateAttr(default_factory=InlinePlacement)
    _workers: ProcessesPlacement | None = PrivateAttr(None)

    def weigh(self, flop_of: Callable[[Job], float]) -> None:
        """Take `flop_of` as what jobs cost [FLOP]."""
        self._flop_of = flop_of

    @property
    def reason(self) -> str:
        """Where chunks were run in the end, and why."""
        if self._workers is not None:
            return f"{self._workers.reason}: the first chunks took {_START_FLOP:g} FLOP, what it costs to start them"
        return f"in the process of the run: {self._obstacle}"

    @property
    def _obstacle(self) -> str:
        """Why there are no workers; empty if there should be."""
        if self.num_workers == 1 or (self.num_workers is None and num_cores() == 1):
            return "one core"
        if self._on_gpu:
            return "workers would wait for the same GPU"
        if multiprocessing.parent_process() is not None:
            return "it is one of several that run side by side"
        if self._flop_of is None:
            return "what its jobs cost is not known"
        if self._flop < _START_FLOP:
            return f"its jobs took {self._flop:.2g} FLOP, and to start workers costs {_START_FLOP:g}"
        return ""

    def run(self, chunks: Sequence[Chunk]) -> Iterator[list[Output]]:
        """Yield the outputs of each chunk, in order."""
        self._on_gpu = any(chunk.family.task.device.type != "cpu" for chunk in chunks)
        if self._workers is None and len(chunks) > 1 and not self._obstacle:
            self._workers = ProcessesPlacement(num_workers=self.num_workers)
        if self._flop_of is not None:
            self._flop += sum(self._flop_of(job) for chunk in chunks for job in chunk.jobs)
        yield from (self._here if self._workers is None else self._workers).run(chunks)

    def close(self) -> None:
        """End the workers, if there are any; the choice stays."""
        if self._workers is not None:
            self._workers.close()
