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

from enum import IntEnum
from typing import Final

import numpy as np

__all__ = ["Purpose", "stream"]

# SeedSequence cuts numbers into 32-bit words and strings them together: a longer id would equal two ids.
_WORD: Final = 2**32
_POOL: Final = 2**128


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
    if not 0 <= root_seed < _POOL or any(not 0 <= i < _WORD for i in ids):
        raise ValueError(f"seed must be in [0, 2^128) and ids in [0, 2^32), got {root_seed} and {ids}")
    seeds = np.random.SeedSequence(root_seed, spawn_key=(int(purpose), *(int(i) for i in ids)))
    return np.random.Generator(np.random.Philox(seeds))
