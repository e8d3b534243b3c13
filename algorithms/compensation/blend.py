"""Blending: a share of the region's own parameters, the rest global ones.

    th <- alpha th + (1 - alpha) G

Streaming DiLoCo (Douillard et al., arXiv 2501.18512), alpha = 1/2; with alpha = 0 the region overwrites its parameters,
as DiLoCo does, with alpha = 1 it ignores what arrived. Only a share alpha of the steps taken meanwhile is kept.
"""

from algorithms.compensation.flight import Flight
from testbed.layout import FloatArray
from testbed.settings import Fraction, Part

__all__ = ["Blend", "Overwrite"]


class Overwrite(Part):
    """The global parameters, whatever the region did meanwhile."""

    kind: str = "overwrite"

    def apply(self, local: FloatArray, sent: FloatArray, anchor: FloatArray, flight: Flight) -> FloatArray:
        """Return G; see `Compensation.apply`."""
        return anchor.astype(local.dtype)


class Blend(Part):
    """A share of the region's own parameters and the rest of the global ones."""

    kind: str = "blend"
    alpha: Fraction = 0.5  # of the region's own parameters [Streaming DiLoCo]

    def apply(self, local: FloatArray, sent: FloatArray, anchor: FloatArray, flight: Flight) -> FloatArray:
        """Return alpha th + (1 - alpha) G; see `Compensation.apply`."""
        blended = self.alpha * local + (1.0 - self.alpha) * anchor
        return blended.astype(local.dtype)
