"""Small random graphs for tests: several domains of many graphs, or one graph with labelled nodes."""

from collections.abc import Sequence

import numpy as np

from graphs.datasets.collection import join
from graphs.graph_set import GraphSet
from graphs.node_set import NodeSet

__all__ = ["random_graph_set", "random_node_set", "relabelled"]


def random_domain(name: str, num_graphs: int, seed: int, num_classes: int = 2, width: int = 3) -> GraphSet:
    """Return graphs of 1 to 9 nodes, sorted by label as files are; every class occurs."""
    rng = np.random.default_rng(seed)
    num_nodes, edges = rng.integers(1, 10, num_graphs), []
    for nodes in num_nodes:
        upper = np.triu(rng.random((nodes, nodes)) < rng.random(), k=1)
        edges.append(np.stack(np.nonzero(upper | upper.T)))
    return GraphSet(
        name=name,
        domains=(name,),
        domain_of=np.zeros(num_graphs, np.int64),
        node_offsets=np.cumsum([0, *num_nodes]),
        edge_offsets=np.cumsum([0, *(each.shape[1] for each in edges)]),
        edges=np.concatenate(edges, axis=1).astype(np.int64),
        features=(rng.random((num_nodes.sum(), width)).astype(np.float32),),
        labels=np.sort(np.arange(num_graphs) % num_classes),
        num_classes=(num_classes,),
        sources={f"{name}.txt": f"{seed:064x}"},
    )


def random_graph_set(sizes: Sequence[int], seed: int = 0, num_classes: int = 2) -> GraphSet:
    """Return a set with one domain of so many graphs for each size; domain d has d + 2 features."""
    parts = [
        random_domain(f"domain-{i}", size, seed + i, num_classes=num_classes, width=i + 2)
        for i, size in enumerate(sizes)
    ]
    return join(parts, "random")


def random_node_set(num_nodes: int, seed: int = 0, num_classes: int = 3) -> NodeSet:
    """Return a sparse graph of rings of five nodes, loosely connected; the last node is isolated."""
    rng = np.random.default_rng(seed)
    inner = np.arange(num_nodes - 1)
    ring = np.stack([inner, np.minimum(5 * (inner // 5) + (inner + 1) % 5, num_nodes - 2)])
    pairs = np.concatenate([ring, rng.integers(num_nodes - 1, size=(2, num_nodes // 5))], axis=1)
    pairs = pairs[:, pairs[0] != pairs[1]]
    edges = np.unique(np.concatenate([pairs, pairs[::-1]], axis=1), axis=1)
    return NodeSet(
        name="random",
        edges=edges,
        features=rng.random((num_nodes, 2)).astype(np.float32),
        labels=rng.integers(num_classes, size=num_nodes),
        num_classes=num_classes,
    )


def relabelled(graphs: GraphSet, rng: np.random.Generator) -> GraphSet:
    """Return the same graphs with the nodes of each numbered in another order."""
    orders = [rng.permutation(nodes) for nodes in graphs.num_nodes]  # old number -> new number
    edges = [orders[graph][graphs.edges_of(graph)] for graph in range(len(graphs))]
    features = [
        np.concatenate(
            [
                graphs.features_of(graph)[np.argsort(orders[graph])]
                for graph in np.flatnonzero(graphs.domain_of == domain)
            ]
        )
        for domain in range(len(graphs.domains))
    ]
    return GraphSet(
        name=graphs.name,
        domains=graphs.domains,
        domain_of=graphs.domain_of,
        node_offsets=graphs.node_offsets,
        edge_offsets=graphs.edge_offsets,
        edges=np.concatenate(edges, axis=1),
        features=tuple(features),
        labels=graphs.labels,
        num_classes=graphs.num_classes,
    )
