"""Statistics at the sample sizes people have: few seeds, paired, some of which never reached the target.

- A ratio of paired positive numbers: geometric mean and, under 20 pairs, Student's t interval on the
  logarithms (a bootstrap interval covers only 87 % at five pairs); from 20 on the bias-corrected accelerated
  bootstrap.
- A median: the interval between two order statistics with its exact coverage, whatever the distribution. None
  is a run that never reached the target: later than every run that did, so order statistics stay well
  defined.
- A speed-up with such runs in it: a bound where all pairs point one way, and no number where they do not.

Efron, "Better bootstrap confidence intervals", JASA 1987; David and Nagaraja, "Order Statistics", section 7.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

__all__ = [
    "BOOTSTRAP_FROM",
    "MedianInterval",
    "RatioInterval",
    "SpeedUp",
    "median_interval",
    "ratio_interval",
    "seeds_needed",
    "smallest_p_value",
    "speed_up",
    "words_on_seeds",
]

BOOTSTRAP_FROM: Final = 20
_NUM_RESAMPLES: Final = 9999


@dataclass(frozen=True)
class MedianInterval:
    """A median and the order statistics around it; None stands for *not reached*.

    `coverage` is the probability that [low, high] holds the population's median; 0 where there is no
    interval.
    """

    median: float | None
    low: float | None
    high: float | None
    coverage: float
    num_values: int

    @property
    def has_interval(self) -> bool:
        """Whether `low` and `high` mean anything: a single value has no interval."""
        return self.coverage > 0


def median_interval(values: Sequence[float | None], level: float = 0.95) -> MedianInterval:
    """Return the median of `values` and its narrowest symmetric order-statistic interval of this level.

    The interval [X_(k), X_(n-k+1)] holds the median with probability 1 - 2 P(Bin(n, 1/2) < k), exactly. Where
    even the whole range (k = 1) covers less than `level`, it is the range, and `coverage` says how much that
    is.

    Parameters
    ----------
    values : (n,) numbers, None for *not reached*.

    Raises
    ------
    ValueError : no values.

    >>> median_interval([3.0, None, 1.0, 2.0, 4.0])
    MedianInterval(median=3.0, low=1.0, high=None, coverage=0.9375, num_values=5)
    """
    if not values:
        raise ValueError("the median of no values is undefined")
    ordered = sorted(math.inf if value is None else float(value) for value in values)
    num_values = len(ordered)
    median = _finite((ordered[(num_values - 1) // 2] + ordered[num_values // 2]) / 2)
    if num_values == 1:
        return MedianInterval(median, None, None, 0.0, 1)
    ranks = range(1, num_values // 2 + 1)
    rank = max((k for k in ranks if _median_coverage(num_values, k) >= level), default=1)
    low, high = _finite(ordered[rank - 1]), _finite(ordered[num_values - rank])
    return MedianInterval(median, low, high, _median_coverage(num_values, rank), num_values)


def _median_coverage(num_values: int, rank: int) -> float:
    outside = 2 * sum(math.comb(num_values, below) for below in range(rank))
    return float(1 - outside / 2**num_values)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class RatioInterval:
    """A geometric mean ratio with its interval; `low` and `high` are None for a single pair."""

    ratio: float
    low: float | None
    high: float | None
    num_pairs: int
    method: Literal["none", "paired t", "BCa"]


def ratio_interval(ratios: Sequence[float], level: float, rng: np.random.Generator) -> RatioInterval:
    """Return the geometric mean of paired ratios and its confidence interval.

    Parameters
    ----------
    ratios : (n,) one positive ratio per pair.
    level : confidence of the interval.
    rng : draws the resamples; used from 20 pairs on.

    Raises
    ------
    ValueError : no ratios, or one that is not positive and finite.

    >>> ratio_interval([2.0, 2.0], 0.95, np.random.default_rng(0)).high
    2.0
    """
    if not ratios or not all(0 < ratio < math.inf for ratio in ratios):
        raise ValueError(f"ratios must be positive and finite and at least one, got {list(ratios)}")
    logs = np.log(np.asarray(ratios, dtype=np.float64))
    num_pairs, mean = len(logs), float(np.mean(logs))
    if num_pairs == 1:
        return RatioInterval(math.exp(mean), None, None, 1, "none")
    if num_pairs < BOOTSTRAP_FROM or np.ptp(logs) == 0:
        low, high = _t_interval(logs, level)
        method: Literal["paired t", "BCa"] = "paired t"
    else:
        low, high = _bootstrap_interval(logs, level, rng)
        method = "BCa"
    return RatioInterval(math.exp(mean), math.exp(low), math.exp(high), num_pairs, method)


def _t_interval(values: "np.ndarray[tuple[int], np.dtype[np.float64]]", level: float) -> tuple[float, float]:
    from scipy.special import stdtrit  # Student's quantile without the 0.8 s that scipy.stats takes to import

    mean, standard_error = np.mean(values), np.std(values, ddof=1) / math.sqrt(len(values))
    half_width = float(stdtrit(len(values) - 1, (1 + level) / 2)) * float(standard_error)
    return float(mean) - half_width, float(mean) + half_width


def _bootstrap_interval(
    values: "np.ndarray[tuple[int], np.dtype[np.float64]]", level: float, rng: np.random.Generator
) -> tuple[float, float]:
    from scipy.stats import bootstrap

    interval = bootstrap(
        (values,), np.mean, confidence_level=level, n_resamples=_NUM_RESAMPLES, method="BCa", rng=rng
    ).confidence_interval
    return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class SpeedUp:
    """How many times sooner an alternative reaches the target than the reference, paired over seeds.

    `kind` is ratio (with an interval where there are two pairs or more), at-least, at-most, or undetermined;
    `words` says why there is no ratio or no interval.
    """

    kind: Literal["ratio", "at-least", "at-most", "undetermined"]
    ratio: float | None
    low: float | None
    high: float | None
    num_pairs: int
    method: Literal["none", "paired t", "BCa"]
    words: str


def speed_up(
    reference_s: Sequence[float | None],
    alternative_s: Sequence[float | None],
    reference_watched_s: Sequence[float],
    alternative_watched_s: Sequence[float],
    level: float,
    rng: np.random.Generator,
) -> SpeedUp:
    """Return the speed-up over the reference: the geometric mean over pairs of t_reference / t_alternative.

    A pair in which the reference never reached the target while it was watched gives only "at least", one in
    which the alternative did not gives only "at most". Bounds that agree bound the geometric mean; bounds
    that do not, or a pair in which nobody reached it, leave it undetermined.

    Parameters
    ----------
    reference_s, alternative_s : (n,) paired times to the target [s], None for *not reached*.
    reference_watched_s, alternative_watched_s : (n,) how long each run was watched [s].
    """
    times = list(zip(reference_s, alternative_s, reference_watched_s, alternative_watched_s, strict=True))
    num_pairs = len(times)
    above = sum(a is None and b is not None for a, b, _, _ in times)
    below = sum(a is not None and b is None for a, b, _, _ in times)
    neither = sum(a is None and b is None for a, b, _, _ in times)
    reason = _why_undetermined(num_pairs, above, below, neither)
    ratios = [
        _over(a if a is not None else watched_a, b if b is not None else watched_b)
        for a, b, watched_a, watched_b in times
    ]
    if not reason and not all(0 < ratio < math.inf for ratio in ratios):
        reason = "the target was met before any time had passed"
    if reason:
        return SpeedUp("undetermined", None, None, None, num_pairs, "none", reason)
    interval = ratio_interval(ratios, level, rng)
    if above or below:
        who = "the reference" if above else "this alternative"
        words = f"{who} did not reach the target with {above + below} of {num_pairs} seeds"
        return SpeedUp("at-least" if above else "at-most", interval.ratio, None, None, num_pairs, "none", words)
    words = "one seed: no interval" if num_pairs == 1 else ""
    return SpeedUp("ratio", interval.ratio, interval.low, interval.high, num_pairs, interval.method, words)


def _over(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else math.inf


def _why_undetermined(num_pairs: int, above: int, below: int, neither: int) -> str:
    if num_pairs == 0:
        return "no seed in common with the reference"
    if neither:
        return f"with {neither} of {num_pairs} seeds neither reached the target"
    if above and below:
        return f"only the reference reached the target with {below} seeds, only this alternative with {above}"
    return ""


def smallest_p_value(num_pairs: int) -> float:
    """Return the smallest two-sided p value that a sign or Wilcoxon signed-rank test can give: 2^(1 - n).

    >>> smallest_p_value(5)
    0.0625
    """
    return min(1.0, 2.0 ** (1 - num_pairs))


def seeds_needed(significance: float = 0.05) -> int:
    """Return the fewest pairs with which such a test can fall below `significance`.

    >>> seeds_needed(0.05)
    6
    """
    return next(n for n in range(1, 1076) if smallest_p_value(n) < significance)


def words_on_seeds(num_seeds: int, significance: float = 0.05) -> str:
    """Return what this number of seeds cannot show, in a sentence; nothing if it is enough.

    >>> words_on_seeds(1)
    'one seed: no interval can be given and no difference tested; use at least 6 seeds'
    """
    needed = seeds_needed(significance)
    if num_seeds >= needed:
        return ""
    if num_seeds <= 1:
        how_many = "one seed" if num_seeds == 1 else "no seed"
        return f"{how_many}: no interval can be given and no difference tested; use at least {needed} seeds"
    return (
        f"{num_seeds} seeds: no sign or Wilcoxon test can give p below {smallest_p_value(num_seeds):.3g}; "
        f"{needed} seeds can reach p < {significance:g}"
    )
