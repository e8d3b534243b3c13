"""Orthogonal transmission: one sender, its bits and its Shannon rate, from block to block. Pure maths.

The rate is constant inside a coherence block (block k covers [k T, (k + 1) T)) and zero in an outage. It is
integrated over the blocks in which the far end of the link is there, until the bits are through.
"""

import math
from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from channels.absence import Window
from channels.block_fading import coherence_block
from testbed.errors import RunFailure

__all__ = [
    "MAX_BLOCKS_WITHOUT_PROGRESS",
    "Piece",
    "Transmission",
    "shannon_rate_bit_per_s",
    "snr",
    "time_to_send",
    "time_to_send_at",
]

# A link that carried nothing for so many blocks in a row is dead: a run that waited on would never end.
MAX_BLOCKS_WITHOUT_PROGRESS: Final = 1_000_000


PieceKind: TypeAlias = Literal["transmit", "absent"]


class Piece(NamedTuple):
    """An interval of a transmission: on the air (outages included), or paused as the device is absent."""

    kind: PieceKind
    start_s: float
    end_s: float


class Transmission(NamedTuple):
    """How the sending of some bits went.

    `pieces` follow each other without gaps from `start_s` to `end_s`; `airtime_s` is the time really
    radiating, without outages and absences [s]; `bits_sent` are all of them if `delivered`, else those
    carried before the device left for good.
    """

    pieces: tuple[Piece, ...]
    start_s: float
    end_s: float
    airtime_s: float
    bits_sent: float
    delivered: bool


def snr(power_w: float, power_gain: float, noise_power_w: float) -> float:
    """Return the signal-to-noise ratio P |h|^2 / (N0 B), linear; infinite without noise.

    >>> snr(2.0, 0.5, 0.1)
    10.0
    """
    return power_w * power_gain / noise_power_w if noise_power_w > 0 else math.inf


def shannon_rate_bit_per_s(bandwidth_hz: float, snr: float) -> float:
    """Return the Shannon rate of a complex channel, B log2(1 + SNR) [bit/s].

    >>> shannon_rate_bit_per_s(1000.0, 3.0)
    2000.0
    """
    # log1p keeps the digits of a small SNR, log2 the round numbers of a large one.
    bits_per_symbol = math.log2(1.0 + snr) if snr > 1e-3 else math.log1p(snr) / math.log(2.0)
    return bandwidth_hz * bits_per_symbol


def _always(_time_s: float) -> tuple[bool, float]:
    return True, math.inf


def time_to_send(
    bits: float,
    start_s: float,
    coherence_time_s: float,
    rate_of_block: Callable[[int], float],
    window: Window = _always,
    max_blocks_without_progress: int = MAX_BLOCKS_WITHOUT_PROGRESS,
) -> Transmission:
    """Return when `bits` are through if sending starts at `start_s`.

    Parameters
    ----------
    bits : size of the payload [bit].
    start_s : start [s].
    coherence_time_s : T, the length of a block [s].
    rate_of_block : rate in a block [bit/s]; 0 in an outage.
    window : whether the device is there at a time and until when [s]; sending pauses while it is not.
    max_blocks_without_progress : how many blocks in a row may carry nothing.

    Raises
    ------
    ValueError : no bits.
    RunFailure : too many blocks in a row carried nothing.

    >>> time_to_send(15.0, 0.5, 1.0, lambda block: (10.0, 0.0, 20.0)[block]).end_s
    2.5
    """

    def rate_at(time_s: float) -> tuple[float, float]:
        block = coherence_block(time_s, coherence_time_s)
        return rate_of_block(block), (block + 1) * coherence_time_s

    return time_to_send_at(bits, start_s, rate_at, window, max_blocks_without_progress)


def time_to_send_at(
    bits: float,
    start_s: float,
    rate_at: Callable[[float], tuple[float, float]],
    window: Window = _always,
    max_blocks_without_progress: int = MAX_BLOCKS_WITHOUT_PROGRESS,
) -> Transmission:
    """Return when `bits` are through at a rate that changes at any time; all else is as in `time_to_send`.

    `rate_at` : time [s] -> (the rate then [bit/s], until when it holds [s]).

    >>> time_to_send_at(15.0, 0.5, lambda time_s: (10.0, 1.0) if time_s < 1.0 else (20.0, 9.0)).end_s
    1.5
    """
    if not bits > 0:
        raise ValueError(f"bits must be positive, got {bits}")
    pieces: list[Piece] = []
    remaining, airtime_s, num_idle, end_s = bits, 0.0, 0, start_s
    for kind, from_s, until_s, rate in _segments(start_s, rate_at, window):
        end_s, num_idle = until_s, 0 if rate > 0 else num_idle + 1
        carried = rate * (until_s - from_s)
        if carried >= remaining:
            end_s = min(from_s + remaining / rate, until_s)
        if rate > 0:
            airtime_s += end_s - from_s
        remaining -= min(carried, remaining)
        _append(pieces, kind, from_s, end_s)
        if remaining == 0:
            break
        if num_idle > max_blocks_without_progress:
            raise RunFailure(_dead_link(start_s, bits - remaining, bits, max_blocks_without_progress))
    return Transmission(
        pieces=tuple(pieces),
        start_s=start_s,
        end_s=end_s,
        airtime_s=airtime_s,
        bits_sent=bits - remaining,
        delivered=remaining == 0,
    )


def _segments(
    time_s: float, rate_at: Callable[[float], tuple[float, float]], window: Window
) -> Iterator[tuple[PieceKind, float, float, float]]:
    """Yield intervals of constant rate: kind, start, end, rate; end only if the device is gone for good."""
    is_there, until_s = window(time_s)
    while True:
        if time_s >= until_s:  # asked once a window, not once a block: finding its end may be a long search
            is_there, until_s = window(time_s)
        if not until_s > time_s:
            raise RuntimeError(f"availability at t = {time_s} s must hold until later, not until {until_s} s")
        end_s = until_s
        if is_there:
            rate, holds_until_s = rate_at(time_s)
            end_s = min(holds_until_s, until_s)
            yield "transmit", time_s, end_s, rate
        elif end_s < math.inf:
            yield "absent", time_s, end_s, 0.0
        else:
            return
        time_s = end_s


def _append(pieces: list[Piece], kind: PieceKind, start_s: float, end_s: float) -> None:
    if pieces and pieces[-1].kind == kind:
        start_s = pieces.pop().start_s
    pieces.append(Piece(kind, start_s, end_s))


def _dead_link(start_s: float, bits_sent: float, bits: float, num_blocks: int) -> str:
    return (
        f"the transmission started at t = {start_s:g} s is stuck at {bits_sent:g} of {bits:g} bit: "
        f"{num_blocks} coherence blocks in a row carried nothing (is the SNR always below the outage floor?)"
    )
