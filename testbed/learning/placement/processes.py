"""The placement that has chunks computed by worker processes of this machine."""

import os
from collections.abc import Iterator, Sequence

from pydantic import PositiveInt, PrivateAttr

from testbed.learning.kernels.protocol import Chunk, Output
from testbed.learning.placement.crew import Crew
from testbed.settings import Part

__all__ = ["ProcessesPlacement", "num_cores"]


def num_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class ProcessesPlacement(Part):
    """Runs chunks in worker processes that stay for the whole run; a lone chunk is run here.

    Workers are started when they are first needed. Who has used the placement closes it.
    """

    kind: str = "processes"
    num_workers: PositiveInt | None = None  # worker processes; none: as many as there are cores
    _crew: Crew | None = PrivateAttr(None)

    @property
    def reason(self) -> str:
        """How many workers there are."""
        return f"{self._num_workers} worker processes"

    @property
    def _num_workers(self) -> int:
        return num_cores() if self.num_workers is None else self.num_workers

    def run(self, chunks: Sequence[Chunk]) -> Iterator[list[Output]]:
        """Yield the outputs of each chunk, in order.

        Raises
        ------
        RunFailure : a worker ended while it computed; the message names the jobs.
        RequestError : the task or its jobs cannot be sent to another process.
        """
        if len(chunks) == 1:  # to send it away would gain nothing
            yield chunks[0].compute()
        elif chunks:
            if self._crew is None:
                self._crew = Crew(self._num_workers)
            yield from self._crew.run(chunks)

    def close(self) -> None:
        """End the workers; the placement may be used again."""
        if self._crew is not None:
            self._crew.close()
            self._crew = None
