"""Adaptive odds of tiers with credits: which tier of clients trains next (TiFL, Alg. 2).

    accuracy    p_t proportional to 1 - A_t
    rank        p_t proportional to n, n - 1, ..., 1 in the order of rising A_t

with A_t the accuracy of the current model on the data of tier t: whoever is served worst is chosen most. Every choice
costs the tier a credit, and a tier without credits cannot be chosen, so slow tiers cannot be chosen without end.

Chai et al., "TiFL: A Tier-based Federated Learning System", HPDC 2020, which ranks. Our choice: where all candidates
have accuracy 1 they are equally likely.
"""

from dataclasses import dataclass, replace
from typing import Literal, Self, TypeAlias

import numpy as np

from testbed.layout import FloatArray

__all__ = ["Odds", "TierOdds", "tier_probabilities"]

Odds: TypeAlias = Literal["accuracy", "rank"]


def tier_probabilities(accuracies: FloatArray, odds: Odds) -> FloatArray:
    """Return the probabilities of tiers by their accuracies, (num_tiers,), each in [0, 1].

    >>> tier_probabilities(np.array([0.9, 0.5, 0.6]), "accuracy").round(3).tolist()
    [0.1, 0.5, 0.4]
    >>> tier_probabilities(np.array([0.9, 0.5, 0.6]), "rank").round(3).tolist()
    [0.167, 0.5, 0.333]
    """
    if not (len(accuracies) and np.all((accuracies >= 0) & (accuracies <= 1))):
        raise ValueError(f"accuracies must be at least one number in [0, 1], got {accuracies}")
    if odds == "rank":
        rising = np.argsort(np.argsort(accuracies, kind="stable"))  # 0 for the lowest
        return normalised(len(accuracies) - rising.astype(np.float64))
    return normalised(1.0 - accuracies)


def normalised(weights: FloatArray) -> FloatArray:
    """Return weights at least 0 scaled to the sum 1; equal ones if all are 0."""
    total = float(weights.sum())
    return np.asarray(weights / total) if total > 0 else np.full(len(weights), 1.0 / len(weights))


@dataclass(frozen=True, eq=False)
class TierOdds:
    """What a server remembers between rounds: probabilities and credits of all tiers.

    Attributes
    ----------
    probabilities : (num_tiers,), summing to one.
    credits : (num_tiers,) how often each tier may still be chosen.
    """

    probabilities: FloatArray
    credits: tuple[int, ...]

    @classmethod
    def even(cls, num_tiers: int, credits: int) -> Self:
        """Return the odds before the first round: all tiers alike."""
        return cls(np.full(num_tiers, 1.0 / num_tiers), (credits,) * num_tiers)

    def choosable(self, tiers: tuple[int, ...]) -> tuple[int, ...]:
        """Return those of `tiers` that have a credit left."""
        return tuple(tier for tier in tiers if self.credits[tier] > 0)

    def draw(self, tiers: tuple[int, ...], rng: np.random.Generator) -> int:
        """Return one of `tiers`, at least one, all with credits: by their probabilities among each other."""
        if not tiers or self.choosable(tiers) != tiers:
            raise ValueError(f"a tier is drawn among those with credits, got {tiers} with credits {self.credits}")
        return int(rng.choice(tiers, p=normalised(self.probabilities[list(tiers)])))

    def spend(self, tier: int) -> "TierOdds":
        """Return the odds after `tier` was chosen: it has a credit less."""
        left = tuple(have - (index == tier) for index, have in enumerate(self.credits))
        if min(left) < 0:
            raise ValueError(f"tier {tier} has no credit left")
        return replace(self, credits=left)
