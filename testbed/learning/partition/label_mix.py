"""What a deal looks like: how many samples of each class everybody holds, and how far that is from the whole."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from testbed.learning.partition.deal import Deal, sizes_of
from testbed.learning.partition.rule import IntArray

__all__ = ["label_distance", "label_histogram"]

_BLOCK_ROWS: Final = 1 << 16


def label_histogram(labels: IntArray, shards: Sequence[IntArray], num_classes: int) -> IntArray:
    """Return how many samples of each class each client holds: (num_clients, num_classes); of language, tokens.

    >>> label_histogram(np.array([0, 0, 1, 2]), [np.array([0, 2]), np.array([1, 3])], 3).tolist()
    [[1, 1, 0], [1, 0, 1]]
    """
    samples = shards.samples if isinstance(shards, Deal) else np.concatenate(list(shards))
    found = labels[samples].reshape(len(samples), -1)
    cells = np.repeat(np.arange(len(shards)), sizes_of(shards))[:, None] * num_classes + found
    counts = np.bincount(cells.reshape(-1), minlength=len(shards) * num_classes)
    return counts.astype(np.int64, copy=False).reshape(len(shards), num_classes)


def label_distance(
    histograms: npt.NDArray[np.number], population: npt.NDArray[np.number] | None = None
) -> npt.NDArray[np.float64]:
    """Return how far label mixes are from the population's, in [0, 2).

        Lambda_j = sum_k |lambda_k - beta_jk|

    with lambda_k the share of class k in all data and beta_jk its share in mix j: the earth mover distance
    between labels where any two classes are equally far apart (twice the total variation). For groups of
    clients, give the sums of their members' histograms.

    Parameters
    ----------
    histograms : (..., num_classes) samples of each class in each client or group; none may be empty.
    population : (num_classes,) samples of each class in all data; if absent, `histograms` is (num_mixes,
        num_classes) and its rows sum to it.

    Raises
    ------
    ValueError : a mix, or the population, without samples.

    References
    ----------
    Air-FedGA, the EMD in Theorem 1.

    >>> label_distance(np.eye(10)).round(12).tolist() == [1.8] * 10
    True
    """
    total = histograms.sum(axis=0) if population is None else population
    sizes = histograms.sum(axis=-1, keepdims=True)
    if not (sizes > 0).all() or not total.sum() > 0:
        raise ValueError("a label mix of no samples is not defined")
    # A block at a time: the mixes of a large population take several times the memory of its histograms.
    mix, rows, row_sizes = total / total.sum(), histograms.reshape(-1, histograms.shape[-1]), sizes.reshape(-1, 1)
    starts = range(0, len(rows), _BLOCK_ROWS)
    blocks = ((rows[k : k + _BLOCK_ROWS], row_sizes[k : k + _BLOCK_ROWS]) for k in starts)
    distances = [np.abs(mix - block / block_sizes).sum(axis=-1) for block, block_sizes in blocks]
    return np.concatenate(distances).reshape(histograms.shape[:-1])
