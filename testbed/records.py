"""Rows: the one door through which results leave the simulated world.

A `Schema` declares a table: its columns, their types, units and meaning. The recorder appends values to one
flat list per table (an object per row would halve the event rate) and turns them into Arrow tables when
asked. Tables, plots, traces and reports are functions of these rows.

Spans have causes: `cause_id` is the span whose end released this one, so a span starts at the instant its
cause ended. Walking causes backwards explains every delay.
"""

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NO_CAUSE", "SPAN", "TRAINING", "TRANSFER", "Column", "Recorder", "Schema"]

NO_CAUSE: Final = -1

_ARROW_TYPES: Final = {"int": "int64", "float": "float64", "str": "string", "bool": "bool"}


@dataclass(frozen=True)
class Column:
    """One column: `type` is int, float, str or bool; `meaning` states symbol and unit."""

    name: str
    type: str
    meaning: str

    def __post_init__(self) -> None:
        if self.type not in _ARROW_TYPES:
            raise ValueError(f"column {self.name!r} has the type {self.type!r}; known: {', '.join(_ARROW_TYPES)}")


@dataclass(frozen=True)
class Schema:
    """One table: its name and its columns in the order in which values are appended."""

    name: str
    meaning: str
    columns: tuple[Column, ...]

    @classmethod
    def of(cls, name: str, meaning: str, /, **columns: tuple[str, str]) -> "Schema":
        """Return the schema whose columns are given as `name=(type, meaning)`."""
        return cls(name, meaning, tuple(Column(n, t, m) for n, (t, m) in columns.items()))


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

    >>> recorder = Recorder()
    >>> first = recorder.span("device-0", "compute", 0.0, 2.0, NO_CAUSE)
    >>> recorder.span("device-0", "wait", 2.0, 3.0, first)
    1
    >>> recorder.num_rows("span")
    2
    """

    def __init__(self) -> None:
        self._schemas: dict[str, Schema] = {}
        self._cells: dict[str, list[Any]] = {}
        self._next_span_id = 0
        self._extend_span = self._open_cells(SPAN).extend

    def _open_cells(self, schema: Schema) -> list[Any]:
        known = self._schemas.setdefault(schema.name, schema)
        if known != schema:
            raise ValueError(f"two different tables are named {schema.name!r}")
        return self._cells.setdefault(schema.name, [])

    def open(self, schema: Schema) -> Callable[..., None]:
        """Return the function that appends one row to `schema`'s table: one value per column, in order."""
        extend, width, name = self._open_cells(schema).extend, len(schema.columns), schema.name

        def append(*values: object) -> None:
            if len(values) != width:
                raise ValueError(f"table {name!r} has {width} columns, got {len(values)} values")
            extend(values)

        return append

    def span(self, entity: str, kind: str, start_s: float, end_s: float, cause_id: int) -> int:
        """Append a span and return its id."""
        span_id = self._next_span_id
        self._next_span_id = span_id + 1
        self._extend_span((span_id, entity, kind, start_s, end_s, cause_id))
        return span_id

    def end_s(self, span_id: int) -> float:
        """Return when a span ended [s]; for no cause (-1) that is time zero.

        >>> Recorder().end_s(NO_CAUSE)
        0.0
        """
        if span_id == NO_CAUSE:
            return 0.0
        return float(self._cells[SPAN.name][span_id * len(SPAN.columns) + _END_S])

    def num_rows(self, table: str) -> int:
        """Return the number of rows of a table; 0 for one that was never opened."""
        if table not in self._schemas:
            return 0
        return len(self._cells[table]) // len(self._schemas[table].columns)

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a table as dictionaries, in the order in which they were appended."""
        names = [column.name for column in self._schemas[table].columns]
        cells = self._cells[table]
        for start in range(0, len(cells), len(names)):
            yield dict(zip(names, cells[start : start + len(names)], strict=True))

    def tables(self) -> "dict[str, pa.Table]":
        """Return every opened table as an Arrow table, by name, in alphabetical order.

        Raises
        ------
        ValueError : a cell that is not of its column's type.
        """
        return {name: _arrow_table(self._schemas[name], self._cells[name]) for name in sorted(self._schemas)}


def _arrow_table(schema: Schema, cells: list[Any]) -> "pa.Table":
    import pyarrow as pa

    width = len(schema.columns)
    arrays = [_arrow_array(schema, column, cells[at::width]) for at, column in enumerate(schema.columns)]
    return pa.Table.from_arrays(arrays, names=[column.name for column in schema.columns])


def _arrow_array(schema: Schema, column: Column, cells: list[Any]) -> "pa.Array":
    import pyarrow as pa

    try:
        # Arrow would cut 1.5 down to 1 without a word.
        whole = map(operator.index, cells) if column.type == "int" else cells
        return pa.array(whole, type=_ARROW_TYPES[column.type])
    except (TypeError, OverflowError, pa.ArrowException) as error:
        raise ValueError(f"table {schema.name!r}, column {column.name!r} ({column.type}): {error}") from None
