"""The files of a saved run: tables written a row group at a time, and whatever was saved checked and read.

The bytes of a table's file are a function of its rows alone, not of where they were kept, how they were chunked or how
they were annotated.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from testbed.errors import RequestError
from testbed.lazy_tables import LazyTables

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SavedFile", "sha256", "write_table"]

ROW_GROUP: Final = 1_048_576


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_table(tables: "Mapping[str, pa.Table]", name: str, path: Path) -> None:
    """Write a table to `path`, holding a row group of it at a time."""
    import pyarrow.parquet as pq

    table = tables[name]
    schema = table.schema.remove_metadata()
    with pq.ParquetWriter(
        path, schema, version="2.6", compression="zstd", compression_level=3, store_schema=False
    ) as writer:
        for start in range(0, max(1, table.num_rows), ROW_GROUP):
            # Without a name for them, so that they are gone when the next are made.
            writer.write_table(_rows(tables, name, start), row_group_size=ROW_GROUP)


def _rows(tables: "Mapping[str, pa.Table]", name: str, start: int) -> "pa.Table":
    if isinstance(tables, LazyTables):
        rows = tables.rows(name, start, ROW_GROUP)
    else:
        rows = _in_one_chunk(tables[name], start, ROW_GROUP)
    return rows.replace_schema_metadata(None)


def _in_one_chunk(table: "pa.Table", start: int, num_rows: int) -> "pa.Table":
    return table.slice(start, num_rows).combine_chunks()


@dataclass(frozen=True)
class SavedFile:
    """A file of a run, with the SHA-256 that its content had when it was saved."""

    path: Path
    sha256: str | None

    def check(self) -> None:
        """Make sure that the content is what was saved.

        Raises
        ------
        RequestError : it is missing, or another.
        """
        try:
            found, num_bytes = sha256(self.path), self.path.stat().st_size
        except OSError:
            raise self._missing() from None
        if found != self.sha256:
            raise self._changed(num_bytes)

    def content(self) -> bytes:
        """Return the content; errors as for `check`."""
        try:
            content = self.path.read_bytes()
        except OSError:
            raise self._missing() from None
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise self._changed(len(content))
        return content

    def table(self) -> "pa.Table":
        """Return the rows of a table's file; errors as for `check`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        # Not read_table: that would take a folder named `learning_rate=0.1` for a partition and add a column.
        return pq.ParquetFile(pa.BufferReader(self.content())).read()

    def rows(self, start: int, num_rows: int) -> "pa.Table":
        """Return at most `num_rows` rows of a table's file from the `start`-th on; errors as for `check`."""
        return _in_one_chunk(self.table(), start, num_rows)

    def _changed(self, num_bytes: int) -> RequestError:
        what = f"{self.path.name} ({num_bytes} bytes)"
        return RequestError(f"{self.path.parent} is damaged: {what} is not what was written there")

    def _missing(self) -> RequestError:
        return RequestError(f"{self.path.parent} is damaged: {self.path.name} is missing or cannot be read")
