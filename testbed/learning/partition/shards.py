"""Label skew by shards: the samples sorted by label, cut into shards, so many shards to each client at random."""

import numpy as np
from pydantic import PositiveInt

from testbed.learning.partition.deal import Deal, even_sizes
from testbed.learning.partition.rule import IntArray, require_one_label, require_samples
from testbed.settings import Part

__all__ = ["ShardsPartition"]


class ShardsPartition(Part):
    """Each client holds the same number of shards of label-sorted data, drawn without replacement.

    With N clients and s shards each, the samples are sorted by class and cut into N s shards equal in size up to one
    sample, so a shard spans few classes and a client about s of them (2 s at most where every class fills a shard);
    all clients hold equally much, up to s samples. `pathological` fixes the classes exactly and deals them in order;
    here who holds what is random. Our choice: the order inside a class is random.

    References
    ----------
    McMahan et al., "Communication-efficient learning of deep networks from decentralized data", AISTATS 2017, section
    3: 200 shards of 300 digits for 100 clients, s = 2.
    """

    kind: str = "shards"
    shards_per_client: PositiveInt  # runs of samples sorted by label that a client gets

    def deal(self, labels: IntArray, num_clients: int, rng: np.random.Generator) -> Deal:
        """Return the deal; see `Partition.deal`."""
        require_one_label(labels, self.kind)
        require_samples(len(labels), num_clients, self.shards_per_client)
        shuffled = rng.permutation(len(labels))
        by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
        num_shards = num_clients * self.shards_per_client
        holders = np.empty(num_shards, dtype=np.int64)
        holders[rng.permutation(num_shards)] = np.repeat(np.arange(num_clients), self.shards_per_client)
        owners = np.empty(len(labels), dtype=np.int64)
        owners[by_class] = np.repeat(holders, even_sizes(len(labels), num_shards))
        return Deal(owners, num_clients)
