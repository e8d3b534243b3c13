"""The payload "model": members transmit their whole models, as the Air-FedGA paper does.

A receiver that shrinks (MMSE) multiplies the group model by SNR / (1 + SNR), so at low SNR the parameters
decay towards zero with every aggregation. `delta.py` has the alternative.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["ModelPayload", "Payload"]


class Payload(Protocol):
    """How models become signals, and an estimate of the weighted mean signal a group model.

    Both directions compute in float64, and decoding inverts encoding: for weights that sum to one,
    decode(sum_i a_i encode(models, base)_i, base) = sum_i a_i models_i.
    """

    def encode(self, models: Sequence[FloatArray] | FloatArray, base: FloatArray) -> FloatArray:
        """Return the signals (num_members, num_entries) of models (num_entries,), which were trained from `base`."""
        ...

    def decode(self, estimate: FloatArray, base: FloatArray) -> FloatArray:
        """Return the group model (num_entries,) that an estimate of the weighted mean signal stands for."""
        ...


class ModelPayload(Part):
    """The model itself, as in Air-FedGA."""

    kind: str = "model"

    def encode(self, models: Sequence[FloatArray] | FloatArray, base: FloatArray) -> FloatArray:
        """Return the models, (num_members, num_entries) in float64; `base` plays no part."""
        return np.array(models, dtype=np.float64)

    def decode(self, estimate: FloatArray, base: FloatArray) -> FloatArray:
        """Return the estimate (num_entries,) in float64; `base` plays no part."""
        return np.array(estimate, dtype=np.float64)
