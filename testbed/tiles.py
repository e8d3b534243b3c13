"""Tiles: luck of a whole population that is drawn only where somebody looks.

A quantity of every entity in every block of time, such as a fade, is one vector a block for the first 1024 entities,
from the block's own stream. Drawing that vector for a million, to look at one of them, would cost a hundred times what
all else costs. So the entities beyond lie in tiles of 8 entities by 64 blocks, each with an address of its own:

    entity < 1024      (purpose, block)                             the vector of the block
    entity >= 1024     (TILE, purpose, column, row, ...)            column = (entity - 1024) // 8, row = block // 64

A look at one entity costs one tile at most, whatever the population, and who looks at the blocks one after another pays
once in 64. The number of entities is in no address and every part is prefix-stable: a further entity changes no other.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Generic, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["NUM_FIRST", "TILE_BLOCKS", "TILE_ENTITIES", "Tiles"]

# No run of up to so many entities has a tile. Measured: a generator costs 16 us, with a tile of complex normals it is
# 30 us, with the vector of 1024 it is 43 us. A digital upload looks at some 70 blocks of one entity.
NUM_FIRST: Final = 1024
TILE_BLOCKS: Final = 64
TILE_ENTITIES: Final = 8

# What is kept of what was drawn: a run looks at the same few places again and again.
_NUM_KEPT_TILES: Final = 1024
_KEPT_NUMBERS: Final = 1 << 18
_FEWEST_KEPT_VECTORS: Final = 4

T = TypeVar("T", bound=np.generic)


class Tiles(Generic[T]):
    """The values of one quantity, by entity and block; looking changes nothing.

    Parameters
    ----------
    num_entities : size of the population.
    vector_of : returns the values of the first entities in a block from (block, how many), prefix-stable.
    tiles_of : returns the tiles of some columns in a row from (columns, row), each (TILE_BLOCKS, TILE_ENTITIES);
        None: a law without tiles, whose vectors are of everybody.
    """

    def __init__(
        self,
        num_entities: int,
        vector_of: Callable[[int, int], npt.NDArray[T]],
        tiles_of: Callable[[Sequence[int], int], Iterable[npt.NDArray[T]]] | None,
    ) -> None:
        self.num_entities = num_entities
        self._num_first = num_entities if tiles_of is None else min(num_entities, NUM_FIRST)
        self._vector_of = vector_of
        self._tiles_of = tiles_of
        self._vectors: dict[int, npt.NDArray[T]] = {}
        self._tiles: dict[tuple[int, int], npt.NDArray[T]] = {}

    def at(self, entities: npt.NDArray[np.intp], block: int) -> npt.NDArray[T]:
        """Return the values of `entities` in a block, (len(entities),).

        Raises
        ------
        IndexError : an entity that does not exist.
        """
        if entities.size and not 0 <= entities.min() <= entities.max() < self.num_entities:
            raise IndexError(f"entities {entities} of a population of {self.num_entities}")
        if entities.max(initial=0) < self._num_first:
            return self._vector(block)[entities]
        beyond = np.flatnonzero(entities >= self._num_first)
        columns, places = np.divmod(entities[beyond] - self._num_first, TILE_ENTITIES)
        present, which = np.unique(columns, return_inverse=True)
        rows = np.stack(self._rows(present.tolist(), block))
        values: npt.NDArray[T] = np.empty_like(rows, shape=len(entities))
        values[beyond] = rows[which, places]
        if len(beyond) < len(entities):
            first = np.flatnonzero(entities < self._num_first)
            values[first] = self._vector(block)[entities[first]]
        return values

    def one(self, entity: int, block: int) -> T:
        """Return the value of one entity in a block: the most frequent question, one link block after block."""
        if not 0 <= entity < self.num_entities:
            raise IndexError(f"entity {entity} of a population of {self.num_entities}")
        if entity < self._num_first:
            return self._vector(block)[entity]  # type: ignore[no-any-return]
        column, place = divmod(entity - self._num_first, TILE_ENTITIES)
        row, position = divmod(block, TILE_BLOCKS)
        tile = self._tiles.get((column, row))
        if tile is None:
            return self._rows([column], block)[0][place]  # type: ignore[no-any-return]
        return tile[position, place]  # type: ignore[no-any-return]

    def _vector(self, block: int) -> npt.NDArray[T]:
        vector = self._vectors.get(block)
        if vector is None:
            vector = self._vector_of(block, self._num_first)
            _keep(self._vectors, block, vector, max(_FEWEST_KEPT_VECTORS, _KEPT_NUMBERS // self._num_first))
        return vector

    def _rows(self, columns: Sequence[int], block: int) -> list[npt.NDArray[T]]:
        """Return what the tiles of some columns, each named once, have of a block, (TILE_ENTITIES,) each."""
        row, place = divmod(block, TILE_BLOCKS)
        found = {column: tile for column in columns if (tile := self._tiles.get((column, row))) is not None}
        if len(found) < len(columns):
            assert self._tiles_of is not None
            missing = [column for column in columns if column not in found]
            for column, tile in zip(missing, self._tiles_of(missing, row), strict=True):
                found[column] = tile
                _keep(self._tiles, (column, row), tile, _NUM_KEPT_TILES)
        return [found[column][place] for column in columns]


def _keep(kept: dict[Any, npt.NDArray[T]], address: object, drawn: npt.NDArray[T], most: int) -> None:
    """Keep what was drawn, instead of the oldest if there are `most` already."""
    if len(kept) >= most:
        del kept[next(iter(kept))]
    kept[address] = drawn
