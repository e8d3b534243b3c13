"""Large-scale attenuation: the mean power gain of each device's link to the server.

Every law may be shadowed: `shadowing` multiplies its gains by those of another component.
"""

import math
from abc import ABC, abstractmethod
from typing import Annotated, Any, Final, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator, Field

from channels.shadowing import Shadowing, Streams
from testbed.settings import Decibels, Hertz, Part, component
from testbed.streams import Purpose
from testbed.units import db_to_linear, parse_quantity

__all__ = ["LogDistancePathLoss", "PathLoss", "PowerLawPathLoss", "Streams", "UnitPathLoss", "free_space_gain"]

# The distance at which `gain_db_at_1_m` is stated [m].
_REFERENCE_DISTANCE_M = 1.0
_SPEED_OF_LIGHT_M_PER_S: Final = 299_792_458.0


def _read_metres(value: Any) -> Any:
    return parse_quantity(value, "m") if isinstance(value, str) else value


Metres = Annotated[float, BeforeValidator(_read_metres), Field(gt=0)]


class PathLoss(Protocol):
    """A law of large-scale attenuation."""

    def power_gains(self, num_devices: int, streams: Streams) -> npt.NDArray[np.float64]:
        """Return the mean power gains, (num_devices,), linear."""
        ...


def free_space_gain(distance_m: float, carrier_hz: float) -> float:
    """Return Friis' power gain between isotropic antennas, (lambda / (4 pi d))^2, lambda = c / f.

    >>> round(10 * math.log10(free_space_gain(1.0, 2.4e9)), 1)
    -40.1
    """
    return (_SPEED_OF_LIGHT_M_PER_S / carrier_hz / (4 * math.pi * distance_m)) ** 2


class _ShadowedPathLoss(Part, ABC):
    """What all laws share: gains without obstacles, times the shadowing."""

    # No obstacles is the harmless default: shadowing is an impairment that a scenario asks for.
    shadowing: Annotated[Shadowing, component("shadowing")] = Field(default="none", validate_default=True)  # obstacles

    def power_gains(self, num_devices: int, streams: Streams) -> npt.NDArray[np.float64]:
        """Return the mean power gains, (num_devices,), linear."""
        return self._clear_gains(num_devices, streams) * self.shadowing.power_gains(num_devices, streams)

    @abstractmethod
    def _clear_gains(self, num_devices: int, streams: Streams) -> npt.NDArray[np.float64]:
        """Return the mean power gains without obstacles, (num_devices,), linear."""


class UnitPathLoss(_ShadowedPathLoss):
    """No attenuation: every mean power gain is 1, unless shadowed.

    >>> UnitPathLoss().power_gains(2, streams=None)
    array([1., 1.])
    """

    kind: str = "unit"

    def _clear_gains(self, num_devices: int, streams: Streams) -> npt.NDArray[np.float64]:
        return np.ones(num_devices)


class _SquarePathLoss(_ShadowedPathLoss):
    """A law of distance, with devices uniform in a square of side `side_m` around the server."""

    side_m: Metres  # of the square around the server in which devices are [m]

    def positions_m(self, num_devices: int, streams: Streams) -> npt.NDArray[np.float64]:
        """Return the devices' positions relative to the server, (num_devices, 2) [m]; prefix-stable."""
        unit_square = streams(Purpose.GEOMETRY).random((num_devices, 2))
        return (unit_square - 0.5) * self.side_m

    def distances_m(self, num_devices: int, streams: Streams) -> npt.NDArray[np.float64]:
        """Return the devices' distances from the server, (num_devices,) [m]."""
        x_m, y_m = self.positions_m(num_devices, streams).T
        return np.asarray(np.hypot(x_m, y_m))


class PowerLawPathLoss(_SquarePathLoss):
    """Mean power gain `g = g_1m distance^-exponent`, devices uniform in a square around the server.

    Our choice: a device is never nearer than the 1 m at which the gain is stated, so that no gain exceeds it.

    References
    ----------
    FedGA (Journal on Communications 44(11), 2023) and FedUC (IEEE TMC 2024): a 50 m square, -40 dB at 1 m,
    exponent 4.
    """

    kind: str = "power-law"
    gain_db_at_1_m: Decibels  # mean power gain at 1 m [dB]
    exponent: Annotated[float, Field(ge=0)]  # of the distance

    def _clear_gains(self, num_devices: int, streams: Streams) -> npt.NDArray[np.float64]:
        distances_m = np.maximum(self.distances_m(num_devices, streams), _REFERENCE_DISTANCE_M)
        gains: npt.NDArray[np.float64] = db_to_linear(self.gain_db_at_1_m) * distances_m**-self.exponent
        return gains


class LogDistancePathLoss(_SquarePathLoss):
    """Free space up to a reference distance, a power law beyond: `g = g_0 (distance / d_0)^-exponent`.

    g_0 is Friis' gain at `reference_distance_m` d_0 and `carrier_hz` (`free_space_gain`). It differs from the power
    law in what a scenario states: a carrier and a distance instead of a measured gain at 1 m.

    Our choice: a device nearer than d_0 has the gain at d_0.

    References
    ----------
    Rappaport, Wireless Communications: Principles and Practice, 2002, sections 4.2 and 4.9.
    """

    kind: str = "log-distance"
    carrier_hz: Hertz  # of the gain at the reference distance [Hz]
    reference_distance_m: Metres  # up to which space is free [m]
    exponent: Annotated[float, Field(ge=0)]  # of the distance beyond

    def _clear_gains(self, num_devices: int, streams: Streams) -> npt.NDArray[np.float64]:
        ratios = np.maximum(self.distances_m(num_devices, streams) / self.reference_distance_m, 1.0)
        gains: npt.NDArray[np.float64] = (
            free_space_gain(self.reference_distance_m, self.carrier_hz) * ratios**-self.exponent
        )
        return gains
