"""Luck that notes who asks for it."""

from collections.abc import Iterator, Sequence

import numpy as np

from testbed.streams import Luck, Purpose

__all__ = ["NotedLuck"]


class NotedLuck(Luck):
    """As `Luck`; `asked` are the addresses, in the order in which they were asked for."""

    def __init__(self, root_seed: int) -> None:
        super().__init__(root_seed)
        self.asked: list[tuple[int, ...]] = []

    def __call__(self, purpose: Purpose, *ids: int) -> np.random.Generator:
        self.asked.append((purpose, *ids))
        return super().__call__(purpose, *ids)

    def each(self, purpose: Purpose, ids: Sequence[Sequence[int]]) -> Iterator[np.random.Generator]:
        self.asked += [(purpose, *row) for row in ids]
        return super().each(purpose, ids)
