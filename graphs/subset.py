"""Some graphs of a set, as a set."""

import numpy as np

from graphs.graph_set import GraphSet, IntArray
from testbed.errors import RequestError

__all__ = ["subset"]


def subset(graphs: GraphSet, members: IntArray) -> GraphSet:
    """Return some graphs of a set in its order; a domain of which none is left is no longer there.

    Parameters
    ----------
    members : ids of the graphs, increasing, at least one.

    Raises
    ------
    RequestError : no id, one that the set does not have, or ids that do not increase.
    """
    if not len(members) or members[0] < 0 or members[-1] >= len(graphs) or not (np.diff(members) > 0).all():
        raise RequestError(f"graphs of {graphs.name!r} must be ids from 0 to {len(graphs) - 1}, increasing")
    kept, domain_of = np.unique(graphs.domain_of[members], return_inverse=True)
    chosen = np.zeros(len(graphs), bool)
    chosen[members] = True
    of_nodes = np.repeat(chosen, graphs.num_nodes)
    first = np.searchsorted(graphs.domain_of, np.arange(len(graphs.domains) + 1))
    bounds = graphs.node_offsets[first]
    return GraphSet(
        name=graphs.name,
        domains=tuple(graphs.domains[domain] for domain in kept),
        domain_of=domain_of.astype(np.int64),
        node_offsets=np.cumsum(np.concatenate([[0], graphs.num_nodes[members]]), dtype=np.int64),
        edge_offsets=np.cumsum(np.concatenate([[0], graphs.num_edges[members]]), dtype=np.int64),
        edges=graphs.edges[:, np.repeat(chosen, graphs.num_edges)],
        features=tuple(graphs.features[domain][of_nodes[bounds[domain] : bounds[domain + 1]]] for domain in kept),
        labels=graphs.labels[members],
        num_classes=tuple(graphs.num_classes[domain] for domain in kept),
        sources=graphs.sources,
    )
