"""The placement that runs every chunk here and now, in order."""

from collections.abc import Iterator, Sequence

from testbed.learning.kernels.protocol import Chunk, Output
from testbed.settings import Part

__all__ = ["InlinePlacement"]


class InlinePlacement(Part):
    """Runs chunks in this process, one after another."""

    kind: str = "inline"

    @property
    def reason(self) -> str:
        """That nothing is started."""
        return "in the process of the run"

    def run(self, chunks: Sequence[Chunk]) -> Iterator[list[Output]]:
        """Yield the outputs of each chunk, in order."""
        for chunk in chunks:
            yield chunk.compute()

    def close(self) -> None:
        """Do nothing: nothing is held."""
