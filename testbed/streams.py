"""Addressed luck: every random number has an address, never a turn in a queue.

    stream(root, purpose, *ids) = Generator(Philox(SeedSequence(root, spawn_key=(purpose, *ids))))

There is no other source of randomness. A draw depends on the root seed, on what it is for and on whom it
concerns, and on nothing that happened before. So a new client, another algorithm or another order of events
leaves every other draw as it was, and all alternatives under one root seed meet the same luck.

Time-varying nature is addressed by its block (`FADING, link, block`), so looking at it changes nothing.
Quantities of a whole population are one vector per (purpose, block) with the entity as position; the vector
is prefix-stable, so adding a last entity changes no other. What changes from block to block has such a vector for the
first 1024 entities, and tiles with addresses of their own for those beyond (`tiles.py`).
"""

from collections.abc import Iterator, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Luck", "Purpose", "stream", "streams"]

_Words: TypeAlias = npt.NDArray[np.uint32]

# SeedSequence cuts numbers into 32-bit words and strings them together: a longer id would equal two ids.
_WORD: Final = 2**32
_POOL: Final = 2**128

# Measured: one stream costs 11 us; many at once cost 85 us and less than 2 us each.
_FEWEST_AT_ONCE: Final = 10


class Purpose(IntEnum):
    """What a random number is for. The values are part of every address: append, never renumber."""

    MODEL_INITIALISATION = 1
    PARTITION = 2
    DEVICE = 3
    FADING = 4
    NOISE = 5
    TRAIN = 6
    AVAILABILITY = 7
    ARRIVALS = 8
    SERVICE = 9
    GROUPING = 10
    SELECTION = 11
    GEOMETRY = 12
    DATA_SPLIT = 13
    CSI_ERROR = 14
    PHASE_ERROR = 15
    MINIBATCH = 16
    BANDWIDTH = 17
    JITTER = 18
    TILE = 19


def stream(root_seed: int, purpose: Purpose, *ids: int) -> np.random.Generator:
    """Return the generator at the address (root_seed, purpose, *ids).

    Parameters
    ----------
    root_seed : the run's seed, at least 0 and below 2^128.
    purpose : what the numbers are for.
    ids : whom and when they concern (client, link, block, k-th job), each at least 0 and below 2^32.

    Raises
    ------
    ValueError : a seed or id out of range.

    >>> a, b = stream(0, Purpose.FADING, 7), stream(0, Purpose.FADING, 7)
    >>> bool(a.random() == b.random())
    True
    """
    if ids and not 0 <= min(ids) <= max(ids) < _WORD:
        raise ValueError(f"ids must be in [0, 2^32), got {ids}")
    # The words that a spawn key would become, put together here: SeedSequence takes three times as long for it.
    words = np.array((*_seed_words(root_seed), purpose, *ids), dtype=np.uint32)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))


def streams(root_seed: int, purpose: Purpose, ids: Sequence[Sequence[int]]) -> Iterator[np.random.Generator]:
    """Yield `stream(root_seed, purpose, *row)` for each row of `ids`; where they are many, at a fourth of the cost.

    It may be one generator that is moved from address to address: draw all that is needed before asking for the next.

    Parameters
    ----------
    root_seed, purpose : as for `stream`.
    ids : (num_streams, num_ids), as for `stream`.

    Raises
    ------
    ValueError : a seed or id out of range.

    >>> numbers = [rng.random() for rng in streams(0, Purpose.TRAIN, [(7, 0), (8, 0)])]
    >>> numbers[1] == stream(0, Purpose.TRAIN, 8, 0).random()
    True
    """
    if len(ids) < _FEWEST_AT_ONCE:
        yield from (stream(root_seed, purpose, *row) for row in ids)
        return
    rows = np.array(ids, dtype=np.int64)
    if rows.size and not 0 <= rows.min() <= rows.max() < _WORD:
        raise ValueError(f"ids must be in [0, 2^32), got {rows.min()} to {rows.max()}")
    generator = stream(root_seed, purpose)
    start = generator.bit_generator.state
    for key in _keys(root_seed, purpose, rows.astype(np.uint32)):
        start["state"]["key"] = key
        generator.bit_generator.state = start
        yield generator


class Luck:
    """All streams of one root seed, for whoever draws and need not know the seed.

    >>> luck = Luck(0)
    >>> luck(Purpose.FADING, 7).random() == stream(0, Purpose.FADING, 7).random()
    True
    """

    def __init__(self, root_seed: int) -> None:
        self.root_seed = root_seed

    def __call__(self, purpose: Purpose, *ids: int) -> np.random.Generator:
        """Return the generator at (purpose, *ids); see `stream`."""
        return stream(self.root_seed, purpose, *ids)

    def each(self, purpose: Purpose, ids: Sequence[Sequence[int]]) -> Iterator[np.random.Generator]:
        """Yield the generators at (purpose, *row) for each row of `ids`; see `streams`."""
        return streams(self.root_seed, purpose, ids)


@lru_cache(maxsize=16)
def _seed_words(root_seed: int) -> tuple[int, ...]:
    """Return the four words of a seed, the lowest first."""
    if not 0 <= root_seed < _POOL:
        raise ValueError(f"seed must be in [0, 2^128), got {root_seed}")
    return tuple(root_seed >> shift & (_WORD - 1) for shift in (0, 32, 64, 96))


# NumPy's SeedSequence for many ids at once. It keeps a pool of four words. Every further word of an address is hashed
# into each of them, with a constant that is multiplied for each hash, and the key is a hash of the pool.
_INTO_POOL: Final = 0x43B0D7E5, 0x931E8875  # the first constant, and what it is multiplied with for each hash
_OUT_OF_POOL: Final = 0x8B51F9DD, 0x58F38DED
_MIX_LEFT: Final = np.uint32(0xCA01F9DD)
_MIX_RIGHT: Final = np.uint32(0x4973F715)
_HALF_WORD: Final = np.uint32(16)


def _keys(root_seed: int, purpose: Purpose, ids: _Words) -> npt.NDArray[np.uint64]:
    """Return the key of Philox at each address (root_seed, purpose, *ids), (num_streams, 2); `ids : (num_streams, k)`.

    References
    ----------
    O'Neill, "Developing a seed_seq alternative", 2015, as in `numpy.random.SeedSequence`.
    """
    prefix = np.array((*_seed_words(root_seed), purpose), dtype=np.uint32)
    pool = np.tile(np.random.SeedSequence(prefix).pool, (len(ids), 1))  # (num_streams, 4)
    num_hashes = pool.shape[1] * (pool.shape[1] + 1)  # that the prefix took: four words, twelve pairs, the purpose
    for word in ids.T:
        hashed = _hashed(word[:, np.newaxis], _INTO_POOL, num_hashes)
        pool = _MIX_LEFT * pool - _MIX_RIGHT * hashed
        pool ^= pool >> _HALF_WORD
        num_hashes += pool.shape[1]
    return _hashed(pool, _OUT_OF_POOL, 0).astype("<u4").view("<u8")


def _hashed(words: _Words, constants_of: tuple[int, int], num_before: int) -> _Words:
    """Return the hashes number `num_before` and the three after it, one a column, (num_streams, 4)."""
    first, factor = constants_of
    constants = np.array([first * pow(factor, num_before + at, _WORD) % _WORD for at in range(5)], dtype=np.uint32)
    hashed: _Words = (words ^ constants[:-1]) * constants[1:]
    hashed ^= hashed >> _HALF_WORD
    return hashed
