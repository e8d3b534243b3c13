"""Slowdown: by which factor each device is slower than its profile, drawn once for the whole population.

    speed of device i = profile speed / kappa_i

The factors are one prefix-stable vector: adding a last device changes no other.
"""

from typing import Annotated, Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from testbed.settings import Part

__all__ = ["FloatArray", "ListedSlowdown", "NoSlowdown", "ParetoSlowdown", "Slowdown", "UniformSlowdown"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
PositiveFloat = Annotated[float, Field(gt=0)]


class Slowdown(Protocol):
    """A law of how device speeds differ."""

    def factors(self, num_devices: int, rng: np.random.Generator) -> FloatArray:
        """Return the factors by which the devices are slower, (num_devices,), each above 0."""
        ...


class NoSlowdown(Part):
    """Every device is as fast as its profile; draws nothing."""

    kind: str = "none"

    def factors(self, num_devices: int, rng: np.random.Generator) -> FloatArray:
        """Return ones, (num_devices,)."""
        return np.ones(num_devices)


class ListedSlowdown(Part):
    """Factors as somebody states them, device by device and then from the first again; draws nothing."""

    kind: str = "listed"
    by_device: Annotated[tuple[Annotated[float, Field(ge=1)], ...], Field(min_length=1)]  # kappa of device 0, 1, ...

    def factors(self, num_devices: int, rng: np.random.Generator) -> FloatArray:
        """Return the factors, (num_devices,)."""
        return np.resize(np.array(self.by_device), num_devices)


class UniformSlowdown(Part):
    """Factors uniform between two bounds: `kappa ~ U[low, high]`.

    References
    ----------
    Air-FedGA: local training times l_i = kappa_i l with kappa_i ~ U[1, 10].
    """

    kind: str = "uniform"
    low: PositiveFloat  # smallest factor
    high: PositiveFloat  # largest factor

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.high < self.low:
            raise ValueError(f"high = {self.high:g} must be at least low = {self.low:g}")
        return self

    def factors(self, num_devices: int, rng: np.random.Generator) -> FloatArray:
        """Return the factors, (num_devices,)."""
        return rng.uniform(self.low, self.high, num_devices)


class ParetoSlowdown(Part):
    """Heavy-tailed factors, a few stragglers: Pareto with minimum 1, cut off at `cap`.

        P(kappa > x) = x^(-shape) for 1 <= x < cap, and no factor exceeds the cap

    A shape of at most 2 has no finite variance without its cap, one of at most 1 no finite mean.
    """

    kind: str = "pareto"
    shape: PositiveFloat  # of the Pareto law: smaller means heavier tails
    cap: Annotated[float, Field(ge=1)]  # no factor is larger

    def factors(self, num_devices: int, rng: np.random.Generator) -> FloatArray:
        """Return the factors, (num_devices,)."""
        # The inverse of the tail at u in (0, 1]: exactly one draw a device.
        with np.errstate(over="ignore"):  # a tiny shape overflows to infinity, which the cap cuts
            uncapped: FloatArray = (1.0 - rng.random(num_devices)) ** (-1.0 / self.shape)
        return np.minimum(uncapped, self.cap)
