"""What a server makes of models of few bits: an affine map a tensor, fitted to the models of many, and a gate.

    d_i = a v_i + b, least squares to the mean h of the most precise models
    entry k of client i counts if |d_ik - h_k| <= step

with step the distance of two levels of that tensor's quantisation. A buildable simplification of ProWD (Yoon et al.,
arXiv 2202.11453), whose dequantiser is trained and works up bit by bit.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from testbed.layout import FloatArray

__all__ = ["affine_fit", "gated_mean"]


def affine_fit(low: FloatArray, high: FloatArray) -> npt.NDArray[np.float64]:
    """Return a low + b, `(num_entries,)`, of least squared distance from `high`; b alone where `low` is constant.

    >>> affine_fit(np.array([0.0, 1.0]), np.array([1.0, 3.0])).tolist()
    [1.0, 3.0]
    """
    centred = low - low.mean(dtype=np.float64)
    spread = float(centred @ centred)
    slope = float(centred @ high) / spread if spread > 0 else 0.0
    return np.asarray(slope * centred + high.mean(dtype=np.float64))


def gated_mean(
    models: Sequence[FloatArray], num_bits: Sequence[int], tensors: Sequence[slice]
) -> npt.NDArray[np.float64]:
    """Return the mean of models of unequal precision, `(num_entries,)`, entry by entry over those that count.

    Parameters
    ----------
    models : at least one, (num_entries,) each.
    num_bits : of an entry of each; those with the most make the mean h and always count.
    tensors : which entries are which tensor.
    """
    most = max(num_bits)
    vectors = [np.asarray(model, dtype=np.float64) for model in models]
    high = np.mean([v for v, bits in zip(vectors, num_bits, strict=True) if bits == most], axis=0)
    total, count = np.zeros_like(high), np.zeros_like(high)
    for vector, bits in zip(vectors, num_bits, strict=True):
        for tensor in tensors:
            part, wanted = vector[tensor], high[tensor]
            counts = np.ones(len(part), dtype=bool)
            if bits < most and len(part):
                step = np.abs(part).max() / (2 ** (bits - 1) - 1)
                part = affine_fit(part, wanted)
                counts = np.abs(part - wanted) <= step
            total[tensor] += np.where(counts, part, 0.0)
            count[tensor] += counts
    return np.asarray(total / count)
