"""Graph sets for tests: from lists of edges, drawn at random, or read from the archives of the TU collection."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from graphs.graph_set import GraphSet, IntArray

__all__ = ["both_ways", "complete", "cycle", "drawn", "graph_set", "path", "read_tu", "relabelled"]

Edges = Sequence[tuple[int, int]]


def graph_set(*parts: tuple[int, Edges], features: np.ndarray | None = None) -> GraphSet:
    """A set of graphs, each of so many nodes and these directed edges."""
    sizes = np.array([size for size, _ in parts], dtype=np.int64)
    edges = [np.array(list(edges), dtype=np.int64).reshape(-1, 2).T for _, edges in parts]
    return GraphSet(
        name="drawn",
        domains=("drawn",),
        domain_of=np.zeros(len(parts), dtype=np.int64),
        node_offsets=np.concatenate([[0], np.cumsum(sizes)]),
        edge_offsets=np.concatenate([[0], np.cumsum([part.shape[1] for part in edges])]).astype(np.int64),
        edges=np.concatenate(edges, axis=1),
        features=(np.ones((int(sizes.sum()), 1), dtype=np.float32) if features is None else features,),
        labels=np.zeros(len(parts), dtype=np.int64),
        num_classes=(1,),
    )


def both_ways(edges: Edges) -> Edges:
    return [*edges, *((v, u) for u, v in edges)]


def path(size: int) -> tuple[int, Edges]:
    return size, both_ways([(v, v + 1) for v in range(size - 1)])


def cycle(size: int) -> tuple[int, Edges]:
    return size, both_ways([(v, (v + 1) % size) for v in range(size)])


def complete(size: int) -> tuple[int, Edges]:
    return size, [(u, v) for u in range(size) for v in range(size) if u != v]


@st.composite
def drawn(draw: st.DrawFn, max_size: int = 8) -> tuple[int, Edges]:
    """An undirected graph without loops, connected or not, perhaps without edges."""
    size = draw(st.integers(1, max_size))
    pairs = [(u, v) for u in range(size) for v in range(u + 1, size)]
    kept = draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
    return size, both_ways([pair for pair, keep in zip(pairs, kept, strict=True) if keep])


def relabelled(graph: tuple[int, Edges], order: Sequence[int]) -> tuple[int, Edges]:
    size, edges = graph
    return size, [(order[u], order[v]) for u, v in edges]


def read_tu(folder: Path, name: str) -> GraphSet:
    """A set of the TU collection as `folder/name.zip` has it, its graphs in the order of the file, without features."""
    with zipfile.ZipFile(folder / f"{name}.zip") as archive:

        def numbers(what: str) -> IntArray:
            text = io.BytesIO(archive.read(f"{name}/{name}_{what}.txt"))
            return np.loadtxt(text, delimiter=",", dtype=np.int64)

        graph_of, ends = numbers("graph_indicator") - 1, numbers("A").T - 1
        labels = np.unique(numbers("graph_labels"), return_inverse=True)[1].astype(np.int64)
    ends = ends[:, np.argsort(graph_of[ends[0]], kind="stable")]
    counts = np.bincount(graph_of[ends[0]], minlength=len(labels))
    node_offsets = np.concatenate([[0], np.cumsum(np.bincount(graph_of))])
    return GraphSet(
        name=name,
        domains=(name,),
        domain_of=np.zeros(len(labels), dtype=np.int64),
        node_offsets=node_offsets,
        edge_offsets=np.concatenate([[0], np.cumsum(counts)]),
        edges=ends - node_offsets[graph_of[ends[0]]],
        features=(np.ones((len(graph_of), 1), dtype=np.float32),),
        labels=labels,
        num_classes=(int(labels.max()) + 1,),
    )
