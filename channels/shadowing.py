"""Shadowing: medium-scale attenuation of each device's link by what stands in the way."""

from typing import Annotated, Final, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator, Field

from testbed.settings import Part
from testbed.streams import Purpose
from testbed.units import parse_quantity

__all__ = ["LogNormalShadowing", "NoShadowing", "Shadowing", "Streams"]

# Obstacles are part of the geometry: their address is (GEOMETRY, 1), the positions have (GEOMETRY,).
_OBSTACLES: Final = 1

PositiveDecibels = Annotated[
    float, BeforeValidator(lambda value: parse_quantity(value, "dB") if isinstance(value, str) else value), Field(ge=0)
]


class Streams(Protocol):
    """The run's luck: `Simulation.stream`."""

    def __call__(self, purpose: Purpose, *ids: int) -> np.random.Generator:
        """Return the generator at the address (purpose, *ids)."""
        ...


class Shadowing(Protocol):
    """A law of shadowing, constant over a run."""

    def power_gains(self, num_devices: int, streams: Streams) -> npt.NDArray[np.float64]:
        """Return the power gains, (num_devices,), linear."""
        ...


class NoShadowing(Part):
    """No shadowing: every gain is 1; draws nothing.

    >>> NoShadowing().power_gains(2, streams=None)
    array([1., 1.])
    """

    kind: str = "none"

    def power_gains(self, num_devices: int, streams: Streams) -> npt.NDArray[np.float64]:
        """Return ones, (num_devices,)."""
        return np.ones(num_devices)


class LogNormalShadowing(Part):
    """Log-normal shadowing: 10 log10 of the gain is normal with mean 0 and standard deviation `sigma_db`.

    Independent between links, the same in both directions, constant over the run. The *median* gain is one; the
    mean is exp((sigma_db ln(10) / 10)^2 / 2), 5.5 times that at 8 dB.

    References
    ----------
    Goldsmith, Wireless Communications, 2005, section 2.7.
    """

    kind: str = "log-normal"
    sigma_db: PositiveDecibels  # standard deviation of the gain in decibels [dB]

    def power_gains(self, num_devices: int, streams: Streams) -> npt.NDArray[np.float64]:
        """Return the power gains, (num_devices,), linear; prefix-stable."""
        shadowing_db = self.sigma_db * streams(Purpose.GEOMETRY, _OBSTACLES).standard_normal(num_devices)
        gains: npt.NDArray[np.float64] = 10.0 ** (shadowing_db / 10.0)
        return gains
