"""A draw without replacement that keeps the proportions of the classes."""

import numpy as np

from testbed.learning.held_out import IntArray

__all__ = ["stratified_draw"]


def stratified_draw(labels: IntArray, count: int, rng: np.random.Generator) -> IntArray:
    """Return the sorted positions of `count` samples, of class k close to count n_k / n of them.

    Systematic sampling of samples sorted by class and random inside: with one u ~ U(0, 1) for all, the first k classes
    together give floor(count N_k / n + u), N_k being their number of samples. So a class gives its share rounded up or
    down, its share on average, and every sample has the same chance. Textbook.

    Parameters
    ----------
    labels : (num_samples,) classes, any integers.
    count : how many to draw, 0 to num_samples.

    Raises
    ------
    ValueError : more than there are, or fewer than none.
    """
    if not 0 <= count <= len(labels):
        raise ValueError(f"count = {count}: must be 0 to the number of samples, {len(labels)}")
    if count == 0:
        return np.empty(0, np.int64)
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    # Sample j is drawn where floor(count (j + 1) / n + u) exceeds floor(count j / n + u), all in whole numbers: a sum
    # of fractions may be rounded up to the next one.
    ticks = (count * np.arange(len(labels) + 1) + int(rng.random() * len(labels))) // len(labels)
    return np.sort(by_class[np.diff(ticks) > 0])
