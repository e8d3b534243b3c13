"""Block fading: the channel of every link as a function of time, constant inside a coherence block.

Block k covers [k T, (k + 1) T) with T the coherence time. A question changes nothing: the channel of a link
is a function of (link, direction, block), so every algorithm meets the same fades however often it looks.
"""

import math
from collections.abc import Sequence
from enum import IntEnum
from functools import cached_property, partial
from typing import Final

import numpy as np
import numpy.typing as npt

from channels.fading import BlockStream, ComplexArray, Fading
from channels.path_loss import PathLoss, Streams
from testbed.streams import Purpose

__all__ = ["BlockFading", "Direction", "coherence_block"]

# Fades kept at once: concurrent transmissions look at the same blocks, one device after another at all of its own.
_CACHE_BYTES: Final = 2**24
_FEWEST_CACHED_BLOCKS: Final = 8


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
        streams: Streams,
        antenna: int = 0,
    ) -> None:
        self.coherence_time_s = coherence_time_s
        self.num_devices = num_devices
        self._fading = fading
        self._path_loss = path_loss
        self._streams = streams
        address = (direction,) if antenna == 0 else (direction, antenna)
        # One object for good: laws with a memory know by it which fades they have drawn already.
        self._block_stream: BlockStream = partial(_stream_of_block, streams, address)
        self._blocks: dict[int, ComplexArray] = {}
        self._most_blocks = max(_FEWEST_CACHED_BLOCKS, _CACHE_BYTES // (16 * num_devices))

    @cached_property
    def path_gains(self) -> npt.NDArray[np.float64]:
        """The mean power gains, (num_devices,), linear."""
        return self._path_loss.power_gains(self.num_devices, self._streams)

    def in_block(self, block: int) -> ComplexArray:
        """Return the channels in a block, (num_devices,) complex, read-only."""
        if block not in self._blocks:
            if len(self._blocks) >= self._most_blocks:
                self._blocks.pop(next(iter(self._blocks)))
            fades = self._fading.coefficients(block, self.num_devices, self._block_stream)
            channels = np.sqrt(self.path_gains) * fades
            channels.setflags(write=False)
            self._blocks[block] = channels
        return self._blocks[block]

    def block(self, time_s: float) -> int:
        """Return the coherence block of a time."""
        return coherence_block(time_s, self.coherence_time_s)

    def at(self, devices: Sequence[int], time_s: float) -> ComplexArray:
        """Return the channels of `devices` at a time, (len(devices),) complex."""
        return self.in_block(self.block(time_s))[np.asarray(devices, dtype=np.intp)]

    def power_gain(self, devices: Sequence[int], block: int) -> float:
        """Return the power gain |h|^2 of the weakest of `devices` in a block."""
        return float(min(abs(self.in_block(block)[device]) ** 2 for device in devices))


def _stream_of_block(streams: Streams, address: tuple[int, ...], block: int) -> np.random.Generator:
    direction, *antenna = address
    return streams(Purpose.FADING, direction, block, *antenna)
