"""How far a mix of labels is from that of everybody.

KL(Phi || Phi_0) = sum_m Phi[m] ln(Phi[m] / Phi_0[m]) ,        0 ln 0 = 0
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["label_shares", "mix_divergence"]

FloatArray: TypeAlias = npt.NDArray[np.float64]


def label_shares(histograms: npt.NDArray[np.int64]) -> FloatArray:
    """Return V, the share of each label among each client's samples, of counts (num_clients, num_classes)."""
    return np.asarray(histograms / histograms.sum(axis=1, keepdims=True))


def mix_divergence(mix: FloatArray, reference: FloatArray) -> float:
    """Return KL(mix || reference) of two distributions (num_classes,), in nats; 0 exactly for equal ones.

    Raises
    ------
    ValueError : the mix has a label that the reference does not have.

    >>> round(mix_divergence(np.array([1.0, 0.0]), np.array([0.5, 0.5])), 6)
    0.693147
    """
    there = mix > 0
    if (reference[there] <= 0).any():
        raise ValueError("a label of the mix is not in the reference")
    return max(0.0, float(mix[there] @ np.log(mix[there] / reference[there])))
