"""Rows: the one door through which results leave the simulated world.

A `Schema` declares a table: its columns, their types, units and meaning. The recorder appends values to one
flat list per table (an object per row would halve the event rate) and turns them into Arrow tables when
asked. Tables, plots, traces and reports are functions of these rows. A table that grows beyond a block of rows keeps
whole blocks on disk, so that a run of any length needs no more memory than a short one; most runs have fewer rows, and
touch no disk.

Spans have causes: `cause_id` is the span whose end released this one, so a span starts at the instant its
cause ended. Walking causes backwards explains every delay.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from testbed.lazy_tables import LazyTables
from testbed.recorded_table import RecordedTable
from testbed.schema import Column, Schema
from testbed.spill import Spill

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BLOCK_ROWS", "NO_CAUSE", "SPAN", "TRAINING", "TRANSFER", "Column", "Recorder", "Schema"]

NO_CAUSE: Final = -1

# Blocks of Python objects are what a long run has in memory. 32 of them are a row group of a saved table.
BLOCK_ROWS: Final = 32_768

SPAN = Schema.of(
    "span",
    "What an entity was doing, when, and what released it.",
    span_id=("int", "number of this span within the run"),
    entity=(
        "str",
        "who: device-7, group-2 (queueing for the uplink), uplink, downlink, server; between regions device-1 (the "
        "region of that number), collective (all who take part in one), wan-eu-asia (flows from the one to the other)",
    ),
    kind=("str", "what: compute, queue, absent, wait, transmit; between regions also stall and all-reduce"),
    start_s=("float", "simulated time at which it started [s]"),
    end_s=("float", "simulated time at which it ended [s]"),
    cause_id=("int", "the span whose end released this one; -1 for none"),
)

TRANSFER = Schema.of(
    "transfer",
    "What one sender put on a channel; energy is what its radio radiated.",
    span_id=("int", "the transmit span"),
    source=("str", "sender"),
    target=("str", "receiver or group of receivers"),
    channel=("str", "kind of channel: aircomp, tdma, ofdma, broadcast, unicast, free"),
    start_s=("float", "start of the airtime [s]"),
    end_s=("float", "end of the airtime [s]"),
    bits=("float", "encoded size of a digital payload [bit]; 0 for an analog one"),
    channel_uses=(
        "float",
        "complex channel uses that this row occupied alone; a superposition counts them on its first row",
    ),
    energy_tx_j=("float", "radiated energy [J]"),
)

TRAINING = Schema.of(
    "training",
    "One training job as the device paid for it, whether or not anybody used it.",
    span_id=("int", "the last span of the job; the one that released it if it never ran"),
    client=("int", "client = device id"),
    job=("int", "k-th job of this client"),
    base_version=("int", "global version the job started from"),
    start_s=("float", "when the device took it up [s]"),
    end_s=("float", "when it ended or was given up [s]"),
    flop=("float", "floating-point operations spent [FLOP]"),
    peak_bytes=("float", "parameters, gradients and activations held at once [byte]"),
    energy_compute_j=("float", "energy spent computing [J]"),
    outcome=(
        "str",
        "completed, partial (stopped at the deadline, its whole steps kept), late (given up there) or lost",
    ),
)

_END_S: Final = [column.name for column in SPAN.columns].index("end_s")


class Recorder:
    """Holds the rows of one run.

    Parameters
    ----------
    block_rows : number of rows, at least 1, with which a block of a table goes to disk.

    >>> recorder = Recorder()
    >>> first = recorder.span("device-0", "compute", 0.0, 2.0, NO_CAUSE)
    >>> recorder.span("device-0", "wait", 2.0, 3.0, first)
    1
    >>> recorder.num_rows("span")
    2
    """

    def __init__(self, block_rows: int = BLOCK_ROWS) -> None:
        self._block_rows = block_rows
        self._spill: Spill | None = None
        self._tables: dict[str, RecordedTable] = {}
        self._spans = self._opened(SPAN)
        self._extend_span = self._spans.cells.extend
        self._next_span_id = 0
        self._full_at_span_id = block_rows

    def _opened(self, schema: Schema) -> RecordedTable:
        if schema.name not in self._tables:
            self._tables[schema.name] = RecordedTable(schema, self._block_rows, self._opened_spill)
        known = self._tables[schema.name]
        if known.schema != schema:
            raise ValueError(f"two different tables are named {schema.name!r}")
        return known

    def _opened_spill(self) -> Spill:
        if self._spill is None:
            self._spill = Spill()
        return self._spill

    def open(self, schema: Schema) -> Callable[..., None]:
        """Return the function that appends one row to `schema`'s table: one value per column, in order."""
        table = self._opened(schema)
        cells, width, full = table.cells, table.width, table.width * table.block_rows

        def append(*values: object) -> None:
            if len(values) != width:
                raise ValueError(f"table {schema.name!r} has {width} columns, got {len(values)} values")
            cells.extend(values)
            if len(cells) >= full:
                table.spill_block()

        return append

    def extend(self, schema: Schema, *columns: Any) -> None:
        """Append rows to `schema`'s table that are held as columns: arrays of one length, in order.

        What is no array is the value of all the rows: a table of a million clients never becomes Python objects.

        Raises
        ------
        ValueError : columns that do not fit the table.
        """
        self._opened(schema).extend(columns)

    def span(self, entity: str, kind: str, start_s: float, end_s: float, cause_id: int) -> int:
        """Append a span and return its id."""
        span_id = self._next_span_id
        self._next_span_id = next_id = span_id + 1
        self._extend_span((span_id, entity, kind, start_s, end_s, cause_id))
        if next_id == self._full_at_span_id:  # cheaper than a look at how many there are
            self._spans.spill_block()
            self._full_at_span_id += self._block_rows
        return span_id

    def end_s(self, span_id: int) -> float:
        """Return when a span ended [s]; for no cause (-1) that is time zero.

        >>> Recorder().end_s(NO_CAUSE)
        0.0
        """
        return 0.0 if span_id == NO_CAUSE else float(self._spans.cell(span_id, _END_S))

    @property
    def schemas(self) -> dict[str, Schema]:
        """The schemas of the tables that were opened, by name."""
        return {name: table.schema for name, table in self._tables.items()}

    def num_rows(self, table: str) -> int:
        """Return the number of rows of a table; 0 for one that was never opened."""
        return self._tables[table].num_rows if table in self._tables else 0

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a table as dictionaries, in the order in which they were appended."""
        return self._tables[table].rows()

    def blocks(self, table: str) -> "Iterator[pa.RecordBatch]":
        """Yield the rows of a table a block at a time, in order; none of one that was never opened.

        Raises
        ------
        ValueError : a cell that is not of its column's type.
        """
        return self._tables[table].blocks() if table in self._tables else iter(())

    def tables(self) -> LazyTables:
        """Return every opened table as an Arrow table, by name, in alphabetical order.

        Raises
        ------
        ValueError : a cell that is not of its column's type.
        """
        return LazyTables({name: self._tables[name].snapshot() for name in sorted(self._tables)})
