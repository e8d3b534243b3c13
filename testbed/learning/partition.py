"""How a data set is dealt to the clients, and how far each client's label mix is from the whole.

A deal is a list of index arrays, one per client: sorted, disjoint and together all samples. Every rule draws
from one generator, so all methods under one root seed meet the same deal. No torch here.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt

from testbed.errors import RequestError
from testbed.settings import Part

__all__ = [
    "DirichletPartition",
    "IidPartition",
    "IntArray",
    "Partition",
    "PathologicalPartition",
    "label_distance",
    "label_histogram",
]

IntArray = npt.NDArray[np.int64]

# A deal that a thousand draws did not find is too rare to wait for; a thousand cost a fraction of a second.
_MAX_DRAWS: Final = 1000


class Partition(Protocol):
    """A rule by which samples are dealt to clients."""

    def deal(self, labels: IntArray, num_clients: int, rng: np.random.Generator) -> list[IntArray]:
        """Return each client's sample indices, sorted; disjoint and together `arange(len(labels))`.

        Parameters
        ----------
        labels : (num_samples,) class of each sample.
        num_clients : at least 1.
        rng : the stream of the partition.

        Raises
        ------
        RequestError : the rule cannot serve every client.
        """
        ...


class IidPartition(Part):
    """Every client gets a random share of all samples; the sizes differ by at most one."""

    kind: str = "iid"

    def deal(self, labels: IntArray, num_clients: int, rng: np.random.Generator) -> list[IntArray]:
        """Return the deal; see `Partition.deal`."""
        _require_samples(len(labels), num_clients, 1)
        return [np.sort(shard) for shard in np.array_split(rng.permutation(len(labels)), num_clients)]


class DirichletPartition(Part):
    """Each class is split over the clients in proportions drawn from a symmetric Dirichlet distribution.

        p_k ~ Dirichlet(alpha, ..., alpha) over clients, for each class k

    A small alpha leaves a client few classes and sizes unequal; a large one approaches `iid`. Our choice:
    proportions are redrawn, for all classes together, until every client has `min_samples`; after 1000 draws
    the request is refused.

    References
    ----------
    Yurochkin et al., "Bayesian nonparametric federated learning of neural networks", ICML 2019, section 4;
    the redraw as in Li et al., "Federated learning on non-IID data silos", ICDE 2022.
    """

    kind: str = "dirichlet"
    alpha: Annotated[float, Field(gt=0)]
    # 1 is the least with which every client can train at all.
    min_samples: PositiveInt = 1

    def deal(self, labels: IntArray, num_clients: int, rng: np.random.Generator) -> list[IntArray]:
        """Return the deal; see `Partition.deal`."""
        _require_samples(len(labels), num_clients, self.min_samples)
        classes = [rng.permutation(members) for members in _members_of_classes(labels)]
        cuts = self._draw_cuts(np.array([len(members) for members in classes]), num_clients, rng)
        pieces = [np.split(members, cut) for members, cut in zip(classes, cuts, strict=True)]
        return [np.sort(np.concatenate(shard)) for shard in zip(*pieces, strict=True)]

    def _draw_cuts(self, class_sizes: IntArray, num_clients: int, rng: np.random.Generator) -> IntArray:
        """Return where, in each class, the next client's members begin: (num_classes, num_clients - 1)."""
        most = 0
        for _ in range(_MAX_DRAWS):
            proportions = rng.dirichlet(np.full(num_clients, self.alpha), size=len(class_sizes))
            shares = np.cumsum(proportions, axis=1)[:, :-1] * class_sizes[:, None]
            # Rounded cumulative shares never decrease, so no sample is dealt twice or left over.
            cuts = np.minimum(np.rint(shares).astype(np.int64), class_sizes[:, None])
            sizes = np.diff(cuts, axis=1, prepend=0, append=class_sizes[:, None]).sum(axis=0)
            most = max(most, int(sizes.min()))
            if sizes.min() >= self.min_samples:
                return cuts
        raise RequestError(
            f"partition dirichlet with alpha = {self.alpha:g}: none of {_MAX_DRAWS} draws gave each of "
            f"{num_clients} clients {self.min_samples} of {class_sizes.sum()} samples "
            f"(at best the smallest got {most}); use a larger alpha, fewer clients, more samples "
            "or a smaller min_samples"
        )


