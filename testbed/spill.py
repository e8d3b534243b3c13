"""A spill: blocks of rows on disk, in a file that cannot be left behind.

The file has no name. It lies in the folder for temporary files (the variable TMPDIR names another one), and the system
takes it away with the process, however that ends.

A block is an Arrow record batch as it stands in memory: written in a tenth of the time that a Parquet file takes, and
read from the mapped file without a copy.
"""

import mmap
import tempfile
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from testbed.errors import RunFailure

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Place", "Spill"]


class Place(NamedTuple):
    """Where a block lies in the file [byte]."""

    start: int
    size: int


class Spill:
    """The blocks of one run's tables, in the order in which they were written.

    >>> import pyarrow as pa
    >>> spill = Spill()
    >>> block = pa.record_batch({"number": [1, 2]})
    >>> place = spill.write(block)
    >>> spill.mapped([place], block.schema)[0].equals(block)
    True
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="airwan-rows-")  # noqa: SIM115 - open as long as this object
        weakref.finalize(self, self._file.close)
        self._end = 0

    def write(self, block: "pa.RecordBatch") -> Place:
        """Append a block and return its place.

        Raises
        ------
        RunFailure : the disk is full, or fails.
        """
        content = block.serialize()
        place = Place(self._end, content.size)
        try:
            self._file.seek(place.start)  # not where a write that failed has stopped
            self._file.write(content)
            self._file.flush()
        except OSError as error:
            raise RunFailure(
                f"cannot keep rows in the folder for temporary files, {tempfile.gettempdir()}: "
                f"{error.strerror or error}; the variable TMPDIR names another folder"
            ) from None
        self._end += content.size
        return place

    def mapped(self, places: Sequence[Place], schema: "pa.Schema") -> "list[pa.RecordBatch]":
        """Return blocks that stay on disk: the system brings the pages that somebody looks at.

        They count as memory of this process only until the blocks are given up: every call maps the file anew.
        """
        import pyarrow as pa

        if not places:
            return []
        content = pa.py_buffer(mmap.mmap(self._file.fileno(), self._end, access=mmap.ACCESS_READ))
        return [pa.ipc.read_record_batch(content.slice(*place), schema) for place in places]
