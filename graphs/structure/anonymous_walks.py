"""`anonymous-walks`: which nodes of a random walk are the same, without saying which; compared by Jensen-Shannon.

The walk u v u w is 0 1 0 2: each node by the place of its first visit. Ivanov and Burnaev, "Anonymous Walk Embeddings",
ICML 2018; GCFL (Xie et al., NeurIPS 2021) tells its clients apart by them.

Our choices: walks are sampled, as exact counts explode with the degree: each begins at a node drawn at random; one that
begins at an isolated node cannot walk and has a bin of its own. So the vector is random, with deviation at most
1 / (2 sqrt(num_walks)) a graph and bin. Cost: two operations a step.
"""

from functools import cache
from typing import Annotated

import numpy as np
from pydantic import Field, PositiveInt

from graphs.graph_set import GraphSet, IntArray
from graphs.structure.disjoint_union import DisjointUnion
from graphs.structure.vector import HistogramOfGraphs
from testbed.layout import FloatArray

__all__ = ["AnonymousWalks", "walk_patterns"]


class AnonymousWalks(HistogramOfGraphs):
    """The shares of the patterns of random walks."""

    kind: str = "anonymous-walks"
    walk_length: Annotated[int, Field(ge=2, le=7)] = 4  # steps of a walk: 15 patterns for 4, 877 for 7
    num_walks: PositiveInt = 200  # sampled in each graph

    @property
    def num_values(self) -> int:
        """One a pattern, and one for walks that cannot leave."""
        return len(walk_patterns(self.walk_length)) + 1

    def flop(self, graphs: GraphSet, members: IntArray) -> float:
        """Return 2 num_walks walk_length a graph [FLOP]."""
        return float(2 * self.num_walks * self.walk_length * len(members))

    def _values(self, union: DisjointUnion, rng: np.random.Generator) -> FloatArray:
        num_graphs = len(union.sizes)
        graph = np.repeat(np.arange(num_graphs), self.num_walks)
        luck = rng.random((len(graph), self.walk_length + 1))
        patterns = _name_by_first_visit(_walk(union, graph, luck))
        codes = patterns @ (self.walk_length + 1) ** np.arange(self.walk_length, -1, -1)
        known = np.sort(_codes(self.walk_length))
        stuck = union.degrees[_beginnings(union, graph, luck)] == 0
        bins = np.where(stuck, len(known), np.searchsorted(known, codes))
        flat = np.bincount(graph * self.num_values + bins, minlength=num_graphs * self.num_values)
        return flat.reshape(num_graphs, self.num_values) / self.num_walks


@cache
def walk_patterns(walk_length: int) -> tuple[tuple[int, ...], ...]:
    """Return the patterns of walks of so many steps, in lexicographic order; a step never stays.

    >>> walk_patterns(2)
    ((0, 1, 0), (0, 1, 2))
    """
    patterns: list[tuple[int, ...]] = [(0,)]
    for _ in range(walk_length):
        patterns = [(*p, v) for p in patterns for v in range(max(p) + 2) if v != p[-1]]
    return tuple(patterns)


def _codes(walk_length: int) -> IntArray:
    return np.array(walk_patterns(walk_length)) @ (walk_length + 1) ** np.arange(walk_length, -1, -1)


def _beginnings(union: DisjointUnion, graph: IntArray, luck: FloatArray) -> IntArray:
    return union.starts[graph] + (luck[:, 0] * union.sizes[graph]).astype(np.int64)


def _walk(union: DisjointUnion, graph: IntArray, luck: FloatArray) -> IntArray:
    """Return the nodes of each walk: (num_walks, num_steps + 1); one at an isolated node stays there."""
    pointers, neighbours = union.adjacency.indptr.astype(np.int64), union.adjacency.indices
    walks = np.empty(luck.shape, dtype=np.int64)
    walks[:, 0] = _beginnings(union, graph, luck)
    for k in range(1, luck.shape[1]):
        here = walks[:, k - 1]
        able = union.degrees[here] > 0
        walks[:, k] = here
        choice = pointers[here[able]] + (luck[able, k] * union.degrees[here[able]]).astype(np.int64)
        walks[able, k] = neighbours[choice]
    return walks


def _name_by_first_visit(walks: IntArray) -> IntArray:
    """Return each walk with its nodes numbered in the order of their first visits: (num_walks, num_steps + 1)."""
    names = np.zeros_like(walks)
    for k in range(1, walks.shape[1]):
        seen = walks[:, :k] == walks[:, [k]]
        fresh = names[:, :k].max(axis=1) + 1
        names[:, k] = np.where(seen.any(axis=1), names[np.arange(len(walks)), seen.argmax(axis=1)], fresh)
    return names