class PathologicalPartition(Part):
    """Each client holds samples of a fixed number of classes, dealt in order.

    With N clients, K classes and s classes per client, client i holds the classes

        (floor(i K / N) + r) mod K,    r = 0, ..., s - 1

    so with s = 1 and N a multiple of K the first N/K clients hold class 0, the next class 1, and so on, as in
    the label-skew setting of Air-FedGA. The samples of a class are dealt at random and evenly to those that
    hold it. Our choice: for s > 1 the further classes are the next ones; all are covered when s N >= K.

    References
    ----------
    Air-FedGA, evaluation set-up; s = 2 in McMahan et al., AISTATS 2017 (there with random pairs of classes).
    """

    kind: str = "pathological"
    classes_per_client: PositiveInt

    def deal(self, labels: IntArray, num_clients: int, rng: np.random.Generator) -> list[IntArray]:
        """Return the deal; see `Partition.deal`."""
        _require_samples(len(labels), num_clients, 1)
        classes = [rng.permutation(members) for members in _members_of_classes(labels)]
        holders = self._holders(len(classes), num_clients)
        shards: list[list[IntArray]] = [[] for _ in range(num_clients)]
        for members, clients in zip(classes, holders, strict=True):
            if len(members) < len(clients):
                raise RequestError(
                    f"partition pathological: class {int(labels[members[0]])} has {len(members)} samples "
                    f"for the {len(clients)} clients that hold it; use fewer clients or more samples"
                )
            for client, piece in zip(clients, np.array_split(members, len(clients)), strict=True):
                shards[client].append(piece)
        return [np.sort(np.concatenate(shard)) for shard in shards]

    def _holders(self, num_classes: int, num_clients: int) -> list[list[int]]:
        """Return the clients that hold each class, in order."""
        width = self.classes_per_client
        if width > num_classes:
            raise RequestError(f"classes_per_client = {width}: the data has {num_classes} classes")
        if num_clients * width < num_classes:
            raise RequestError(
                f"partition pathological: {num_clients} clients of {width} classes each cannot hold all "
                f"{num_classes} classes; use more clients or a larger classes_per_client"
            )
        holders: list[list[int]] = [[] for _ in range(num_classes)]
        for client in range(num_clients):
            first = client * num_classes // num_clients
            for step in range(width):
                holders[(first + step) % num_classes].append(client)
        return holders


def label_histogram(labels: IntArray, shards: Sequence[IntArray], num_classes: int) -> IntArray:
    """Return how many samples of each class each client holds: (num_clients, num_classes).

    >>> label_histogram(np.array([0, 0, 1, 2]), [np.array([0, 2]), np.array([1, 3])], 3).tolist()
    [[1, 1, 0], [1, 0, 1]]
    """
    return np.stack([np.bincount(labels[shard], minlength=num_classes) for shard in shards]).astype(np.int64)


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
    distance = np.abs(total / total.sum() - histograms / sizes).sum(axis=-1)
    return np.asarray(distance, dtype=np.float64)


def _members_of_classes(labels: IntArray) -> list[IntArray]:
    """Return the indices of each class that occurs, in the order of the classes."""
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


def _require_samples(num_samples: int, num_clients: int, min_samples: int) -> None:
    if num_clients < 1:
        raise RequestError(f"num_clients = {num_clients}: must be at least 1")
    if num_samples < num_clients * min_samples:
        raise RequestError(f"{num_samples} samples cannot give each of {num_clients} clients {min_samples}")
