"""The grouping problem of Air-FedGA and what a partition is worth (Theorem 1 and problem P4 of its paper).

Group j with members V_j updates the global model every L_j = max_i l_i + L^u seconds if nobody waits for the
radio. The convergence bound turns periods, data shares and label mixes into one number of seconds:

    Lbar = 1 / sum_j 1/L_j      tauhat = L_max sum_j 1/L_j      psi_j = Lbar / L_j      S = sum_j psi_j beta_j
    delta = sum_j psi_j beta_j (gamma L Lambda_j^2 G^2 + L^2 C) / ((2 mu gamma L - mu) S)
    A = (eps - delta) / (F0 - F*)      B = 1 - (2 mu gamma - mu / L) S
    Lcal = Lbar (1 + tauhat) log_B A,  lower is better

tauhat is a planning figure: it counts the group itself (one group: tauhat 1, true staleness 0).

Our choice: Lcal has no value while delta >= eps, so partitions rank lexicographically: those with A > 0 by
Lcal, after them all others by delta. A is clipped to 1 - 1e-6.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final, Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from testbed.layout import FloatArray
from testbed.settings import Settings

__all__ = [
    "MAX_GAP_FRACTION",
    "Grouping",
    "GroupingProblem",
    "Outlook",
    "Partition",
    "PlanningConstants",
    "as_partition",
    "foresee",
]

# Members in ascending order; everybody may be a `range`, which costs the same whatever their number.
Partition: TypeAlias = tuple[Sequence[int], ...]

MAX_GAP_FRACTION: Final = 1.0 - 1e-6  # the clip of A: at A = 1 no round would be needed at all

_Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, eq=False)
class GroupingProblem:
    """What is known about the clients before they are grouped.

    Attributes
    ----------
    training_times_s : (num_clients,) l_i, one local training [s].
    data_sizes : (num_clients,) d_i, samples.
    label_histograms : (num_clients, num_classes) samples of each class; rows sum to `data_sizes`.
    upload_time_s : L^u, one over-the-air transmission [s].
    mean_power_gains : (num_clients,) E|h_i|^2 of the uplink channels over the fading, or None where every mean is 1.
    """

    training_times_s: FloatArray
    data_sizes: FloatArray
    label_histograms: FloatArray
    upload_time_s: float
    mean_power_gains: FloatArray | None = None

    def __post_init__(self) -> None:
        times, sizes, histograms = self.training_times_s, self.data_sizes, self.label_histograms
        num_clients = len(times)
        if num_clients == 0 or np.shape(times) != (num_clients,) or np.shape(sizes) != (num_clients,):
            raise ValueError(
                f"expected one time and one data size per client, got {np.shape(times)}, {np.shape(sizes)}"
            )
        if np.ndim(histograms) != 2 or len(histograms) != num_clients:
            raise ValueError(f"label_histograms must be ({num_clients}, num_classes), got {np.shape(histograms)}")
        if not (np.all(np.isfinite(times)) and np.all(times > 0)):
            raise ValueError(f"training_times_s must be positive and finite, got {times}")
        if not (
            np.all(sizes > 0)
            and np.allclose(histograms.sum(axis=1), sizes, rtol=1e-9, atol=0)
            and np.all(histograms >= 0)
        ):
            raise ValueError(
                "every client needs at least one sample, and its label histogram must sum to its data size"
            )
        if not (math.isfinite(self.upload_time_s) and self.upload_time_s >= 0):
            raise ValueError(f"upload_time_s must be at least 0 and finite, got {self.upload_time_s}")
        gains = self.mean_power_gains
        if gains is not None and np.shape(gains) != (num_clients,):
            raise ValueError(f"mean_power_gains must be ({num_clients},), got {np.shape(gains)}")
        if gains is not None and not (np.all(np.isfinite(gains)) and np.all(gains > 0)):
            raise ValueError(f"mean_power_gains must be positive and finite, got {gains}")

    @property
    def num_clients(self) -> int:
        """N, the number of clients."""
        return len(self.training_times_s)

    @cached_property
    def num_samples(self) -> float:
        """D, the samples of all clients."""
        return float(np.sum(self.data_sizes))

    @cached_property
    def label_mix(self) -> FloatArray:
        """lambda : (num_classes,) the share of every class in all data."""
        return np.asarray(self.label_histograms.sum(axis=0) / self.num_samples)

    def allowed_spread_s(self, xi: float) -> float:
        """Return xi (max_i l_i - min_i l_i): how far training times in one group may lie apart [s]."""
        return xi * float(np.max(self.training_times_s) - np.min(self.training_times_s))


class PlanningConstants(Settings):
    """The constants of the convergence bound.

    Our choice: the paper publishes none, these are surrogates for planning.
    """

    strong_convexity: _Positive = 0.5  # mu
    smoothness: _Positive = 1.0  # L
    learning_rate: _Positive = 0.9  # gamma of the bound; unrelated to the rate that trains
    gradient_bound_squared: Annotated[float, Field(ge=0)] = 0.15  # G^2
    target_gap: _Positive = 0.5  # eps
    initial_gap: _Positive | None = None  # F0 - F*; none means ln(num_classes), the loss of a uniform guess
    aggregation_error: Annotated[float, Field(ge=0)] = 0.0  # C at a nominal SNR

    @model_validator(mode="after")
    def _inside_the_theorem(self) -> Self:
        low, high = 0.5 / self.smoothness, 1.0 / self.smoothness
        if not low < self.learning_rate < high:
            raise ValueError(f"learning_rate must lie between 1/(2L) = {low:g} and 1/L = {high:g}, both excluded")
        if self.strong_convexity > self.smoothness:
            raise ValueError("strong_convexity must be at most smoothness")
        return self

    @property
    def contraction(self) -> float:
        """2 mu gamma - mu / L, which S multiplies in B."""
        return self.strong_convexity * (2.0 * self.learning_rate - 1.0 / self.smoothness)

    def residual(self, mean_squared_distance: FloatArray | float) -> FloatArray | float:
        """Return delta, given sum_j (psi_j beta_j / S) Lambda_j^2.

        The weights psi_j beta_j / S sum to one, so the C term stays as it is.
        """
        labels = self.learning_rate * self.smoothness * self.gradient_bound_squared * mean_squared_distance
        return (labels + self.smoothness**2 * self.aggregation_error) / (self.smoothness * self.contraction)

    def gap(self, num_classes: int) -> float:
        """Return F0 - F*."""
        return math.log(num_classes) if self.initial_gap is None else self.initial_gap


@dataclass(frozen=True, eq=False)
class Outlook:
    """What the bound says about one partition.

    Attributes
    ----------
    periods_s : (num_groups,) L_j [s].
    shares : (num_groups,) beta_j, the groups' shares of all data.
    frequencies : (num_groups,) psi_j, the groups' shares of all updates.
    label_distances : (num_groups,) Lambda_j, L1 distance between the group's label mix and that of all data.
    mean_gap_s : Lbar, mean time between global updates [s].
    max_staleness : tauhat, a planning figure.
    update_share : S = sum_j psi_j beta_j.
    residual : delta, the loss gap that remains.
    objective_s : Lcal [s]; infinity where it has no value.
    """

    periods_s: FloatArray
    shares: FloatArray
    frequencies: FloatArray
    label_distances: FloatArray
    mean_gap_s: float
    max_staleness: float
    update_share: float
    residual: float
    objective_s: float

    @property
    def rank(self) -> tuple[bool, float]:
        """The key by which partitions are compared, lower is better: (no value, Lcal or delta)."""
        infeasible = math.isinf(self.objective_s)
        return infeasible, self.residual if infeasible else self.objective_s


class Grouping(Protocol):
    """A rule that partitions the clients into groups."""

    def partition(self, problem: GroupingProblem, rng: np.random.Generator) -> Partition:
        """Return the groups: every client in exactly one, in the form of `as_partition`."""
        ...


def foresee(problem: GroupingProblem, constants: PlanningConstants, groups: Sequence[Sequence[int]]) -> Outlook:
    """Return the outlook of disjoint, non-empty `groups`, which need not cover all clients yet."""
    members = [np.asarray(group, dtype=np.intp) for group in groups]
    periods = np.array([problem.training_times_s[m].max() for m in members]) + problem.upload_time_s
    histograms = np.array([problem.label_histograms[m].sum(axis=0) for m in members], dtype=np.float64)
    group_sizes = histograms.sum(axis=1)
    distances = np.abs(histograms / group_sizes[:, None] - problem.label_mix).sum(axis=1)
    shares = group_sizes / problem.num_samples
    mean_gap_s = 1.0 / float(np.sum(1.0 / periods))
    frequencies = mean_gap_s / periods
    max_staleness = float(periods.max()) / mean_gap_s
    update_share = float(np.sum(frequencies * shares))
    delta = float(constants.residual(np.sum(frequencies * shares * distances**2) / update_share))
    gap_fraction = (constants.target_gap - delta) / constants.gap(len(problem.label_mix))
    objective_s = math.inf
    if gap_fraction > 0:
        rounds = math.log(min(gap_fraction, MAX_GAP_FRACTION)) / math.log1p(-constants.contraction * update_share)
        objective_s = mean_gap_s * (1.0 + max_staleness) * rounds
    return Outlook(periods, shares, frequencies, distances, mean_gap_s, max_staleness, update_share, delta, objective_s)


def as_partition(groups: Sequence[Sequence[int] | npt.NDArray[np.intp]]) -> Partition:
    """Return groups as sorted tuples, in order of their first member; empty ones are left out.

    >>> as_partition([[3, 1], [], [0, 2]])
    ((0, 2), (1, 3))
    """
    return tuple(sorted(tuple(sorted(int(i) for i in group)) for group in groups if len(group)))
