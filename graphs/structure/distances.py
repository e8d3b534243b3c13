"""How far structure vectors are from each other: Euclid, cosine, Jensen-Shannon. Textbook."""

import numpy as np

from graphs.cosine import cosine_similarity
from testbed.layout import FloatArray

__all__ = ["cosine_distances", "euclidean_distances", "jensen_shannon_bits", "shares", "z_scores"]


def euclidean_distances(points: FloatArray) -> FloatArray:
    """Return |v_i - v_j| of all pairs of `points : (num_points, width)`: (num_points, num_points)."""
    return np.asarray(np.linalg.norm(points[:, None, :] - points[None, :, :], axis=2))


def cosine_distances(points: FloatArray) -> FloatArray:
    """Return 1 - cos(v_i, v_j) of all pairs, in [0, 2]; see `graphs.cosine` for rows of zeros."""
    return 1.0 - cosine_similarity(points)


def shares(histograms: FloatArray) -> FloatArray:
    """Return the rows of `histograms : (num_rows, num_bins)` scaled to sum 1.

    Our choice, for histograms with noise on them: what is below 0 counts as 0, and a row with nothing left as uniform.
    """
    counts = np.maximum(np.asarray(histograms, dtype=np.float64), 0.0)
    totals = counts.sum(axis=1, keepdims=True)
    return np.where(totals > 0, counts / np.where(totals > 0, totals, 1.0), 1.0 / counts.shape[1])


def jensen_shannon_bits(histograms: FloatArray) -> FloatArray:
    """Return JS(p_i, p_j) = H((p_i + p_j) / 2) - (H(p_i) + H(p_j)) / 2 of all pairs, in [0, 1] bits.

    Parameters
    ----------
    histograms : (num_rows, num_bins), each row brought to sum 1 by `shares`.

    >>> jensen_shannon_bits(np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])).tolist()
    [[0.0, 0.5], [0.5, 0.0]]
    """
    p = shares(histograms)
    alone = _entropy_bits(p)
    divergence = _entropy_bits((p[:, None, :] + p[None, :, :]) / 2) - (alone[:, None] + alone[None, :]) / 2
    divergence = np.clip(divergence, 0.0, 1.0)
    np.fill_diagonal(divergence, 0.0)
    return divergence


def z_scores(values: FloatArray) -> FloatArray:
    """Return each column of `values : (num_rows, width)` less its mean, over its deviation; a constant one is 0."""
    deviation = values.std(axis=0)
    same = deviation <= 1e-12 * np.abs(values).max(axis=0, initial=0.0)
    return np.where(same, 0.0, (values - values.mean(axis=0)) / np.where(same, 1.0, deviation))


def _entropy_bits(p: FloatArray) -> FloatArray:
    return np.asarray(-np.sum(p * np.log2(np.where(p > 0, p, 1.0)), axis=-1))
