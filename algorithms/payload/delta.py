"""The payload "delta": members transmit their updates, new minus old.

Our choice: the server remembers the version it sent to the group, members send
x_i = w_i - base, and the group model is base + estimate. Without noise this is the payload "model" exactly.
With noise the norm bound W is that of the updates, and a shrinking receiver shrinks a step instead of the
parameters.
"""

from collections.abc import Sequence

import numpy as np

from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["DeltaPayload"]


class DeltaPayload(Part):
    """The update against the version the group started from."""

    kind: str = "delta"

    def encode(self, models: Sequence[FloatArray] | FloatArray, base: FloatArray) -> FloatArray:
        """Return the updates `models - base`, (num_members, num_entries) in float64."""
        signals = np.array(models, dtype=np.float64)
        signals -= base
        return signals

    def decode(self, estimate: FloatArray, base: FloatArray) -> FloatArray:
        """Return the group model `base + estimate`, (num_entries,) in float64."""
        return np.asarray(base, dtype=np.float64) + np.asarray(estimate, dtype=np.float64)
