"""Statistics at the sample sizes people have: few seeds, paired, some of which never reached the target.

- A ratio of paired positive numbers: geometric mean and, under 20 pairs, Student's t interval on the
  logarithms; from 20 on the bias-corrected accelerated bootstrap (BCa), widened for small samples.
- A median: the interval between two order statistics with its exact coverage, whatever the distribution. None
  is a run that never reached the target: later than every run that did, so order statistics stay well
  defined.
- A speed-up with such runs in it: a bound where all pairs point one way, and no number where they do not.

Whether alternatives differ is tested in `significance.py`.

Efron, "Better bootstrap confidence intervals", JASA 1987; Hesterberg, "What teachers should know about the bootstrap",
The American Statistician 2015; David and Nagaraja, "Order Statistics", section 7.
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
    "median_rank",
    "ratio_interval",
    "speed_up",
    "t_interval",
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
    rank, coverage = median_rank(num_values, level)
    low, high = _finite(ordered[rank - 1]), _finite(ordered[num_values - rank])
    return MedianInterval(median, low, high, coverage, num_values)


def median_rank(num_values: int, level: float = 0.95) -> tuple[int, float]:
    """Return k of the narrowest interval [X_(k), X_(n-k+1)] that holds the median with `level`, and its coverage.

    Where even the whole range covers less, k = 1; a single value covers nothing.

    >>> median_rank(5), median_rank(1)
    ((1, 0.9375), (1, 0.0))
    """
    ranks = range(1, num_values // 2 + 1)
    rank = max((k for k in ranks if _median_coverage(num_values, k) >= level), default=1)
    return rank, _median_coverage(num_values, rank)


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

    From 20 pairs on it is BCa with widened percentiles (our choice): a bootstrap of n values spreads too little, by
    sqrt((n - 1) / n) and by the normal's quantile in place of Student's, so alpha/2 becomes
    Phi(-sqrt(n / (n - 1)) t(1 - alpha/2; n - 1)). Measured coverage of a 95 % interval in 4,000 draws, in %:

        logarithms             pairs   t      BCa    BCa widened
        normal                     5   95.5   84.5   92.1
        normal                    10   94.9   89.8   94.1
        normal                    20   95.2   92.5   94.6
        normal                    50   94.7   93.8   94.6
        Student, 3 degrees        20   95.7   88.9   91.3
        exponential               20   91.6   90.9   93.1
        exponential               50   93.7   93.5   94.2
        log-normal                20   86.5   87.5   89.8
        log-normal                50   90.2   90.3   91.2

    On skewed logarithms no interval keeps its promise at a few dozen pairs; the widened one comes nearest.

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
        low, high = t_interval(logs, level)
        method: Literal["paired t", "BCa"] = "paired t"
    else:
        low, high = _bootstrap_interval(logs, level, rng)
        method = "BCa"
    return RatioInterval(math.exp(mean), math.exp(low), math.exp(high), num_pairs, method)


def t_interval(values: "np.ndarray[tuple[int], np.dtype[np.float64]]", level: float) -> tuple[float, float]:
    """Return Student's interval for the mean of `values : (n,)`, two or more."""
    from scipy.special import stdtrit  # Student's quantile without the 0.8 s that scipy.stats takes to import

    mean, standard_error = np.mean(values), np.std(values, ddof=1) / math.sqrt(len(values))
    half_width = float(stdtrit(len(values) - 1, (1 + level) / 2)) * float(standard_error)
    return float(mean) - half_width, float(mean) + half_width


def _bootstrap_interval(
    values: "np.ndarray[tuple[int], np.dtype[np.float64]]", level: float, rng: np.random.Generator
) -> tuple[float, float]:
    from scipy.special import ndtr, stdtrit
    from scipy.stats import bootstrap

    num_values = len(values)
    quantile = stdtrit(num_values - 1, (1 + level) / 2) * math.sqrt(num_values / (num_values - 1))
    widened = 1 - 2 * float(ndtr(-quantile))
    interval = bootstrap(
        (values,), np.mean, confidence_level=widened, n_resamples=_NUM_RESAMPLES, method="BCa", rng=rng
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
