"""Who is whose neighbour, in the form in which neighbours are added up: lists of neighbours, node after node.

    (A x)_v = sum of x_u over the edges (u, v)

The sum runs through `embedding_bag`, which reads each list and writes each node once: several times faster on a CPU
than to copy a vector for every edge and to add the copies where they belong. The sum of a list has one order, so its
bits do not depend on the number of threads.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch.autograd.function import FunctionCtx

__all__ = ["Adjacency"]


@dataclass(frozen=True, eq=False)
class Adjacency:
    """The edges of a graph as two sets of lists, for the way forward and the way back.

    Attributes
    ----------
    sources, source_offsets : node v has the incoming edges from sources[source_offsets[v] : source_offsets[v + 1]].
    targets, target_offsets : node u has the outgoing edges to targets[target_offsets[u] : target_offsets[u + 1]].
    """

    sources: torch.Tensor
    source_offsets: torch.Tensor
    targets: torch.Tensor
    target_offsets: torch.Tensor

    @classmethod
    def of(cls, edge_index: torch.Tensor, num_nodes: int, undirected: bool = False) -> "Adjacency":
        """Return the lists of a graph.

        Parameters
        ----------
        edge_index : (2, E) int64, source and target of each directed edge, in any order.
        num_nodes : N.
        undirected : the edges are known to stand in both directions, so that the lists of both ways are the same.
        """
        source, target = edge_index
        sources, source_offsets = _lists(source, target, num_nodes)
        if undirected:
            return cls(sources, source_offsets, sources, source_offsets)
        return cls(sources, source_offsets, *_lists(target, source, num_nodes))

    @property
    def in_degrees(self) -> torch.Tensor:
        """Incoming edges of each node, (N,) int64."""
        return self.source_offsets.diff()

    @cached_property
    def inverse_root_degrees(self) -> torch.Tensor:
        """1 / sqrt(1 + incoming edges) of each node, (N, 1) float32."""
        return (self.in_degrees + 1).to(torch.float32).rsqrt().unsqueeze(1)

    def neighbour_sum(self, x: torch.Tensor) -> torch.Tensor:
        """Return x + A x for `x : (N, d)`: each node's vector and those of its neighbours, added up."""
        found: torch.Tensor = _NeighbourSum.apply(x, self)  # type: ignore[no-untyped-call]
        return found


class _NeighbourSum(torch.autograd.Function):
    """x + A x, whose gradient is g + A' g."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
        ctx.adjacency = adjacency
        return _sum_of_lists(x, adjacency.sources, adjacency.source_offsets)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        adjacency: Adjacency = ctx.adjacency  # type: ignore[attr-defined]
        return _sum_of_lists(gradients[0].contiguous(), adjacency.targets, adjacency.target_offsets), None


def _sum_of_lists(x: torch.Tensor, members: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """Return x_v + sum of x_u over the members u of list v."""
    return torch.embedding_bag(x, members, offsets, mode=0, include_last_offset=True)[0].add_(x)


def _lists(members: torch.Tensor, owners: torch.Tensor, num_nodes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the members sorted by their owners, and where each owner's begin, (N + 1,)."""
    if len(owners) > 1 and bool((owners[1:] < owners[:-1]).any()):
        members = members[owners.argsort(stable=True)]
    offsets = torch.zeros(num_nodes + 1, dtype=torch.int64)
    torch.cumsum(torch.bincount(owners, minlength=num_nodes), 0, out=offsets[1:])
    return members.contiguous(), offsets
