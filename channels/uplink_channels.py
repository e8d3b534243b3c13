"""The uplink's channels as both ends meet them: what the server hears, and what the devices believe.

    truth h (antennas combined)        belief h^ = h + e        received per unit of gain  Re(h h^* e^(j phi)) / |h^|

A device turns its phase by the belief, a phase error phi is left over, and the server keeps the real part. With
perfect knowledge that is |h|. A device that sends a sigma / |h^| arrives as a sigma Re(h / h^ e^(j phi)), which
without a phase error is the ratio of truth and belief, and without an estimation error cos(phi).

Our choice: e is circular Gaussian with a variance relative to the path gain, phi normal; both are functions of
(device, block), so looking changes nothing. The server knows the channels: combining, rates and outages of digital
uploads are not affected.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from channels.block_fading import BlockFading, Direction
from channels.combining import combine
from channels.fading import ComplexArray, LimitedFading
from channels.uplink import UplinkSettings
from testbed.index import Ids
from testbed.streams import Luck, Purpose
from testbed.tiles import TILE_BLOCKS, TILE_ENTITIES, Tiles

__all__ = ["UplinkChannels", "received_per_gain"]

_T = TypeVar("_T", bound=np.generic)


def received_per_gain(truth: ComplexArray, belief: ComplexArray, phase_rad: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return Re(h h^* e^(j phi)) / |h^|, the real amplitude received per unit of gain, (num_senders,).

    `truth`, `belief : (num_senders,)` complex, h and h^; `phase_rad`, phi [rad]. Negative beyond 90 degrees.

    >>> received_per_gain(np.array([2j]), np.array([1j]), 0.0)
    array([2.])
    """
    turned = truth * belief.conj() * np.exp(1j * np.asarray(phase_rad))
    return np.asarray(turned.real / np.abs(belief))


def _complex_normals(rng: np.random.Generator, count: int) -> ComplexArray:
    """Return (count,) numbers whose real and imaginary parts are standard normal."""
    return rng.standard_normal((count, 2)).view(np.complex128)[:, 0]


class UplinkChannels:
    """The channels from all devices to the server, by coherence block.

    Parameters
    ----------
    uplink : the radio.
    num_devices : number of links.
    streams : the run's luck.
    horizon_s : length of the run [s]; infinity for none.

    Raises
    ------
    RequestError : the law of fading cannot serve such a run.
    """

    def __init__(self, uplink: UplinkSettings, num_devices: int, streams: Luck, horizon_s: float) -> None:
        self.uplink = uplink
        self.num_devices = num_devices
        self._streams = streams
        if isinstance(uplink.fading, LimitedFading):
            has_end = math.isfinite(horizon_s)
            num_blocks = math.ceil(horizon_s / uplink.coherence_time_s) if has_end else None
            uplink.fading.check_run(num_devices, num_blocks, uplink.num_antennas)
        self._csi_errors = self._luck(Purpose.CSI_ERROR, _complex_normals)
        self._phases = self._luck(Purpose.PHASE_ERROR, np.random.Generator.standard_normal)
        self._antennas = [self._links(Direction.UPLINK, antenna) for antenna in range(uplink.num_antennas)]

    def _luck(self, purpose: Purpose, draw: Callable[[np.random.Generator, int], npt.NDArray[_T]]) -> Tiles[_T]:
        """Return what `draw` gives every device in every block, of a purpose's own streams."""

        def tiles_of(columns: Sequence[int], row: int) -> Iterator[npt.NDArray[_T]]:
            for rng in self._streams.each(Purpose.TILE, [(purpose, column, row) for column in columns]):
                yield draw(rng, TILE_BLOCKS * TILE_ENTITIES).reshape(TILE_BLOCKS, TILE_ENTITIES)

        return Tiles(self.num_devices, lambda block, count: draw(self._streams(purpose, block), count), tiles_of)

    def _links(self, direction: Direction, antenna: int = 0) -> BlockFading:
        return BlockFading(
            self.uplink.fading,
            self.uplink.path_loss,
            coherence_time_s=self.uplink.coherence_time_s,
            num_devices=self.num_devices,
            direction=direction,
            streams=self._streams,
            antenna=antenna,
        )

    def downlink(self) -> BlockFading:
        """Return the channels of the other direction: same laws and path gains, other fades, one antenna."""
        return self._links(Direction.DOWNLINK)

    def block(self, time_s: float) -> int:
        """Return the coherence block of a time."""
        return self._antennas[0].block(time_s)

    def truth(self, devices: Ids, block: int, group: Ids | None = None) -> ComplexArray:
        """Return the channels h of `devices` in a block, (len(devices),) complex, path gain included.

        With several antennas they are combined for `group`, those who send at once; by default `devices`.
        """
        index = np.asarray(devices, dtype=np.intp)
        if len(self._antennas) == 1:
            return self._antennas[0].in_block(block, index)
        assert self.uplink.combining is not None
        together = index if group is None else np.asarray(group, dtype=np.intp)
        asked, everybody = (
            np.stack([antenna.in_block(block, devices) for antenna in self._antennas]) for devices in (index, together)
        )
        return combine(asked, self.uplink.combining, everybody)

    def belief(self, devices: Ids, block: int, group: Ids | None = None) -> ComplexArray:
        """Return the estimates h^ = h + e by which `devices` invert in a block, (len(devices),) complex."""
        truth = self.truth(devices, block, group)
        variance = self.uplink.csi_error_variance
        if variance == 0:
            return truth
        index = np.asarray(devices, dtype=np.intp)
        parts = self._csi_errors.at(index, block).view(np.float64).reshape(-1, 2) * np.sqrt(variance / 2)
        errors = self._antennas[0].path_amplitudes[index] * (parts[:, 0] + 1j * parts[:, 1])
        belief: ComplexArray = truth + errors
        return belief

    def per_gain(
        self, devices: Sequence[int], block: int, group: Sequence[int] | None = None
    ) -> npt.NDArray[np.float64]:
        """Return what one unit of gain arrives as in a block, (len(devices),), real (`received_per_gain`)."""
        truth = self.truth(devices, block, group)
        spread_rad = self.uplink.phase_error_rad
        if self.uplink.csi_error_variance == 0 and spread_rad == 0:
            return np.abs(truth)
        phases_rad = np.zeros(len(devices))
        if spread_rad > 0:
            phases_rad = spread_rad * self._phases.at(np.asarray(devices, dtype=np.intp), block)
        return received_per_gain(truth, self.belief(devices, block, group), phases_rad)

    def mean_power_gains(self, devices: Ids) -> npt.NDArray[np.float64]:
        """Return E|h|^2 of `devices` at one antenna, (len(devices),): their path gains, fading having unit mean."""
        return np.asarray(self._antennas[0].path_gains[np.asarray(devices, dtype=np.intp)])

    def power_gain(self, device: int, block: int) -> float:
        """Return the power gain |h|^2 of a device that sends alone in its band."""
        if len(self._antennas) == 1:
            return self._antennas[0].power_gain(device, block)
        return float(abs(self.truth([device], block)[0]) ** 2)
