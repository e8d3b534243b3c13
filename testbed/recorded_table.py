"""The rows of one table while a run goes on: the latest as Python values, full blocks of older ones in a spill."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from testbed.schema import ARROW_TYPES, Column, Schema
from testbed.spill import Place, Spill

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RecordedTable", "Snapshot"]


class RecordedTable:
    """The rows of one table; a row is appended by extending `cells` with its values.

    Parameters
    ----------
    block_rows : number of rows of a block; `spill_block` is called when there are so many in `cells`.
    spill : returns where blocks are written, the same at every call; asked when there is the first.

    Attributes
    ----------
    cells : the values of the rows that are in no block, one row after another in the order of columns.
    """

    def __init__(self, schema: Schema, block_rows: int, spill: Callable[[], Spill]) -> None:
        self.schema = schema
        self.cells: list[Any] = []
        self.block_rows = block_rows
        self.width = len(schema.columns)
        self._spill = spill
        self._places: list[Place] = []

    @property
    def num_rows(self) -> int:
        """The number of rows, on disk or not."""
        return len(self._places) * self.block_rows + len(self.cells) // self.width

    def spill_block(self) -> None:
        """Move the rows of `cells`, a whole block, to disk.

        Raises
        ------
        ValueError : a cell that is not of its column's type.
        RunFailure : the block cannot be written.
        """
        self._write(_arrow_batch(self.schema, self.cells))
        self.cells.clear()

    def extend(self, columns: Sequence[Any]) -> None:
        """Append rows that are given as columns: arrays of one length, or a value that is the same in all rows.

        Raises
        ------
        ValueError : another number of columns, lengths that differ, or a cell that is not of its column's type.
        RunFailure : a block cannot be written.
        """
        lengths = {len(column) for column in columns if isinstance(column, np.ndarray)}
        if len(columns) != self.width or len(lengths) != 1:
            raise ValueError(
                f"table {self.schema.name!r} needs {self.width} columns of one length, got {len(columns)} of the "
                f"lengths {sorted(lengths)}"
            )
        start, (num_rows,) = 0, lengths
        while start < num_rows:
            count = min(num_rows - start, self.block_rows - len(self.cells) // self.width)
            part = [c[start : start + count] if isinstance(c, np.ndarray) else [c] * count for c in columns]
            start += count
            if count == self.block_rows:  # a whole block never becomes Python objects
                self._write(_batch_of(part, self.schema))
                continue
            values = [column.tolist() if isinstance(column, np.ndarray) else column for column in part]
            self.cells.extend(chain.from_iterable(zip(*values, strict=True)))
            if len(self.cells) == self.width * self.block_rows:
                self.spill_block()

    def _write(self, block: "pa.RecordBatch") -> None:
        self._places.append(self._spill().write(block))

    def cell(self, row: int, column: int) -> Any:
        """Return one cell."""
        block, row_in_block = divmod(row, self.block_rows)
        if block == len(self._places):
            return self.cells[row_in_block * self.width + column]
        return self._block(self._places[block]).column(column)[row_in_block].as_py()

    def blocks(self) -> "Iterator[pa.RecordBatch]":
        """Yield the rows a block at a time, in order.

        Raises
        ------
        ValueError : a cell that is not of its column's type.
        """
        for place in list(self._places):
            yield self._block(place)
        if self.cells:
            yield _arrow_batch(self.schema, self.cells)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows as dictionaries, in order."""
        names = [column.name for column in self.schema.columns]
        # One block at a time, and not a dictionary a row of it: a walk over all rows needs little memory.
        for place in list(self._places):
            for values in zip(*(column.to_pylist() for column in self._block(place).columns), strict=True):
                yield dict(zip(names, values, strict=True))
        for start in range(0, len(self.cells), self.width):
            yield dict(zip(names, self.cells[start : start + self.width], strict=True))

    def _block(self, place: Place) -> "pa.RecordBatch":
        return self._spill().mapped([place], _arrow_schema(self.schema))[0]

    def snapshot(self) -> "Snapshot":
        """Return the rows as they are now.

        Raises
        ------
        ValueError : a cell that is not of its column's type.
        """
        rest = _arrow_batch(self.schema, self.cells)
        return Snapshot(rest, self.block_rows, tuple(self._places), self._spill() if self._places else None)


