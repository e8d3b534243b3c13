"""Classes without names: an order of the classes that depends on who holds them, not on how they are numbered."""

import numpy as np
import numpy.typing as npt

from algorithms.grouping.problem import GroupingProblem

__all__ = ["class_order", "dominant_class"]


def class_order(problem: GroupingProblem) -> npt.NDArray[np.intp]:
    """Return the classes in the lexicographic order of their columns of sample counts: (num_classes,).

    Renaming the classes permutes the columns and leaves `label_histograms[:, class_order(problem)]` as it was, to the
    bit; so rules that sum or break ties in this order do not depend on names.
    """
    return np.asarray(np.lexsort(np.asarray(problem.label_histograms)[::-1]), dtype=np.intp)


def dominant_class(problem: GroupingProblem) -> npt.NDArray[np.intp]:
    """Return the place, in `class_order`, of each client's most frequent class: (num_clients,).

    Of classes equally frequent on a client, the one with the earliest place.
    """
    return np.asarray(np.argmax(problem.label_histograms[:, class_order(problem)], axis=1), dtype=np.intp)
