"""Bandwidth redrawn in blocks: the link's capacity times a log-normal factor of mean 1, independent of other blocks.

    rate in block k = capacity exp(sigma z_k - sigma^2 / 2),     z_k ~ N(0, 1)

The factor of block k comes from the link's stream of window k, so asking in any order changes nothing.
"""

import math
from functools import lru_cache

from pydantic import NonNegativeFloat

from channels.wan.bandwidth import LinkNature
from testbed.settings import Part, PositiveSeconds

__all__ = ["LogNormalBandwidth"]

_BLOCKS_KEPT = 64


class LogNormalBandwidth(Part):
    """A capacity that is redrawn every block; planning expects its mean."""

    kind: str = "log-normal"
    sigma: NonNegativeFloat  # standard deviation of the logarithm of the factor
    block_s: PositiveSeconds  # how long a factor holds [s]

    def course(self, link: LinkNature) -> "LogNormalCourse":
        """Return the course of one link."""
        return LogNormalCourse(link, self.sigma, self.block_s)


class LogNormalCourse:
    """The course of one link."""

    def __init__(self, link: LinkNature, sigma: float, block_s: float) -> None:
        self.nominal_bit_per_s = link.capacity_bit_per_s
        self._block_s = block_s

        def rate(block: int) -> float:
            return link.capacity_bit_per_s * math.exp(sigma * link.stream(block).normal() - sigma**2 / 2)

        self._rate = lru_cache(maxsize=_BLOCKS_KEPT)(rate)

    def at(self, time_s: float) -> tuple[float, float]:
        """Return the capacity at a time [bit/s], and until when it holds [s]."""
        block = math.floor(time_s / self._block_s)
        while (block + 1) * self._block_s <= time_s:  # the quotient is rounded
            block += 1
        return self._rate(block), (block + 1) * self._block_s