@dataclass(frozen=True)
class Snapshot:
    """The rows of a table at one time: blocks of `block_rows` in a spill, and the `rest`, fewer."""

    rest: "pa.RecordBatch"
    block_rows: int
    places: tuple[Place, ...]
    spill: Spill | None

    def table(self) -> "pa.Table":
        """Return all rows; those in the spill stay on disk until they are looked at."""
        import pyarrow as pa

        blocks = [] if self.spill is None else self.spill.mapped(self.places, self.rest.schema)
        return pa.Table.from_batches([*blocks, self.rest])

    def rows(self, start: int, num_rows: int) -> "pa.Table":
        """Return at most `num_rows` rows from the `start`-th on, in one chunk."""
        import pyarrow as pa

        end = min(start + num_rows, len(self.places) * self.block_rows + self.rest.num_rows)
        columns = [self._column(at, min(start, end), end) for at in range(self.rest.num_columns)]
        return pa.Table.from_arrays(columns, schema=self.rest.schema)

    def _column(self, at: int, start: int, end: int) -> "pa.Array":
        """Return the cells of one column from row `start` to before row `end`, one mapped block after another."""
        import pyarrow as pa

        cells_of = self.rest.schema.field(at).type
        parts = (
            self._block(index).column(at).slice(max(start - first, 0), end - max(start, first))
            for index in range(start // self.block_rows, -(-end // self.block_rows))
            for first in [index * self.block_rows]
        )
        if cells_of not in (pa.int64(), pa.float64()):
            return pa.chunked_array(list(parts), cells_of).combine_chunks()
        # NumPy's memory goes back to the system, where Arrow's pool keeps what it frees.
        values, there, filled = np.empty(end - start, cells_of.to_pandas_dtype()), np.ones(end - start, np.bool_), 0
        for part in parts:
            rows = slice(filled, filled := filled + len(part))
            values[rows] = part.fill_null(0).to_numpy()
            if part.null_count:
                there[rows] = part.is_valid().to_numpy(zero_copy_only=False)
        return pa.array(values, mask=None if there.all() else ~there)

    def _block(self, index: int) -> "pa.RecordBatch":
        if self.spill is None or index == len(self.places):
            return self.rest
        return self.spill.mapped([self.places[index]], self.rest.schema)[0]


def _arrow_schema(schema: Schema) -> "pa.Schema":
    import pyarrow as pa

    return pa.schema([(column.name, ARROW_TYPES[column.type]) for column in schema.columns])


def _arrow_batch(schema: Schema, cells: list[Any]) -> "pa.RecordBatch":
    width = len(schema.columns)
    return _batch_of([cells[at::width] for at in range(width)], schema)


def _batch_of(columns: Sequence[Any], schema: Schema) -> "pa.RecordBatch":
    import pyarrow as pa

    arrays = [_arrow_array(schema, column, cells) for column, cells in zip(schema.columns, columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=_arrow_schema(schema))


def _arrow_array(schema: Schema, column: Column, cells: Any) -> "pa.Array":
    import pyarrow as pa

    try:
        if isinstance(cells, np.ndarray):
            return pa.array(cells, type=ARROW_TYPES[column.type])
        if column.type == "int":
            # Arrow would cut 1.5 down to 1 without a word; an array takes integers alone.
            return pa.Array.from_buffers(pa.int64(), len(cells), [None, pa.py_buffer(array("q", cells))])
        return pa.array(cells, type=ARROW_TYPES[column.type])
    except (TypeError, OverflowError, pa.ArrowException) as error:
        raise ValueError(f"table {schema.name!r}, column {column.name!r} ({column.type}): {error}") from None
