"""Fading from a file: a measured or precomputed channel of every link in every block."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import model_validator

from channels.fading import BlockStream, ComplexArray
from testbed.errors import RequestError
from testbed.settings import Part

__all__ = ["TraceFading", "read_trace"]


def read_trace(path: Path) -> ComplexArray:
    """Return the trace in a file, (num_blocks, num_links) complex.

    A `.npz` holds one array, or one named `h`; a `.csv` has a row a block and a column a link, without a header
    (lines with # are comments). Values are amplitudes |h| or complex numbers (`0.3+0.4j`), none of them zero.

    Raises
    ------
    RequestError : no such file, another format or shape, a value that is zero or not finite, an amplitude below 0.
    """
    values = np.atleast_1d(_load(path))
    if values.ndim != 2 or values.size == 0:
        raise RequestError(f"{path}: a trace has a row a block and a column a link, got the shape {values.shape}")
    if not np.isfinite(values).all() or not (np.abs(values) > 0).all():
        raise RequestError(f"{path}: a trace holds finite numbers other than zero (write 1e-9 for a dead link)")
    if np.isrealobj(values) and (values < 0).any():
        raise RequestError(f"{path}: a trace of real numbers holds amplitudes, got a negative one")
    trace: ComplexArray = values.astype(np.complex128)
    trace.setflags(write=False)
    return trace


@lru_cache(maxsize=8)
def _remembered_trace(path: str, sha256: str | None) -> ComplexArray:
    return read_trace(Path(path))


def _load(path: Path) -> Any:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                names = list(arrays)
                if len(names) != 1 and "h" not in names:
                    raise RequestError(f"{path}: no array is named 'h'; there are {', '.join(names) or 'none'}")
                values = arrays["h" if "h" in names else names[0]]
            if values.dtype.kind not in "fciu":
                raise RequestError(f"{path}: a trace holds numbers, got {values.dtype}")
            return values
        if path.suffix == ".csv":
            lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.split("#")[0].strip()]
            values = np.loadtxt(lines, dtype=np.complex128, delimiter=",", ndmin=2) if lines else np.zeros((0, 0))
            return values if (values.imag != 0).any() else values.real
    except RequestError:
        raise
    except (OSError, ValueError, EOFError) as error:
        raise RequestError(f"{path}: cannot be read as a trace: {error}") from None
    raise RequestError(f"{path}: a trace is a .npz or a .csv file")


class TraceFading(Part):
    """The channels in a file, row k in coherence block k, column i for link i; draws nothing.

    `path` is relative to the current folder. `sha256` is that of the file's bytes: it is filled in, so that the
    resolved scenario says what was read; a file that does not match a given one is refused. With `on_end =
    "refuse"` the trace must be as long as the run, with `"wrap"` it starts again.

    The numbers are taken as they are (their mean power need not be one); the path gain multiplies them, so use the path
    loss `unit` for a trace that contains it. Our choice: uplink and downlink see the same trace (reciprocity), and the
    receiver has one antenna. What is planned past the end of a run meets the trace from its start again.
    """

    kind: str = "trace"
    path: str  # the file, relative to the current folder
    on_end: Literal["refuse", "wrap"] = "refuse"  # a trace shorter than the run: refuse it, or start it again
    sha256: str | None = None  # of the file's bytes; filled in, or compared

    @model_validator(mode="after")
    def _read(self) -> "TraceFading":
        try:
            digest = hashlib.sha256(Path(self.path).read_bytes()).hexdigest()
        except OSError as error:
            raise RequestError(f"path = {self.path!r}: {error.strerror}") from None
        if self.sha256 not in (None, digest):
            raise RequestError(f"path = {self.path!r}: the file's sha256 is {digest}, not {self.sha256}")
        # Frozen settings are completed here once, before anybody has seen them.
        self.__dict__["sha256"] = digest
        _ = self.trace
        return self

    @property
    def trace(self) -> ComplexArray:
        """The channels, (num_blocks, num_links) complex, read-only."""
        return _remembered_trace(self.path, self.sha256)

    def check_run(self, num_links: int, num_blocks: int | None, num_antennas: int) -> None:
        """Refuse a run that is longer or has more links than the trace.

        Raises
        ------
        RequestError : too few links or blocks, or several antennas.
        """
        has_blocks, has_links = self.trace.shape
        if num_antennas > 1:
            raise RequestError(f"the trace {self.path} has one antenna a link, the uplink has {num_antennas}")
        if has_links < num_links:
            raise RequestError(f"the trace {self.path} has {has_links} links, the run has {num_links}")
        if self.on_end == "refuse" and (num_blocks is None or has_blocks < num_blocks):
            needs = "has no end" if num_blocks is None else f"needs {num_blocks}"
            raise RequestError(
                f"the trace {self.path} has {has_blocks} coherence blocks, the run {needs}: "
                'shorten the run, or repeat the trace with on_end = "wrap"'
            )

    def coefficients(self, block: int, num_links: int, stream: BlockStream) -> ComplexArray:
        """Return row `block` modulo the length of the trace, (num_links,) complex."""
        return self.trace[block % len(self.trace), :num_links]
