"""Block fading: the channel of every link as a function of time, constant inside a coherence block.

Block k covers [k T, (k + 1) T) with T the coherence time. A question changes nothing: the channel of a link
is a function of (link, direction, block), so every algorithm meets the same fades however often it looks.
"""

import math
from collections.abc import Iterator, Sequence
from enum import IntEnum
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from channels.fading import BlockStream, ComplexArray, Fading, TiledFading
from channels.path_loss import PathLoss
from testbed.streams import Luck, Purpose
from testbed.tiles import Tiles

__all__ = ["BlockFading", "Direction", "coherence_block"]


class Direction(IntEnum):
    """The way of a link. The values are part of a fade's address: never renumber."""

    UPLINK = 0
    DOWNLINK = 1


def coherence_block(time_s: float, coherence_time_s: float) -> int:
    """Return the integer k with k T <= time_s < (k + 1) T, T the coherence time, exact in floating point.

    >>> coherence_block(0.3, 0.1), coherence_block(3 * 0.1, 0.1)
    (2, 3)
    """
    block = math.floor(time_s / coherence_time_s)
    # The quotient is rounded; whoever walks from block to block relies on the comparison, not on the
    # quotient.
    while block * coherence_time_s > time_s:
        block -= 1
    while (block + 1) * coherence_time_s <= time_s:
        block += 1
    return block


class BlockFading:
    """The channels of all devices in one direction: square root of the path gain times the block's fading.

    Each receive antenna has one such set of channels; their fades are independent, their path gains the same.

    Parameters
    ----------
    fading, path_loss : the laws of small and large scale; both directions share the path gains.
    coherence_time_s : length of a block [s].
    num_devices : number of links.
    direction : uplink or downlink; their fades are independent.
    streams : the run's luck.
    antenna : number of the receive antenna; a further one changes no other.
    """

    def __init__(
        self,
        fading: Fading,
        path_loss: PathLoss,
        *,
        coherence_time_s: float,
        num_devices: int,
        direction: Direction,
        streams: Luck,
        antenna: int = 0,
    ) -> None:
        self.coherence_time_s = coherence_time_s
        self.num_devices = num_devices
        self._path_loss = path_loss
        self._streams = streams
        address = (direction,) if antenna == 0 else (direction, antenna)
        # One object for good: laws with a memory know by it which fades they have drawn already.
        block_stream: BlockStream = partial(_stream_of_block, streams, address)

        tiled = fading if isinstance(fading, TiledFading) else None

        def tiles_of(columns: Sequence[int], row: int) -> Iterator[ComplexArray]:
            assert tiled is not None
            rows = range(row, row + tiled.num_tile_rows)
            addresses = [(Purpose.FADING, column, r, direction, antenna) for column in columns for r in rows]
            rngs = streams.each(Purpose.TILE, addresses)
            return (tiled.tile(rngs) for _ in columns)

        self._fades: Tiles[np.complex128] = Tiles(
            num_devices,
            lambda block, num_links: fading.coefficients(block, num_links, block_stream),
            None if tiled is None else tiles_of,
        )

    @cached_property
    def path_gains(self) -> npt.NDArray[np.float64]:
        """The mean power gains, (num_devices,), linear."""
        return self._path_loss.power_gains(self.num_devices, self._streams)

    @cached_property
    def path_amplitudes(self) -> npt.NDArray[np.float64]:
        """The square roots of the path gains, (num_devices,), linear."""
        return np.sqrt(self.path_gains)

    def in_block(self, block: int, devices: npt.NDArray[np.intp] | None = None) -> ComplexArray:
        """Return the channels of `devices`, by default of all, in a block, (len(devices),) complex."""
        index = np.arange(self.num_devices) if devices is None else devices
        channels: ComplexArray = self.path_amplitudes[index] * self._fades.at(index, block)
        return channels

    def block(self, time_s: float) -> int:
        """Return the coherence block of a time."""
        return coherence_block(time_s, self.coherence_time_s)

    def at(self, devices: Sequence[int], time_s: float) -> ComplexArray:
        """Return the channels of `devices` at a time, (len(devices),) complex."""
        return self.in_block(self.block(time_s), np.asarray(devices, dtype=np.intp))

    def power_gain(self, device: int, block: int) -> float:
        """Return the power gain |h|^2 of a device in a block."""
        return float(abs(self.path_amplitudes[device] * self._fades.one(device, block)) ** 2)

    def weakest_power_gain(self, devices: Sequence[int], block: int) -> float:
        """Return the power gain |h|^2 of the weakest of `devices` in a block."""
        return min(self.power_gain(device, block) for device in devices)


def _stream_of_block(streams: Luck, address: tuple[int, ...], block: int) -> np.random.Generator:
    direction, *antenna = address
    return streams(Purpose.FADING, direction, block, *antenna)
