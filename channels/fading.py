"""Small-scale fading: the complex coefficients of all links in one coherence block.

A law of fading is a function of the block: one vector for all links, the link as position, drawn from the
block's own stream. It is prefix-stable, so a further link changes no other. Laws that remember are in
`correlated_fading`, measured channels in `trace_fading`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Annotated, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.special import gammaincinv

from testbed.settings import Decibels, Part
from testbed.tiles import TILE_BLOCKS, TILE_ENTITIES
from testbed.units import db_to_linear

__all__ = [
    "BlockStream",
    "ComplexArray",
    "Fading",
    "LimitedFading",
    "NakagamiFading",
    "RayleighFading",
    "RicianFading",
    "StaticFading",
    "TiledFading",
]

ComplexArray: TypeAlias = npt.NDArray[np.complex128]
BlockStream: TypeAlias = Callable[[int], np.random.Generator]


class Fading(Protocol):
    """A law of small-scale fading with unit mean power."""

    def coefficients(self, block: int, num_links: int, stream: BlockStream) -> ComplexArray:
        """Return the coefficients of a block, (num_links,); `stream(block)` is the block's generator."""
        ...


@runtime_checkable
class TiledFading(Protocol):
    """A law that draws a few links without all the others: what a large population needs (`testbed.tiles`)."""

    @property
    def num_tile_rows(self) -> int:
        """Of how many rows a tile takes the luck: of its own and of those after it."""
        ...

    def tile(self, rngs: Iterator[np.random.Generator]) -> ComplexArray:
        """Return the coefficients of a tile's links in the blocks of a row, (TILE_BLOCKS, TILE_ENTITIES).

        The next `num_tile_rows` of `rngs` are those of its rows; one is not used any more when the next is taken.
        """
        ...


class _MemorylessFading(Part, ABC):
    """What the laws share whose fades are independent from block to block: so many draws make a tile."""

    @abstractmethod
    def coefficients(self, block: int, num_links: int, stream: BlockStream) -> ComplexArray:
        """Return the coefficients of a block, (num_links,) complex."""

    @property
    def num_tile_rows(self) -> int:
        """One: that of the tile."""
        return 1

    def tile(self, rngs: Iterator[np.random.Generator]) -> ComplexArray:
        """Return the coefficients of a tile's links in the blocks of a row; see `TiledFading`."""
        shape = (TILE_BLOCKS, TILE_ENTITIES)
        return self.coefficients(0, TILE_BLOCKS * TILE_ENTITIES, lambda _: next(rngs)).reshape(shape)


@runtime_checkable
class LimitedFading(Protocol):
    """A law that cannot serve every run, and says so before one starts."""

    def check_run(self, num_links: int, num_blocks: int | None, num_antennas: int) -> None:
        """Refuse a run of so many links, blocks (None: it has no end) and receive antennas: `RequestError`."""
        ...


class RayleighFading(_MemorylessFading):
    """Rayleigh fading: circular complex Gaussian coefficients of unit mean power, independent between blocks.

    `h = (x + j y) / sqrt(2)` with x and y standard normal, so E|h|^2 = 1 and |h|^2 is exponential.

    References
    ----------
    Tse and Viswanath, Fundamentals of Wireless Communication, 2005, section 2.4.2.
    """

    kind: str = "rayleigh"

    @property
    def line_of_sight(self) -> float:
        """The mean coefficient E[h]: there is no direct path."""
        return 0.0

    def coefficients(self, block: int, num_links: int, stream: BlockStream) -> ComplexArray:
        """Return the coefficients of a block, (num_links,) complex."""
        # Rows of (real, imaginary): drawing all real parts first would not be prefix-stable.
        parts = stream(block).standard_normal((num_links, 2))
        parts *= np.sqrt(0.5)
        return parts.view(np.complex128)[:, 0]


class RicianFading(_MemorylessFading):
    """Rician fading: a direct path of constant coefficient over Rayleigh scattering, unit mean power in sum.

    `h = sqrt(K / (K + 1)) + sqrt(1 / (K + 1)) g` with g Rayleigh and K the power of the direct path over that
    of the scattered ones. `k_factor_db` is K in decibels.

    Our choice: the direct path has phase zero on every link and antenna (an array at broadside).

    References
    ----------
    Tse and Viswanath, Fundamentals of Wireless Communication, 2005, section 2.4.2.
    """

    kind: str = "rician"
    k_factor_db: Decibels  # power of the direct path over that of the scattered ones [dB]

    @property
    def line_of_sight(self) -> float:
        """The mean coefficient E[h] = sqrt(K / (K + 1)): the direct path."""
        return float(np.sqrt(1.0 - self._scattered_power))

    @property
    def _scattered_power(self) -> float:
        return 1.0 / (1.0 + db_to_linear(self.k_factor_db))

    def coefficients(self, block: int, num_links: int, stream: BlockStream) -> ComplexArray:
        """Return the coefficients of a block, (num_links,) complex."""
        scattered = RayleighFading().coefficients(block, num_links, stream)
        fades: ComplexArray = self.line_of_sight + np.sqrt(self._scattered_power) * scattered
        return fades


class NakagamiFading(_MemorylessFading):
    """Nakagami-m fading: |h|^2 is Gamma distributed with shape m and mean 1, independent between blocks.

    m = 1 is Rayleigh in distribution, m = 1/2 the one-sided Gaussian, large m no fading; Var |h|^2 = 1 / m.

    Our choice: the phase is uniform (the law itself is one of amplitudes).

    References
    ----------
    Nakagami, The m-distribution, in Statistical Methods in Radio Wave Propagation, 1960.
    """

    kind: str = "nakagami"
    m: Annotated[float, Field(ge=0.5)]  # shape: 1 is Rayleigh, large is no fading

    def coefficients(self, block: int, num_links: int, stream: BlockStream) -> ComplexArray:
        """Return the coefficients of a block, (num_links,) complex."""
        # By inversion: a rejection sampler draws a varying count and would not be prefix-stable in rows.
        uniform = stream(block).random((num_links, 2))
        powers = gammaincinv(self.m, uniform[:, 0]) / self.m
        fades: ComplexArray = np.sqrt(powers) * np.exp(2j * np.pi * uniform[:, 1])
        return fades


class StaticFading(_MemorylessFading):
    """No fading: every coefficient is 1 in every block; draws nothing."""

    kind: str = "static"

    def coefficients(self, block: int, num_links: int, stream: BlockStream) -> ComplexArray:
        """Return ones, (num_links,) complex."""
        return np.ones(num_links, dtype=np.complex128)
