"""Random labelled graphs, small and of any shape, in several domains; and one graph with labelled nodes."""

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatch
from typing import Any

import numpy as np

from graphs.graph_set import FloatArray, GraphSet, IntArray
from graphs.models.shape import GraphShape
from graphs.node_set import NodeSet

__all__ = [
    "num_exchanged",
    "random_edges",
    "random_extras",
    "random_file_set",
    "random_graph_set",
    "random_node_set",
    "relabelled",
]


def random_edges(num_nodes: int, density: float, rng: np.random.Generator) -> IntArray:
    """Return an undirected graph without self-loops, each edge in both directions, (2, num_edges)."""
    upper = np.triu(rng.random((num_nodes, num_nodes)) < density, k=1)
    source, target = np.nonzero(upper | upper.T)
    return np.stack([source, target]).astype(np.int64)


def random_graph_set(
    graphs_of: Sequence[int] = (12,),
    *,
    widths: Sequence[int] = (3, 5, 2),
    num_classes: Sequence[int] = (2, 3, 2),
    max_nodes: int = 9,
    density: float = 0.4,
    seed: int = 0,
) -> GraphSet:
    """Return `graphs_of[d]` graphs of domain d; the first of each has one node, the second no edge."""
    rng = np.random.default_rng(seed)
    sizes, pieces, features = [], [], []
    for width, num_graphs in zip(widths, graphs_of, strict=False):
        of_domain = rng.integers(2, max_nodes + 1, num_graphs)
        of_domain[0] = 1
        pieces += [random_edges(size, 0.0 if k == 1 else density, rng) for k, size in enumerate(of_domain.tolist())]
        features.append(rng.normal(size=(of_domain.sum(), width)).astype(np.float32))
        sizes.append(of_domain)
    domains = tuple(f"random-{domain}" for domain in range(len(graphs_of)))
    classes = tuple(num_classes[: len(domains)])
    return GraphSet(
        name="random",
        domains=domains,
        domain_of=np.repeat(np.arange(len(domains)), graphs_of),
        node_offsets=np.cumsum([0, *np.concatenate(sizes)]),
        edge_offsets=np.cumsum([0, *(piece.shape[1] for piece in pieces)]),
        edges=np.concatenate(pieces, axis=1),
        features=tuple(features),
        labels=np.concatenate([np.arange(n) % c for n, c in zip(graphs_of, classes, strict=True)]),
        num_classes=classes,
    )


def random_file_set(sizes: Sequence[int], seed: int = 0, num_classes: int = 2) -> GraphSet:
    """Return a set as files have it: domains of so many graphs each, every one sorted by label, with their sources."""
    num_domains = len(sizes)
    graphs = random_graph_set(
        sizes, widths=range(2, 2 + num_domains), num_classes=[num_classes] * num_domains, seed=seed
    )
    names = tuple(f"domain-{domain}" for domain in range(num_domains))
    labels = np.concatenate([np.sort(np.arange(size) % num_classes) for size in sizes])
    sources = {f"{name}.txt": f"{seed + domain:064x}" for domain, name in enumerate(names)}
    return replace(graphs, domains=names, labels=labels, sources=sources)


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


def random_extras(graph_set: GraphSet, width: int = 32, seed: int = 1) -> FloatArray:
    """Return numbers in [0, 1) for every node, (num_nodes, width)."""
    return np.random.default_rng(seed).random((int(graph_set.node_offsets[-1]), width)).astype(np.float32)


def num_exchanged(architecture: Any, shape: GraphShape) -> int:
    """Return how many parameters of a graph network do not stay with the clients."""
    state = architecture.build_for_graphs(shape, 0).state_dict()
    kept = architecture.local_tensors
    return sum(t.numel() for name, t in state.items() if not any(fnmatch(name, pattern) for pattern in kept))
