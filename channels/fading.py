"""Small-scale fading: the complex coefficients of all links in one coherence block.

A law of fading is a function of the block: one vector for all links, the link as position, drawn from the
block's own stream. It is prefix-stable, so a further link changes no other.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.settings import Part

__all__ = ["ComplexArray", "Fading", "RayleighFading", "StaticFading"]

ComplexArray: TypeAlias = npt.NDArray[np.complex128]
BlockStream: TypeAlias = Callable[[int], np.random.Generator]


class Fading(Protocol):
    """A law of small-scale fading with unit mean power."""

    def coefficients(self, block: int, num_links: int, stream: BlockStream) -> ComplexArray:
        """Return the coefficients of a block, (num_links,); `stream(block)` is the block's generator."""
        ...


class RayleighFading(Part):
    """Rayleigh fading: circular complex Gaussian coefficients of unit mean power, independent between blocks.

    `h = (x + j y) / sqrt(2)` with x and y standard normal, so E|h|^2 = 1 and |h|^2 is exponential.

    References
    ----------
    Tse and Viswanath, Fundamentals of Wireless Communication, 2005, section 2.4.2.
    """

    kind: str = "rayleigh"

    def coefficients(self, block: int, num_links: int, stream: BlockStream) -> ComplexArray:
        """Return the coefficients of a block, (num_links,) complex."""
        # Rows of (real, imaginary): drawing all real parts first would not be prefix-stable.
        parts = stream(block).standard_normal((num_links, 2)) * np.sqrt(0.5)
        fades: ComplexArray = parts[:, 0] + 1j * parts[:, 1]
        return fades


class StaticFading(Part):
    """No fading: every coefficient is 1 in every block; draws nothing."""

    kind: str = "static"

    def coefficients(self, block: int, num_links: int, stream: BlockStream) -> ComplexArray:
        """Return ones, (num_links,) complex."""
        return np.ones(num_links, dtype=np.complex128)
