"""A cohort whose labels together are closest to everybody's, by a genetic search.

A candidate is a set of clients whose samples of an iteration are within the budget. The better half of a population
stays; each of the others is a cross of two of them, entry by entry, with one client changed, made to fit by leaving out
clients at random.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from algorithms.split.label_mix import mix_divergence

__all__ = ["cohort_of_closest_labels"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
_Mask: TypeAlias = npt.NDArray[np.bool_]


def cohort_of_closest_labels(
    shares: FloatArray,
    batches: npt.NDArray[np.int64],
    budget: float,
    population: int,
    generations: int,
    rng: np.random.Generator,
) -> tuple[int, ...]:
    """Return the clients, ascending, at least one.

    Parameters
    ----------
    shares : (num_clients, num_classes) label shares.
    batches : (num_clients,) samples of an iteration.
    budget : how many samples all chosen may have together; one client always fits.
    population, generations : of the search.
    """
    num_clients, reference = len(shares), shares.mean(axis=0)

    def cost(mask: _Mask) -> float:
        weights = batches * mask
        return mix_divergence(weights @ shares / weights.sum(), reference)

    people = [_fitting(rng.random(num_clients) < 0.5, batches, budget, rng) for _ in range(population)]
    for _ in range(generations):
        people.sort(key=cost)
        best = people[: max(1, population // 2)]
        children: list[_Mask] = []
        while len(best) + len(children) < population:
            one, other = rng.integers(len(best), size=2)
            child = np.where(rng.random(num_clients) < 0.5, best[one], best[other])
            child[rng.integers(num_clients)] ^= True
            children.append(_fitting(child, batches, budget, rng))
        people = best + children
    return tuple(np.flatnonzero(min(people, key=cost)).tolist())


def _fitting(mask: _Mask, batches: npt.NDArray[np.int64], budget: float, rng: np.random.Generator) -> _Mask:
    """Return a mask within the budget, with clients left out at random, or one brought in if there is none."""
    if not mask.any():
        mask[rng.integers(len(mask))] = True
    while mask.sum() > 1 and batches[mask].sum() > budget:
        mask[rng.choice(np.flatnonzero(mask))] = False
    return mask
