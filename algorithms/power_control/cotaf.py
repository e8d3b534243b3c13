"""COTAF: updates, precoded by a common factor that grows as they shrink.

After Sery, Shlezinger, Cohen and Eldar, "Over-the-Air Federated Learning From Heterogeneous Data", IEEE TSP 2021.
Members send x_i = sqrt(p_t) Delta_i with p_t = P / max_i E||Delta_i||^2, and the server adds y / (N sqrt(p_t)) to the
model: the noise that reaches it, n0 max_i ||Delta_i||^2 / (N^2 P), shrinks with the updates. In fading only members
with |h_i| >= h_min transmit, as x_i = sqrt(p_t) (h_min / |h_i|) Delta_i, and the server divides by their number, h_min
and sqrt(p_t). With weights a_i, renormalised over the active, in place of 1 / N, that is

    g_i = a_i sqrt(p) h_min / |h_i|    p = P / max_i ||a_i Delta_i||^2    r = 1 / (sqrt(p) h_min)

Unlike zero forcing the precoder knows one common power P = min_i E_i and one common amplitude h_min.

Deviations. Our choice: the norms of this round stand for their expectation; the weighted form, in which an equal weight
1 / N gives the paper's rule back; without `min_amplitude` h_min is the weakest member's, so that nobody is silenced; if
nobody reaches `min_amplitude`, the strongest member transmits alone with its own amplitude for h_min. The laws are
tested in `tests/algorithms/power_control/test_cotaf.py`.
"""

import math
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from algorithms.power_control.inversion import above_threshold, active_weights, inversion_plan
from algorithms.power_control.plan import ChannelState, Plan, SignalModel, SignalStatistics
from algorithms.power_control.round_rule import RoundRule
from testbed.layout import FloatArray

__all__ = ["Cotaf"]


class Cotaf(RoundRule):
    """Common precoding of updates; `predicted_squared_error` is the exact mean r^2 n0."""

    kind: str = "cotaf"
    min_amplitude: Annotated[float, Field(gt=0)] | None = None  # h_min; None: the weakest member's

    requires_payload: ClassVar[str | None] = "delta"
    signal_model: ClassVar[SignalModel] = "any"

    def _plan(self, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
        active = above_threshold(channel.amplitudes, self.min_amplitude or 0.0)
        weakest = float(np.min(channel.amplitudes[active]))
        h_min = weakest if self.min_amplitude is None else min(self.min_amplitude, weakest)
        kept = active_weights(weights, active)
        loudest = float(np.max(kept * statistics.norms))
        power_j = float(np.min(channel.energy_budgets_j[active]))
        alignment = h_min * math.sqrt(power_j) / loudest if loudest > 0 else math.inf
        return inversion_plan(channel, statistics, kept, active, alignment)
