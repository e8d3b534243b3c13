"""Label skew and size skew by one number: each class split by a Dirichlet distribution."""

from typing import Annotated, Final

import numpy as np
from pydantic import Field, PositiveInt

from testbed.errors import RequestError
from testbed.learning.partition.deal import Deal
from testbed.learning.partition.rule import IntArray, members_of_classes, require_one_label, require_samples
from testbed.settings import Part

__all__ = ["DirichletPartition"]

# A deal that a thousand draws did not find is too rare to wait for; a thousand cost a fraction of a second.
_MAX_DRAWS: Final = 1000


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
    alpha: Annotated[float, Field(gt=0)]  # smaller means that clients differ more
    # 1 is the least with which every client can train at all.
    min_samples: PositiveInt = 1  # of a client

    def deal(self, labels: IntArray, num_clients: int, rng: np.random.Generator) -> Deal:
        """Return the deal; see `Partition.deal`."""
        require_one_label(labels, self.kind)
        require_samples(len(labels), num_clients, self.min_samples)
        classes = [rng.permutation(members) for members in members_of_classes(labels)]
        cuts = self._draw_cuts(np.array([len(members) for members in classes]), num_clients, rng)
        owners = np.empty(len(labels), dtype=np.int64)
        for members, cut in zip(classes, cuts, strict=True):
            owners[members] = np.repeat(np.arange(num_clients), np.diff(cut, prepend=0, append=len(members)))
        return Deal(owners, num_clients)

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
