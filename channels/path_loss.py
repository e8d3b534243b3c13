"""Large-scale attenuation: the mean power gain of each device's link to the server."""

from typing import Annotated, Any, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator, Field

from testbed.settings import Decibels, Part
from testbed.streams import Purpose
from testbed.units import db_to_linear, parse_quantity

__all__ = ["PathLoss", "PowerLawPathLoss", "Streams", "UnitPathLoss"]

# The distance at which `gain_db_at_1_m` is stated [m].
_REFERENCE_DISTANCE_M = 1.0


def _read_metres(value: Any) -> Any:
    return parse_quantity(value, "m") if isinstance(value, str) else value


Metres = Annotated[float, BeforeValidator(_read_metres), Field(gt=0)]


class Streams(Protocol):
    """The run's luck: `Simulation.stream`."""

    def __call__(self, purpose: Purpose, *ids: int) -> np.random.Generator:
        """Return the generator at the address (purpose, *ids)."""
        ...


class PathLoss(Protocol):
    """A law of large-scale attenuation."""

    def power_gains(self, num_devices: int, streams: Streams) -> npt.NDArray[np.float64]:
        """Return the mean power gains, (num_devices,), linear."""
        ...


class UnitPathLoss(Part):
    """No attenuation: every mean power gain is 1.

    >>> UnitPathLoss().power_gains(2, streams=None)
    array([1., 1.])
    """

    kind: str = "unit"

    def power_gains(self, num_devices: int, streams: Streams) -> npt.NDArray[np.float64]:
        """Return ones, (num_devices,)."""
        return np.ones(num_devices)


class PowerLawPathLoss(Part):
    """Mean power gain `g = g_1m distance^-exponent`, devices uniform in a square around the server.

    Our choice: a device is never nearer than the 1 m at which the gain is stated, so that no gain exceeds it.

    References ---------- FedGA (Journal on Communications 44(11), 2023) and FedUC (IEEE TMC 2024): a 50 m
    square, -40 dB at 1 m, exponent 4.
    """

    kind: str = "power-law"
    gain_db_at_1_m: Decibels
    exponent: Annotated[float, Field(ge=0)]
    side_m: Metres

    def positions_m(self, num_devices: int, streams: Streams) -> npt.NDArray[np.float64]:
        """Return the devices' positions relative to the server, (num_devices, 2) [m]; prefix-stable."""
        unit_square = streams(Purpose.GEOMETRY).random((num_devices, 2))
        return (unit_square - 0.5) * self.side_m

    def power_gains(self, num_devices: int, streams: Streams) -> npt.NDArray[np.float64]:
        """Return the mean power gains, (num_devices,), linear."""
        x_m, y_m = self.positions_m(num_devices, streams).T
        distances_m = np.maximum(np.hypot(x_m, y_m), _REFERENCE_DISTANCE_M)
        gains: npt.NDArray[np.float64] = db_to_linear(self.gain_db_at_1_m) * distances_m**-self.exponent
        return gains
