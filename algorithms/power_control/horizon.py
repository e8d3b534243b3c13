"""A horizon of rounds whose channels are known: energies and receivers by alternation. Pure maths.

    minimise   sum_t w_t (sum_i (r_t |h_it| G_it - b_i)^2 + r_t^2 n0_t)
    subject to G_it <= cap_it,    sum_t G_it^2 <= budget_i

Rows are members, columns are rounds. Each half of a pass is exact, so the sum never rises. With energies e = G^2 and
received t <= |h| sqrt(e r^2) the problem is convex in (t, r^2, e) jointly: where the passes settle is the optimum.
"""

from typing import NamedTuple

import numpy as np

from algorithms.power_control.average_power import amplitudes, multipliers
from testbed.layout import FloatArray

__all__ = ["Horizon", "alternate", "objective", "receivers", "round_weights", "senders"]

_TINY = 1e-300
_LEAST_SCALE = 1e-120
_LEAST_WEIGHT = 1e-30  # keeps the earliest rounds of a long run defined


class Horizon(NamedTuple):
    """What a run is planned for: `channels`, `caps` [sqrt(J)] (num_members, num_rounds); b_i `wanted`, `budgets_j`
    (num_members,); `weights` w_t, `noise_energies_j` (num_rounds,).
    """

    channels: FloatArray
    caps: FloatArray
    wanted: FloatArray
    budgets_j: FloatArray
    weights: FloatArray
    noise_energies_j: FloatArray


class Pass(NamedTuple):
    """Where a pass arrived: `sent` G, the receivers as log r, the weighted sum of errors `total`."""

    sent: FloatArray
    log_scales: FloatArray
    total: float


def round_weights(decay: float, num_rounds: int) -> FloatArray:
    """Return what the error of each round counts at the end, rho^(T-t), (num_rounds,).

    >>> round_weights(0.5, 3).tolist()
    [0.25, 0.5, 1.0]
    """
    return np.asarray(np.maximum(decay ** np.arange(num_rounds - 1, -1, -1.0), _LEAST_WEIGHT))


def objective(horizon: Horizon, sent: FloatArray, receive_scales: FloatArray) -> float:
    """Return the weighted sum of errors for `sent` = G (num_members, num_rounds) and r (num_rounds,)."""
    miss = receive_scales * horizon.channels * sent - horizon.wanted[:, None]
    errors = np.sum(miss**2, axis=0) + receive_scales**2 * horizon.noise_energies_j
    return float(np.sum(horizon.weights * errors))


def receivers(horizon: Horizon, sent: FloatArray) -> FloatArray:
    """Return the best r_t = sum_i b C / (sum_i C^2 + n0_t) for what is sent, (num_rounds,).

    In a round that is worth no energy both r and G tend to zero; a floor keeps their quotient defined.
    """
    received = horizon.channels * sent
    powers = np.sum(received**2, axis=0) + horizon.noise_energies_j
    return np.asarray(np.maximum(np.sum(horizon.wanted[:, None] * received, axis=0) / powers, _LEAST_SCALE))


def senders(horizon: Horizon, receive_scales: FloatArray) -> FloatArray:
    """Return the best G = min(w r |h| b / (w r^2 |h|^2 + lambda), cap), (num_members, num_rounds)."""
    reach = receive_scales * horizon.channels
    numerators, denominators = horizon.weights * reach * horizon.wanted[:, None], horizon.weights * reach**2
    multiplier = multipliers(numerators, denominators, horizon.caps, horizon.budgets_j)
    return amplitudes(numerators, denominators, horizon.caps, multiplier)


def one_pass(horizon: Horizon, log_scales: FloatArray) -> Pass:
    """Return what one pass makes of the receivers log r : (num_rounds,): first the senders' half, then theirs."""
    sent = senders(horizon, np.exp(log_scales))
    receive_scales = receivers(horizon, sent)
    return Pass(sent, np.log(receive_scales), objective(horizon, sent, receive_scales))


def alternate(horizon: Horizon, sent: FloatArray, tolerance: float, max_passes: int) -> FloatArray:
    """Return G after alternating from `sent` until two passes gain at most the relative `tolerance`.

    Our choice: every two passes are extrapolated (SQUAREM), and the result is taken if it is better: at a high SNR
    plain passes climb by a fraction of n0 each and would stop far from the optimum. After `max_passes` of these it
    stops as well, wherever it is: never above the start.

    References
    ----------
    Varadhan and Roland, Scandinavian Journal of Statistics 2008 (squared extrapolation).
    """
    receive_scales = receivers(horizon, sent)
    best = Pass(sent, np.log(receive_scales), objective(horizon, sent, receive_scales))
    boldness = 4.0
    for _ in range(max_passes):
        before = best
        first = one_pass(horizon, before.log_scales)
        best = one_pass(horizon, first.log_scales)
        change = first.log_scales - before.log_scales
        bend = best.log_scales - first.log_scales - change
        stride = _length(change) / max(_length(bend), _TINY)
        factor = min(max(stride, 1.0), boldness)
        step = 2.0 * factor * change + factor**2 * bend
        step /= max(1.0, float(np.max(np.abs(step))))  # at most a factor e a time
        trial = one_pass(horizon, before.log_scales + step)
        if trial.total < best.total:
            best, boldness = trial, boldness * (4.0 if factor == boldness else 1.0)
        else:
            boldness = max(1.0, boldness / 4.0)
        if before.total - best.total <= tolerance * before.total:
            break
    return best.sent


def _length(vector: FloatArray) -> float:
    return float(np.sqrt(np.sum(vector**2)))
