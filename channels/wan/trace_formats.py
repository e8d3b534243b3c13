"""Logs of bandwidth in the formats in which they are passed on: when which rate was seen.

| format | a file is | read from |
|---|---|---|
| `csv` | the header `time_s,bit_per_s` and a row a point; lines with # are comments | your own files |
| `mbit` | lines of a time [s] and Mbit/s | `pensieve_train`, `pensieve_test`, `fcc_broadband` |
| `chunks` | lines of a time [ms] and kbit/s, two a downloaded chunk: its start and its end | `oboe_sessions` |
| `durations` | a JSON list of `duration_ms` and `bandwidth_kbps` | `hsdpa_3g`, `lte_4g` |

Our choice: a rate holds from its time to the next one's (so the gap between two chunks has the rate of the first), the
last as long as the one before it, and the first begins the trace.
"""

import csv
import itertools
import json
import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Format", "Trace", "read_log"]

Format: TypeAlias = Literal["csv", "mbit", "chunks", "durations"]


@dataclass(frozen=True)
class Trace:
    """Rates in order: `rates_bit_per_s[k]` holds from `starts_s[k]` on, the last until `length_s`; it starts at 0."""

    starts_s: tuple[float, ...]
    rates_bit_per_s: tuple[float, ...]
    length_s: float

    @property
    def mean_bit_per_s(self) -> float:
        """The mean over time [bit/s]."""
        ends_s = (*self.starts_s[1:], self.length_s)
        pieces = zip(self.starts_s, ends_s, self.rates_bit_per_s, strict=True)
        return math.fsum((end_s - start_s) * rate for start_s, end_s, rate in pieces) / self.length_s


def read_log(text: str, format: Format) -> Trace:
    """Return the trace in the text of a file.

    Raises
    ------
    ValueError : not this format, times that go back, a rate below zero or not finite, or nothing but zeros.

    >>> read_log("time_s,bit_per_s\\n5,100\\n7,300\\n", "csv")
    Trace(starts_s=(0.0, 2.0), rates_bit_per_s=(100.0, 300.0), length_s=4.0)
    """
    points = _durations(text) if format == "durations" else _points(text, format)
    # Of two points at one time the later one holds.
    kept = [p for p, after in itertools.pairwise([*points, (math.inf, 0.0)]) if p[0] != after[0]]
    if len(kept) < 2:
        raise ValueError("a trace has at least two points in time")
    times_s, rates = [time_s for time_s, _ in kept], [rate for _, rate in kept]
    if any(after < before for before, after in itertools.pairwise(times_s)):
        raise ValueError("the times of a trace ascend")
    if not all(math.isfinite(number) for number in (*times_s, *rates)) or min(rates) < 0:
        raise ValueError("rates are finite and at least 0")
    if max(rates) == 0:
        raise ValueError("a trace needs a rate above 0 at some time")
    if format == "durations":  # its last point is the end of the last duration
        end_s = times_s.pop()
        rates.pop()
    else:
        end_s = times_s[-1] + (times_s[-1] - times_s[-2])
    return Trace(tuple(time_s - times_s[0] for time_s in times_s), tuple(rates), end_s - times_s[0])


def _points(text: str, format: Format) -> list[tuple[float, float]]:
    lines = [line for line in text.splitlines() if line.split("#")[0].strip()]
    if format == "csv":
        table = list(csv.reader(lines, skipinitialspace=True))
        if not table or [cell.strip() for cell in table[0]] != ["time_s", "bit_per_s"]:
            raise ValueError("a trace of bandwidth has the header time_s,bit_per_s")
        rows, to_s, to_bit_per_s = table[1:], 1.0, 1.0
    else:
        rows = [line.split() for line in lines]
        to_s, to_bit_per_s = (1e-3, 1e3) if format == "chunks" else (1.0, 1e6)
    points = []
    for cells in rows:
        try:
            time, rate = map(float, cells)
        except ValueError:
            raise ValueError(f"the line {' '.join(cells)!r} is not a time and a rate") from None
        points.append((time * to_s, rate * to_bit_per_s))
    return points


def _durations(text: str) -> list[tuple[float, float]]:
    try:
        items = [(float(item["duration_ms"]), float(item["bandwidth_kbps"])) for item in json.loads(text)]
    except (ValueError, TypeError, KeyError) as error:
        words = "a log of durations is a JSON list of duration_ms and bandwidth_kbps"
        raise ValueError(f"{words} ({type(error).__name__}: {error})") from None
    if any(duration_ms < 0 for duration_ms, _ in items):
        raise ValueError("durations are at least 0")
    points, elapsed_ms = [], 0.0
    for duration_ms, kbit_per_s in items:
        points.append((elapsed_ms * 1e-3, kbit_per_s * 1e3))
        elapsed_ms += duration_ms
    return [*points, (elapsed_ms * 1e-3, points[-1][1])] if points else []
