"""The minibatches of several clients side by side: one graph that is not connected, whose parts have owners.

A lane's graphs are those of one client, of one domain; the lanes may be of different domains, with features of
different widths. So the features stay apart, a matrix a lane, and all that is counted by nodes and edges is joined.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from graphs.batch import GraphBatch, GraphStore

__all__ = ["LaneBatch"]


@dataclass(frozen=True, kw_only=True, eq=False)
class LaneBatch(GraphBatch):
    """The graphs of K lanes, one lane after another; `x` has no columns.

    Attributes
    ----------
    features : the features of each lane's nodes, (N_k, f_k) float32.
    domains : the number of each lane's data set.
    num_nodes_of, num_graphs_of : nodes and graphs of each lane.
    """

    features: tuple[torch.Tensor, ...]
    domains: tuple[int, ...]
    num_nodes_of: list[int]
    num_graphs_of: list[int]

    @classmethod
    def of(cls, store: GraphStore, lots: Sequence[torch.Tensor]) -> "LaneBatch":
        """Return the graphs of a store in lanes.

        Parameters
        ----------
        store : the graphs.
        lots : for each lane (num_graphs,) int64, the numbers of its graphs, at least one and all of one domain.
        """
        graphs = torch.cat(list(lots))
        structure = store.structure(graphs)
        num_graphs_of = [len(lot) for lot in lots]
        num_nodes = store.node_offsets[graphs + 1] - store.node_offsets[graphs]
        num_nodes_of = [int(own.sum()) for own in torch.split(num_nodes, num_graphs_of)]
        domains = tuple(store.domain_of[torch.stack([lot[0] for lot in lots])].tolist())
        nodes = torch.split(structure.nodes, num_nodes_of)
        return cls(
            x=torch.empty(len(structure.nodes), 0),
            edge_index=structure.edge_index,
            graph_of=structure.graph_of,
            num_graphs=len(graphs),
            domain=domains[0],
            undirected=store.undirected,
            features=tuple(store.features_of(own, domain) for own, domain in zip(nodes, domains, strict=True)),
            domains=domains,
            num_nodes_of=num_nodes_of,
            num_graphs_of=num_graphs_of,
        )
