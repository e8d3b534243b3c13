"""The protocols of the outer optimizers: settings, and the state of one vector of global parameters.

A pseudo-gradient is old minus new, the direction that a gradient step descends: with G what the regions started from
and th^m what region m reached, Delta = mean_m (G - th^m), and stepping along it with rate 1 is plain averaging.
"""

from typing import Protocol

from testbed.layout import FloatArray

__all__ = ["OuterOptimizer", "OuterState"]


class OuterState(Protocol):
    """What an outer optimizer remembers about one vector: a whole model, or one fragment of it."""

    def step(self, parameters: FloatArray, delta: FloatArray) -> FloatArray:
        """Return the new global parameters (num_entries,), in the precision of the old ones.

        Parameters
        ----------
        parameters : G : (num_entries,), of which neither memory nor values are touched.
        delta : (num_entries,) the pseudo-gradient, old minus new: the mean of the regions', or for a server that steps
            at every arrival that of one region, weighted as the server likes.

        Raises
        ------
        ValueError : an array of another shape.
        """
        ...


class OuterOptimizer(Protocol):
    """The rule by which pseudo-gradients move the global parameters."""

    def start(self, num_entries: int, num_regions: int = 1) -> OuterState:
        """Return the state before the first step; `num_regions` send pseudo-gradients in turn, if one at a time."""
        ...
