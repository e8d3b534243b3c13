"""The protocol of the rules by which samples are dealt to clients, and what the rules share."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError

__all__ = ["IntArray", "Partition", "members_of_classes", "require_one_label", "require_samples"]

IntArray: TypeAlias = npt.NDArray[np.int64]


class Partition(Protocol):
    """A rule by which samples are dealt to clients."""

    def deal(self, labels: IntArray, num_clients: int, rng: np.random.Generator) -> Sequence[IntArray]:
        """Return each client's sample indices, sorted; disjoint and together `arange(len(labels))`.

        Parameters
        ----------
        labels : (num_samples,) class of each sample; of language (num_samples, T) token by token, and a rule that goes
            by classes refuses it (`require_one_label`).
        num_clients : at least 1.
        rng : the stream of the partition.

        Raises
        ------
        RequestError : the rule cannot serve every client.
        """
        ...


def require_one_label(labels: IntArray, rule: str) -> None:
    """Refuse data whose samples have a label a token.

    Raises
    ------
    RequestError : names the rule and those that serve.
    """
    if labels.ndim > 1:
        raise RequestError(
            f"partition {rule} deals by the one label of a sample, and windows of tokens have one a token: use iid, "
            "contiguous or quantity-skew"
        )


def members_of_classes(labels: IntArray) -> list[IntArray]:
    """Return the indices of each class that occurs, in the order of the classes."""
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


def require_samples(num_samples: int, num_clients: int, min_samples: int) -> None:
    """Refuse a deal of too few samples to give each client `min_samples`.

    Raises
    ------
    RequestError : there are fewer, or nobody to deal to.
    """
    if num_clients < 1:
        raise RequestError(f"num_clients = {num_clients}: must be at least 1")
    if num_samples < num_clients * min_samples:
        raise RequestError(f"{num_samples} samples cannot give each of {num_clients} clients {min_samples}")
