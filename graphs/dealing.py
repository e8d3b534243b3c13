"""One way to deal any graph data by any rule: those for graphs, those for nodes, and those that see labels alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphs.graph_set import GraphSet, IntArray
from graphs.node_set import NodeSet
from graphs.partition.rule import require_one_domain
from testbed.errors import RequestError

__all__ = ["deal"]


def deal(data: GraphSet | NodeSet, rule: Any, num_clients: int, rng: np.random.Generator) -> Sequence[IntArray]:
    """Return each client's graphs (or nodes), sorted, disjoint and at least one.

    Together they are all graphs or nodes of the set, unless the rule says that it `subsamples`.

    Parameters
    ----------
    data : graphs, of one or several domains, or the nodes of one graph.
    rule : a `GraphPartition`, a `NodePartition` or a `Partition` of the testbed, whichever serves the data.
    num_clients : at least 1.
    rng : the stream of the partition.

    Raises
    ------
    RequestError : a rule for other data, a rule for one domain and graphs of several, or one that cannot serve every
        client.
    """
    own, other = ("deal_graphs", "deal_nodes") if isinstance(data, GraphSet) else ("deal_nodes", "deal_graphs")
    if hasattr(rule, own):
        shards: Sequence[IntArray] = getattr(rule, own)(data, num_clients, rng)
        return shards
    if hasattr(rule, other):
        found, wanted = ("graphs", "the nodes of one") if own == "deal_graphs" else ("the nodes of one graph", "graphs")
        hint = "stratified, graph-structure or gcfl" if own == "deal_graphs" else "louvain or iid"
        raise RequestError(f"partition {rule.kind} deals {wanted}, and {data.name!r} has {found}: use {hint}")
    if isinstance(data, GraphSet):
        require_one_domain(data, rule.kind)
    shards = rule.deal(data.labels, num_clients, rng)
    return shards
