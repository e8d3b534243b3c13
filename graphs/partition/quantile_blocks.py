"""Blocks of graphs that are alike in one number."""

import numpy as np

from graphs.graph_set import FloatArray, IntArray
from testbed.learning.partition.rule import require_samples

__all__ = ["quantile_blocks"]


def quantile_blocks(
    scores: FloatArray | IntArray, mix: float, num_clients: int, rng: np.random.Generator
) -> list[IntArray]:
    """Return graphs sorted by a score and cut into blocks, equal in size up to one, that exchange a share at random.

    Our choice: graphs of equal score are in random order, because files of graphs are sorted by label; every client
    puts round(mix n_i) of its graphs, drawn at random, into one pool and takes as many out of it, so sizes stay and
    mix = 1 deals at random.

    Parameters
    ----------
    scores : (num_graphs,).
    mix : the share that is exchanged, 0 to 1.

    Raises
    ------
    RequestError : fewer graphs than clients.
    """
    require_samples(len(scores), num_clients, 1)
    shuffled = rng.permutation(len(scores))
    blocks = np.array_split(shuffled[np.argsort(scores[shuffled], kind="stable")], num_clients)
    blocks = [rng.permutation(block) for block in blocks]
    amounts = [round(mix * len(block)) for block in blocks]
    pool = rng.permutation(np.concatenate([block[:amount] for block, amount in zip(blocks, amounts, strict=True)]))
    taken = np.split(pool, np.cumsum(amounts)[:-1])
    kept = [block[amount:] for block, amount in zip(blocks, amounts, strict=True)]
    return [np.sort(np.concatenate(both)) for both in zip(taken, kept, strict=True)]
