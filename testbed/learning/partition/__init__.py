"""How a data set is dealt to the clients, and how far each client's label mix is from the whole.

A deal is a sequence of index arrays, one per client: sorted, disjoint and together all samples (`deal.py`). Every rule
draws from one generator, so all methods under one root seed meet the same deal. No torch here.

Read `rule.py` first (the protocol), then one rule a file: `iid`, `stratified` and `contiguous`; label skew by
`dirichlet`, `pathological` and `shards`; skew of sizes alone by `quantity_skew`. `label_mix.py` measures what came of
it.
"""

from testbed.learning.partition.contiguous import ContiguousPartition
from testbed.learning.partition.deal import Deal, sizes_of
from testbed.learning.partition.dirichlet import DirichletPartition
from testbed.learning.partition.iid import IidPartition
from testbed.learning.partition.label_mix import label_distance, label_histogram
from testbed.learning.partition.pathological import PathologicalPartition
from testbed.learning.partition.quantity_skew import QuantitySkewPartition
from testbed.learning.partition.rule import IntArray, Partition
from testbed.learning.partition.shards import ShardsPartition
from testbed.learning.partition.stratified import StratifiedPartition

__all__ = [
    "ContiguousPartition",
    "Deal",
    "DirichletPartition",
    "IidPartition",
    "IntArray",
    "Partition",
    "PathologicalPartition",
    "QuantitySkewPartition",
    "ShardsPartition",
    "StratifiedPartition",
    "label_distance",
    "label_histogram",
    "sizes_of",
]
