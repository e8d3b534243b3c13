"""How much a client's update matters, by the volume and the labels of its data, and how much of it is compressed.

    D_i = KL(Phi_i || Phi_0)                                          divergence of its label mix from the mean one
    C_i = omega n_i / max n + (1 - omega) (1 - D_i / max D)           importance, in [0, 1]
    theta_i = theta_min + (theta_max - theta_min) rank(C_i) / N       rank 1 is the most important

Caesar (Yan et al., arXiv 2412.19989), whose combination of volume and labels could not be read: the sum is our choice,
as are Phi_0, the plain mean over clients, and equal ranks for equals. Ranks are over all N clients, so that they do not
depend on who was sampled.
"""

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from testbed.layout import FloatArray

__all__ = ["importance", "label_divergences", "rank_fractions"]


def label_divergences(histograms: npt.NDArray[np.int64]) -> FloatArray:
    """Return D_i of label counts `(num_clients, num_classes)` from their mean mix, `(num_clients,)` [nat].

    >>> label_divergences(np.array([[5, 0], [0, 5]])).round(4).tolist()
    [0.6931, 0.6931]
    """
    mixes = histograms / histograms.sum(axis=1, keepdims=True)
    mean = mixes.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(mixes > 0, mixes * np.log(mixes / mean), 0.0)
    return np.asarray(np.maximum(terms.sum(axis=1), 0.0))


def importance(data_sizes: npt.NDArray[np.int64], divergences: FloatArray, omega: float) -> FloatArray:
    """Return C_i, `(num_clients,)` in [0, 1]; `omega` is the weight of the volume."""
    largest = divergences.max()
    likeness = 1.0 - divergences / largest if largest > 0 else np.ones_like(divergences)
    return np.asarray(omega * data_sizes / data_sizes.max() + (1.0 - omega) * likeness)


def rank_fractions(values: FloatArray, min_fraction: float, max_fraction: float) -> FloatArray:
    """Return theta_i, `(num_clients,)`: the larger the value, the nearer to `min_fraction`.

    >>> rank_fractions(np.array([3.0, 1.0, 1.0]), 0.0, 0.6).round(3).tolist()
    [0.2, 0.5, 0.5]
    """
    ranks = rankdata(-values, method="average")
    return np.asarray(min_fraction + (max_fraction - min_fraction) * ranks / len(values))
