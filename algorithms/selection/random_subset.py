"""A random subset: the client sampling of FedAvg.

McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data", AISTATS 2017, Alg. 1: each
round max(C K, 1) of the K clients, at random. Our choice: C K is rounded to the nearest whole number; where fewer can
be asked, all of them are.
"""

from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
from pydantic import Field, PositiveInt, model_validator

from algorithms.selection.context import SelectionContext
from algorithms.selection.memoryless import Memoryless, require_clients

__all__ = ["RandomSubset"]


class RandomSubset(Memoryless):
    """So many clients at random, each subset equally likely: a number of them, or a fraction of all."""

    kind: str = "random"
    num_clients: PositiveInt | None = None  # asked in a round; or a fraction
    fraction: Annotated[float, Field(gt=0, le=1)] | None = None  # of all clients, present or not

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.num_clients is None) == (self.fraction is None):
            raise ValueError("selection random needs exactly one of num_clients and fraction")
        return self

    def size(self, context: SelectionContext) -> int:
        """Return how many clients a round asks, if so many are there."""
        if self.fraction is not None:
            return max(round(self.fraction * context.num_clients), 1)
        assert self.num_clients is not None
        require_clients(self.kind, self.num_clients, context)
        return self.num_clients

    def select(self, candidates: Sequence[int], context: SelectionContext, rng: np.random.Generator) -> tuple[int, ...]:
        """Return the subset; see `Selection.select`."""
        size = min(self.size(context), len(candidates))
        if not size:
            return ()
        # Positions are drawn, not candidates: of a million in a range, none but the chosen is touched.
        ascending = candidates if isinstance(candidates, range) else np.sort(candidates)
        return tuple(sorted(int(ascending[k]) for k in rng.choice(len(candidates), size, replace=False).tolist()))
