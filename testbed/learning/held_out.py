"""What every client keeps apart from its training samples, to validate and to test with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["ClientSplits", "IntArray", "StreamOf"]

IntArray: TypeAlias = npt.NDArray[np.int64]

# client -> the generator of its own split
StreamOf: TypeAlias = Callable[[int], np.random.Generator]


@dataclass(frozen=True)
class ClientSplits:
    """The samples of every client in three parts, each (num_samples,) int64 and sorted.

    Parameters
    ----------
    train : indices into the training inputs; at least one a client.
    validation, test : indices into the test inputs. A client may have none to validate with, and at least one to test.

    Raises
    ------
    ValueError : lists of different lengths, or a client without a sample to train or to test with.
    """

    train: Sequence[IntArray]
    validation: Sequence[IntArray]
    test: Sequence[IntArray]

    def __post_init__(self) -> None:
        if not len(self.train) == len(self.validation) == len(self.test):
            raise ValueError("every client has three parts")
        for part in ("train", "test"):
            if lonely := [client for client, samples in enumerate(getattr(self, part)) if len(samples) == 0]:
                raise ValueError(f"clients {lonely} have nothing to {part} with")
