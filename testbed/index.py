"""Looking up some of a population's columns, whether they are a list of ids or a range of them."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Ids", "index_of"]

Ids: TypeAlias = Sequence[int] | npt.NDArray[np.intp]


def index_of(ids: Sequence[int]) -> slice | npt.NDArray[np.intp]:
    """Return what picks `ids` out of a column: of a range a slice, which copies nothing.

    >>> column = np.array([5, 6, 7])
    >>> column[index_of(range(3))].tolist(), column[index_of([2, 0])].tolist()
    ([5, 6, 7], [7, 5])
    """
    if isinstance(ids, range) and ids.step == 1 and ids.start >= 0:
        return slice(ids.start, max(ids.start, ids.stop))
    return np.asarray(ids, dtype=np.intp)
