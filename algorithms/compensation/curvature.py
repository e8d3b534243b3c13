"""Delay compensation: where the region would stand had it taken its latest steps from the global parameters.

With the displacement u = s - th(t_l), old minus new, the gap D = G - s, and the Hessian replaced by a multiple of the
outer product of gradients, of which the diagonal is kept (DC-ASGD, Zheng et al., ICML 2017),

    th <- G - (u + c u u D) = th(t_l) + (G - s) - c u u D             elementwise products

    carry             c = 0                                       local progress on top of the global change
    curvature-const   c = lam / (tau d)                           d = H, or the steps since the previous sending
    curvature-norm    c = lam0 |u| / (|u u D| + 1e-8)
    curvature-rate    c = min(lam0 |u1| / (|u1 u1 D| + 1e-8), lam_max) / tau,      u1 = u / tau

CoCoDC (Zhu et al., arXiv 2504.17672): `curvature-const` is its form with a constant, th <- G - tau (u1 + lam u1 u1 D1)
with D1 = D / d. At real sizes of u and D its quadratic term is about 1e-7 of the linear one: it is `carry`. In
`curvature-norm` the correction has the norm lam0 |u| (DC-S3GD, Rigazzi, arXiv 1911.02516, which recommends 0.2).

Our choice: which constants the paper's figures had is not known; norms are per tensor unless asked for over the whole
fragment; no cap lam_max unless stated; with tau = 0 nothing was displaced and the result is G. `wrong_sign` turns the
quadratic term round, a control: it must do worse. Computed in double precision.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field, PositiveFloat

from algorithms.compensation.flight import Flight
from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["Carry", "ConstantCurvature", "NormCurvature", "RateCurvature", "expand"]

_TINY: Final = 1e-8  # keeps a quadratic term of zeros from dividing by zero
Strength = Annotated[float, Field(ge=0)]


def expand(local: FloatArray, sent: FloatArray, anchor: FloatArray, curvature: FloatArray | float) -> FloatArray:
    """Return th + (G - s) - c u u D with u = s - th and D = G - s, (num_entries,) in float64.

    Parameters
    ----------
    local, sent, anchor : th, s and G : (num_entries,).
    curvature : c, one for all entries or (num_entries,) of them.

    >>> expand(np.array([1.0]), np.array([2.0]), np.array([5.0]), 0.5).tolist()
    [2.5]
    """
    now, then, there = (np.asarray(array, dtype=np.float64) for array in (local, sent, anchor))
    carried = now + (there - then)
    return carried - curvature * ((then - now) ** 2 * (there - then))


class _Curvature(Part, ABC):
    """What the forms share; a form adds its strength and `_scales`."""

    wrong_sign: bool = False  # turns the quadratic term round, as a control

    def apply(self, local: FloatArray, sent: FloatArray, anchor: FloatArray, flight: Flight) -> FloatArray:
        """Return the compensated parameters; see `Compensation.apply`."""
        displacement = np.subtract(sent, local, dtype=np.float64)
        gap = np.subtract(anchor, sent, dtype=np.float64)
        curvature = self._curvature(displacement, gap, flight)
        return expand(local, sent, anchor, -curvature if self.wrong_sign else curvature).astype(local.dtype)

    @abstractmethod
    def _curvature(self, displacement: FloatArray, gap: FloatArray, flight: Flight) -> FloatArray | float:
        """Return c, one for all entries or (num_entries,), from u and D : (num_entries,)."""


class Carry(Part):
    """The region's progress on top of the global change: no curvature."""

    kind: str = "carry"

    def apply(self, local: FloatArray, sent: FloatArray, anchor: FloatArray, flight: Flight) -> FloatArray:
        """Return th + (G - s); see `Compensation.apply`."""
        return expand(local, sent, anchor, 0.0).astype(local.dtype)


class ConstantCurvature(_Curvature):
    """A curvature of constant strength."""

    kind: str = "curvature-const"
    strength: Strength = 0.5  # lam [CoCoDC, as its public prototype runs it]
    divide_gap_by: Literal["interval", "sync-every"] = "interval"  # d: steps since the previous sending, or H

    def _curvature(self, displacement: FloatArray, gap: FloatArray, flight: Flight) -> float:
        divisor = flight.interval_steps if self.divide_gap_by == "interval" else flight.sync_every
        return self.strength / (max(flight.delay_steps, 1) * divisor)


class _Normalised(_Curvature, ABC):
    norm_over: Literal["tensor", "fragment"] = "tensor"  # what a norm is taken over

    def _pieces(self, flight: Flight, num_entries: int) -> Sequence[slice]:
        return flight.tensors if self.norm_over == "tensor" else [slice(0, num_entries)]


class NormCurvature(_Normalised):
    """A quadratic term as large as a given share of the displacement."""

    kind: str = "curvature-norm"
    strength: Strength = 0.2  # lam0 [DC-S3GD]

    def _curvature(self, displacement: FloatArray, gap: FloatArray, flight: Flight) -> FloatArray:
        curvature = np.zeros(len(gap))
        for piece in self._pieces(flight, len(gap)):
            curvature[piece] = self.strength * _ratio(displacement[piece], gap[piece])
        return curvature


class RateCurvature(_Normalised):
    """As `curvature-norm`, of displacements a step, and capped."""

    kind: str = "curvature-rate"
    strength: Strength = 0.2  # lam0 [DC-S3GD]
    max_strength: PositiveFloat | None = None  # lam_max, of the scale; without it there is no cap

    def _curvature(self, displacement: FloatArray, gap: FloatArray, flight: Flight) -> FloatArray:
        num_steps = max(flight.delay_steps, 1)
        curvature = np.zeros(len(gap))
        for piece in self._pieces(flight, len(gap)):
            scale = self.strength * _ratio(displacement[piece] / num_steps, gap[piece])
            curvature[piece] = min(scale, self.max_strength or scale) / num_steps
        return curvature


def _ratio(displacement: FloatArray, gap: FloatArray) -> float:
    """Return |u| / (|u u D| + 1e-8)."""
    quadratic = displacement * displacement * gap
    return float(np.linalg.norm(displacement) / (np.linalg.norm(quadratic) + _TINY))
