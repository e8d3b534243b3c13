"""Whether alternatives differ from the reference: a signed-rank test over seeds, corrected for how many there are.

Wilcoxon's test asks of the paired log ratios log(t_reference / t_alternative) whether their signs could be those of
fair coins. Its p value is exact. Three things in our times are not in the textbook's continuous sample, and each is
settled so that p can only grow (our choice):

- A run that did not reach the target has no time, but a bound: it took longer than it was watched. Where the partner
  was sooner than that, the sign is known. The pair takes the largest rank when it speaks against a difference in the
  direction that is tested, and when it speaks for it the rank of the smallest ratio it can have.
- Equal ratios, common on a grid of times, are ranked against the direction that is tested.
- Equal times, pairs in which neither run reached the target, and pairs in which it is open who was sooner say nothing
  and are dropped before ranking, as Wilcoxon did: fewer pairs, and a larger smallest p.

Without such pairs the test is `scipy.stats.wilcoxon(log_ratios, method="exact")`. Several alternatives against one
reference are corrected by Holm's procedure: the probability that any of them is called different by chance stays below
the level, whatever the dependence between them (they share the reference's runs).

Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1945; Holm, "A simple sequentially
rejective multiple test procedure", Scandinavian Journal of Statistics 1979.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np

__all__ = [
    "PairedTest",
    "holm",
    "holm_corrected",
    "seeds_needed",
    "signed_rank_test",
    "smallest_p_value",
    "words_on_seeds",
]

_MOST_SEEDS: Final = 1076  # beyond, 2^(1 - n) is no float


@dataclass(frozen=True)
class PairedTest:
    """A two-sided test of one alternative against the reference.

    `p` is of this test alone, `p_corrected` of this test as one of `num_tests`. `num_pairs` counts the seeds in common,
    `num_telling` those that say which of the two was sooner.
    """

    p: float
    p_corrected: float
    num_pairs: int
    num_telling: int
    num_tests: int = 1

    @property
    def smallest_p(self) -> float:
        """The smallest corrected p that this many pairs can give, if all of them point one way."""
        return smallest_p_value(self.num_pairs, self.num_tests)


class _Pair(NamedTuple):
    """A pair of which it is known who was sooner: +1 the alternative; |log ratio| is between `least` and `most`."""

    sign: int
    least: float
    most: float


def signed_rank_test(
    reference_s: Sequence[float | None],
    alternative_s: Sequence[float | None],
    reference_watched_s: Sequence[float],
    alternative_watched_s: Sequence[float],
) -> PairedTest:
    """Return the exact two-sided signed-rank test of paired times; see the module for ties and runs without a time.

    p = min(1, 2 min(P(W >= w_sooner), P(W >= w_later))), where W is the sum of the ranks 1, ..., n each taken with
    probability 1/2, and w_sooner (w_later) is the sum of the ranks of the pairs in which the alternative was sooner
    (later). Without a telling pair p = 1.

    Parameters
    ----------
    reference_s, alternative_s : (n,) paired times to the target [s], None for *not reached*.
    reference_watched_s, alternative_watched_s : (n,) how long each run was watched [s].

    >>> signed_rank_test([40.0, 80.0, None], [10.0, 20.0, 30.0], [100.0] * 3, [100.0] * 3).p
    0.25
    """
    times = list(zip(reference_s, alternative_s, reference_watched_s, alternative_watched_s, strict=True))
    pairs = [pair for each in times if (pair := _telling(*each)) is not None]
    p = min(1.0, 2 * min(_upper_tail(pairs, direction) for direction in (1, -1))) if pairs else 1.0
    return PairedTest(p, p, len(times), len(pairs))


def _telling(a_s: float | None, b_s: float | None, watched_a_s: float, watched_b_s: float) -> _Pair | None:
    """Return what the times of the reference (a) and the alternative (b) say; None where it is open who was sooner."""
    if a_s is None and b_s is None:
        return None
    first_s, second_s = watched_a_s if a_s is None else a_s, watched_b_s if b_s is None else b_s
    # Not reached at the very time at which the other did reach it is later, too.
    sign = (first_s > second_s) - (first_s < second_s) or (a_s is None) - (b_s is None)
    censored = a_s is None or b_s is None
    if sign == 0 or (censored and sign != (1 if a_s is None else -1)):
        return None
    distance = abs(_log(first_s) - _log(second_s)) if first_s != second_s else 0.0
    return _Pair(sign, distance, math.inf if censored else distance)


def _log(time_s: float) -> float:
    return math.log(time_s) if time_s > 0 else -math.inf


def _upper_tail(pairs: Sequence[_Pair], direction: int) -> float:
    """Return P(W >= w), where w is the least that the ranks of the pairs in this direction can add up to."""
    from scipy.stats import wilcoxon  # 0.8 s to import: only where there is something to test

    ordered = sorted(pairs, key=lambda pair: (pair.least, 0) if pair.sign == direction else (pair.most, 1))
    signed_ranks = [direction * pair.sign * rank for rank, pair in enumerate(ordered, start=1)]
    return float(wilcoxon(signed_ranks, alternative="greater", method="exact").pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number m: max over k <= j of min(1, (m - k + 1) p_(k)), in the order given.

    >>> holm([0.03, 0.01, 0.5])
    [0.06, 0.03, 0.5]
    """
    num_tests = len(p_values)
    corrected, largest = [0.0] * num_tests, 0.0
    for place, position in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (num_tests - place) * p_values[position]))
        corrected[position] = largest
    return corrected


def holm_corrected(tests: Mapping[str, PairedTest]) -> dict[str, PairedTest]:
    """Return the tests of several alternatives against one reference, each corrected for all of them."""
    corrected = holm([test.p for test in tests.values()])
    return {
        label: replace(test, p_corrected=p, num_tests=len(tests))
        for (label, test), p in zip(tests.items(), corrected, strict=True)
    }


def smallest_p_value(num_pairs: int, num_tests: int = 1) -> float:
    """Return the smallest two-sided p that a sign or signed-rank test can give: 2^(1 - n), times m after Holm.

    >>> smallest_p_value(5), smallest_p_value(5, num_tests=4)
    (0.0625, 0.25)
    """
    return min(1.0, num_tests * 2.0 ** (1 - num_pairs))


def seeds_needed(significance: float = 0.05, num_tests: int = 1) -> int:
    """Return the fewest pairs with which one of `num_tests` such tests can fall below `significance`.

    >>> seeds_needed(0.05), seeds_needed(0.05, num_tests=4)
    (6, 8)
    """
    return next(n for n in range(1, _MOST_SEEDS) if smallest_p_value(n, num_tests) < significance)


def words_on_seeds(num_seeds: int, significance: float = 0.05, num_tests: int = 1) -> str:
    """Return what this number of seeds cannot show, in a sentence; nothing if it is enough.

    >>> words_on_seeds(1)
    'one seed: no interval can be given and no difference tested; use at least 6 seeds'
    """
    needed = seeds_needed(significance, num_tests)
    if num_seeds >= needed:
        return ""
    if num_seeds <= 1:
        how_many = "one seed" if num_seeds == 1 else "no seed"
        return f"{how_many}: no interval can be given and no difference tested; use at least {needed} seeds"
    corrected = f" corrected for {num_tests} alternatives" if num_tests > 1 else ""
    return (
        f"{num_seeds} seeds: no sign or Wilcoxon test{corrected} can give p below "
        f"{smallest_p_value(num_seeds, num_tests):.3g}; {needed} seeds can reach p < {significance:g}"
    )
