"""Correlated fading: a memory over Rayleigh or Rician fading that keeps random access.

The coefficient of a block is a weighted sum of *innovations*, the fades that the wrapped law would give to
the block and its neighbours if they were independent:

    h_k = m + sum_j w_j (e_(k - j) - m) ,   m = E[e] ,   sum_j w_j^2 = 1 ,   R(d) = sum_j w_j w_(j + d) ,

with R(d) = E[(h_k - m) (h_(k + d) - m)*] / E|h_k - m|^2. Every innovation has its own address, so block 10^6
can be asked for first. Only finitely many weights differ from zero: R is cut off, and how well it meets its
target is stated here and tested.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Annotated, Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator
from scipy.special import j0

from channels.fading import BlockStream, ComplexArray, RayleighFading, RicianFading
from testbed.errors import RequestError
from testbed.settings import Part, component
from testbed.tiles import TILE_BLOCKS, TILE_ENTITIES

__all__ = ["CorrelatedFading", "autocorrelation", "exponential_weights", "jakes_weights"]

# The power in the weights that are cut off; R then misses rho^d by at most the root of it, 1e-3.
_TAIL_POWER: Final = 1e-6
# Doppler periods that the weights reach back and forth. At 8, R is within 0.02 of J0 for two periods.
_REACH_PERIODS: Final = 8

# Innovations already drawn, by the stream they came from: a walk from block to block needs one new one a step.
_drawn: "WeakKeyDictionary[BlockStream, dict[tuple[object, int], dict[int, ComplexArray]]]" = WeakKeyDictionary()


def autocorrelation(weights: npt.NDArray[np.float64], lag: int) -> float:
    """Return R(lag) = sum_j w_j w_(j + lag) of a moving average.

    >>> autocorrelation(np.array([0.6, 0.8]), 1)
    0.48
    """
    return float(np.sum(weights[: max(len(weights) - lag, 0)] * weights[lag:]))


@lru_cache(maxsize=64)
def exponential_weights(rho: float) -> npt.NDArray[np.float64]:
    """Return w_j proportional to rho^j, j = 0, 1, .., whose R(d) is rho^d up to 1e-3 (Gauss-Markov).

    >>> exponential_weights(0.0)
    array([1.])
    """
    num_taps = 1 if rho == 0 else 1 + int(np.ceil(np.log(_TAIL_POWER) / (2 * np.log(rho))))
    return _unit_power(np.power(rho, np.arange(num_taps, dtype=np.float64)))


@lru_cache(maxsize=64)
def jakes_weights(normalised_doppler: float) -> npt.NDArray[np.float64]:
    """Return w_j, j = -J .. J, whose R(d) is J0(2 pi f_D T d) up to 0.02 for d <= 2 / (f_D T).

    w is the zero-phase square root, in frequency, of J0 times a Gaussian taper; later lags fall to zero.
    """
    reach = int(np.ceil(_REACH_PERIODS / normalised_doppler))
    lags = np.arange(2 * reach + 1)
    taper = np.exp(-0.5 * (3.0 * lags / (2 * reach + 1)) ** 2)
    correlation = j0(2 * np.pi * normalised_doppler * lags) * taper
    size = 1 << int(np.ceil(np.log2(16 * reach)))
    circular = np.zeros(size)
    circular[: len(lags)] = correlation
    circular[-len(lags) + 1 :] = correlation[:0:-1]
    spectrum = np.maximum(np.fft.rfft(circular).real, 0.0)
    root = np.fft.irfft(np.sqrt(spectrum), size)
    return _unit_power(np.concatenate([root[-reach:], root[: reach + 1]]))


def _unit_power(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    scaled: npt.NDArray[np.float64] = weights / np.sqrt(np.sum(weights**2))
    scaled.setflags(write=False)
    return scaled


class CorrelatedFading(Part):
    """The wrapped law's fades with a memory from block to block; its distribution in one block is kept.

    Give exactly one of the two: `rho` in [0, 0.999], R(d) = rho^d (Gauss-Markov, the coefficient per block), or
    `normalised_doppler` f_D T in [0.002, 0.5], the Doppler shift times the coherence time, R(d) = J0(2 pi f_D T
    d) (isotropic scattering). rho = 0 is the wrapped law itself, bit for bit.

    References
    ----------
    Jakes, Microwave Mobile Communications, 1974, section 1.3 (Clarke's model).
    """

    kind: str = "correlated"
    of: Annotated[RayleighFading | RicianFading, component("fading")]  # the law in one block
    rho: Annotated[float, Field(ge=0, le=0.999)] | None = None  # correlation from block to block (Gauss-Markov)
    normalised_doppler: Annotated[float, Field(ge=0.002, le=0.5)] | None = None  # shift times coherence time (Jakes)

    @model_validator(mode="after")
    def _check(self) -> "CorrelatedFading":
        if not isinstance(self.of, RayleighFading | RicianFading):
            raise RequestError(f"of = {getattr(self.of, 'kind', self.of)!r}: must be rayleigh or rician")
        if (self.rho is None) == (self.normalised_doppler is None):
            raise RequestError("set exactly one of rho and normalised_doppler")
        return self

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """The weights w of the innovations, oldest last."""
        if self.rho is not None:
            return exponential_weights(self.rho)
        assert self.normalised_doppler is not None
        return jakes_weights(self.normalised_doppler)

    def coefficients(self, block: int, num_links: int, stream: BlockStream) -> ComplexArray:
        """Return the coefficients of a block, (num_links,) complex."""
        weights = self.weights
        # Innovation j of block k has the address k + reach - j, so that no address is negative.
        newest = block + len(weights) - 1
        draw = self._innovations(num_links, stream, oldest=block)
        mean = self.of.line_of_sight
        fades = np.zeros(num_links, dtype=np.complex128)
        for j, weight in enumerate(weights.tolist()):
            fades += weight * (draw(newest - j) - mean)
        return fades + mean

    @property
    def num_tile_rows(self) -> int:
        """So many that the weights reach from the last block of the first into the last."""
        return 1 + (TILE_BLOCKS + len(self.weights) - 2) // TILE_BLOCKS

    def tile(self, rngs: Iterator[np.random.Generator]) -> ComplexArray:
        """Return the coefficients of a tile's links in the blocks of a row; see `TiledFading`."""
        weights, mean = self.weights, self.of.line_of_sight
        # As above: block k takes in the innovations at the addresses k to k + len(weights) - 1, newest first.
        innovations = np.concatenate([self.of.tile(rngs) for _ in range(self.num_tile_rows)]) - mean
        fades = np.full((TILE_BLOCKS, TILE_ENTITIES), mean, dtype=np.complex128)
        for j, weight in enumerate(weights.tolist()):
            newest = len(weights) - 1 - j
            fades += weight * innovations[newest : newest + TILE_BLOCKS]
        return fades

    def _innovations(self, num_links: int, stream: BlockStream, oldest: int) -> Callable[[int], ComplexArray]:
        drawn = _drawn.setdefault(stream, {}).setdefault((self.of, num_links), {})
        if len(drawn) > 2 * len(self.weights):
            for address in [a for a in drawn if not oldest <= a < oldest + len(self.weights)]:
                del drawn[address]

        def draw(address: int) -> ComplexArray:
            if address not in drawn:
                drawn[address] = self.of.coefficients(address, num_links, stream)
            return drawn[address]

        return draw
