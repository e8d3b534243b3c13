"""Label skew to the extreme: a fixed number of classes per client, dealt in order."""

import numpy as np
from pydantic import PositiveInt

from testbed.errors import RequestError
from testbed.learning.partition.deal import Deal, even_sizes
from testbed.learning.partition.rule import IntArray, members_of_classes, require_one_label, require_samples
from testbed.settings import Part

__all__ = ["PathologicalPartition"]


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
    classes_per_client: PositiveInt  # labels that a client has

    def deal(self, labels: IntArray, num_clients: int, rng: np.random.Generator) -> Deal:
        """Return the deal; see `Partition.deal`."""
        require_one_label(labels, self.kind)
        require_samples(len(labels), num_clients, 1)
        classes = [rng.permutation(members) for members in members_of_classes(labels)]
        holders = self._holders(len(classes), num_clients)
        owners = np.empty(len(labels), dtype=np.int64)
        for members, clients in zip(classes, holders, strict=True):
            if len(members) < len(clients):
                raise RequestError(
                    f"partition pathological: class {int(labels[members[0]])} has {len(members)} samples "
                    f"for the {len(clients)} clients that hold it; use fewer clients or more samples"
                )
            owners[members] = np.repeat(clients, even_sizes(len(members), len(clients)))
        return Deal(owners, num_clients)

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
