"""A placement around another one that computes only what the store of results does not hold.

Chunks are formed before the store is asked, and a chunk is stored and replayed as a whole, so that a store changes
when a run ends and nothing else. A chunk is worth storing if it takes many operations for each byte of state: to hash
and write a byte takes about 5 ns, the time of 50 to 100 operations of training on one core.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from testbed.learning.chunk_key import chunk_key, surroundings
from testbed.learning.content_digest import ArrayDigests, UnknownContentError
from testbed.learning.jobs import Placement
from testbed.learning.kernels.protocol import Chunk, Job, Kernel, Output
from testbed.learning.output_bytes import encode_outputs
from testbed.learning.result_store import ResultStore, StoreWarning
from testbed.learning.sources import UnknownSourceError

__all__ = ["ReplayingPlacement", "Reuse"]

# What is computed is handed over once it is this much, or this old [wall-clock s]: a kill loses no more.
_BATCH_BYTES: Final = 64e6
_BATCH_S: Final = 1.0

# Asking for a chunk, whatever its size, takes as long as hashing and writing so many bytes.
_CHUNK_BYTES: Final = 32768


@dataclass
class Reuse:
    """How much was replayed: chunks, and the operations of training and evaluation in them [FLOP]."""

    num_chunks: int = 0
    num_reused: int = 0
    flop: float = 0.0
    reused_flop: float = 0.0

    def count(self, flop: float, reused: bool) -> None:
        """Count one chunk."""
        self.num_chunks += 1
        self.num_reused += reused
        self.flop += flop
        self.reused_flop += flop * reused

    def to_json(self) -> dict[str, Any]:
        """Return what `meta.json` says of it."""
        share = self.reused_flop / self.flop if self.flop else 0.0
        return {"num_chunks": self.num_chunks, "num_reused": self.num_reused, "reused_flop_fraction": share}


class ReplayingPlacement:
    """Replays stored chunks and has the others computed elsewhere.

    Parameters
    ----------
    placement : where missing chunks are computed; its name stands in the record.
    store : the stored outputs.
    kernel : the kernel of the run, a part of every key.
    flop_of : returns what a job costs [FLOP].
    min_flop_per_byte : chunks with fewer operations per byte of their jobs' states (and 32 KiB, for the chunk itself)
        are neither looked up nor stored.
    """

    def __init__(
        self,
        placement: Placement,
        store: ResultStore,
        kernel: Kernel,
        flop_of: Callable[[Job], float],
        min_flop_per_byte: float,
    ) -> None:
        self.placement = placement
        self.store = store
        self.kernel = kernel
        self.flop_of = flop_of
        self.min_flop_per_byte = min_flop_per_byte
        self.reuse = Reuse()
        self._pending: list[tuple[bytes, bytes]] = []
        self._handed_over_s = 0.0
        self._complaints: set[str] = set()

    @property
    def kind(self) -> str:
        """The name of the placement that computes: a record does not tell what was replayed."""
        return self.placement.kind

    @property
    def reason(self) -> str:
        """What the placement that computes says of itself."""
        return self.placement.reason

    def run(self, chunks: Sequence[Chunk]) -> Iterator[list[Output]]:
        """Yield the outputs of each chunk, in order."""
        flop = [sum(map(self.flop_of, chunk.jobs)) for chunk in chunks]
        keys = self._keys(chunks, flop)
        known = self.store.known(key for key in keys if key is not None)
        missing = [chunk for chunk, key in zip(chunks, keys, strict=True) if key is None or key not in known]
        computed = iter(self.placement.run(missing))
        self._handed_over_s = time.monotonic()
        try:
            for chunk, key, chunk_flop in zip(chunks, keys, flop, strict=True):
                outputs = self._replayed(chunk, key) if key is not None and key in known else None
                self.reuse.count(chunk_flop, reused=outputs is not None)
                if outputs is None:
                    outputs = next(iter(self.placement.run([chunk])) if key in known else computed)
                    self._keep(key, outputs)
                yield outputs
        finally:
            self._hand_over()

    def close(self) -> None:
        """Close the placement that computes; the store is closed by who opened it."""
        self.placement.close()

    def _keys(self, chunks: Sequence[Chunk], flop: Sequence[float]) -> list[bytes | None]:
        """Return the key of each chunk; None for one that is not worth it, or that cannot be named."""
        arrays: ArrayDigests = {}
        keys: list[bytes | None] = []
        around: bytes | None = None
        for chunk, chunk_flop in zip(chunks, flop, strict=True):
            num_bytes = _CHUNK_BYTES + sum(job.parameters.nbytes for job in chunk.jobs)
            key = None
            if chunk_flop >= self.min_flop_per_byte * num_bytes:
                try:
                    around = surroundings(self.kernel) if around is None else around
                    key = chunk_key(chunk, around, arrays)
                except (UnknownContentError, UnknownSourceError) as error:
                    self._complain(f"{chunk.family.name} is computed and not stored: {error}")
            keys.append(key)
        return keys

    def _replayed(self, chunk: Chunk, key: bytes) -> list[Output] | None:
        outputs = self.store.get(key)
        if outputs is not None and len(outputs) != len(chunk.jobs):
            self.store.drop(key)
            return None
        return outputs

    def _keep(self, key: bytes | None, outputs: list[Output]) -> None:
        if key is None:
            return
        try:
            self._pending.append((key, encode_outputs(outputs)))
        except UnknownContentError as error:
            self._complain(f"results are not stored: {error}")
            return
        num_bytes = sum(len(data) for _, data in self._pending)
        if num_bytes >= _BATCH_BYTES or time.monotonic() - self._handed_over_s >= _BATCH_S:
            self._hand_over()

    def _hand_over(self) -> None:
        entries, self._pending = self._pending, []
        self.store.put(entries)
        self._handed_over_s = time.monotonic()

    def _complain(self, text: str) -> None:
        if text not in self._complaints:
            self._complaints.add(text)
            self.store.notes.append(text)
            warnings.warn(text, StoreWarning, stacklevel=4)
