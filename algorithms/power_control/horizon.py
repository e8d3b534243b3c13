"""A horizon of rounds whose channels are known: energies and receivers by alternation. Pure maths.

    minimise   sum_t w_t (sum_i (r_t |h_it| G_it - b_i)^2 + r_t^2 n0_t)
    subject to G_it <= cap_it,    sum_t G_it^2 <= budget_i

Rows are members, columns are rounds. Each half of a pass is exact, so the sum never rises.
"""

from typing import NamedTuple

import numpy as np

from algorithms.power_control.average_power import amplitudes, multipliers
from testbed.layout import FloatArray

__all__ = ["Horizon", "alternate", "objective", "receivers", "round_weights", "senders"]

_MAX_PASSES = 10_000
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
    """Return the best r_t = sum_i b C / (sum_i C^2 + n0_t) for what is sent, (num_rounds,)."""
    received = horizon.channels * sent
    powers = np.sum(received**2, axis=0) + horizon.noise_energies_j
    return np.asarray(np.sum(horizon.wanted[:, None] * received, axis=0) / powers)


def senders(horizon: Horizon, receive_scales: FloatArray) -> FloatArray:
    """Return the best G = min(w r |h| b / (w r^2 |h|^2 + lambda), cap), (num_members, num_rounds)."""
    reach = receive_scales * horizon.channels
    numerators, denominators = horizon.weights * reach * horizon.wanted[:, None], horizon.weights * reach**2
    multiplier = multipliers(numerators, denominators, horizon.caps, horizon.budgets_j)
    return amplitudes(numerators, denominators, horizon.caps, multiplier)


def alternate(horizon: Horizon, sent: FloatArray, tolerance: float) -> FloatArray:
    """Return G after alternating from `sent` until a pass gains at most the relative `tolerance`.

    Raises
    ------
    RuntimeError : ten thousand passes were not enough.
    """
    receive_scales = receivers(horizon, sent)
    total = objective(horizon, sent, receive_scales)
    for _ in range(_MAX_PASSES):
        before = total
        sent = senders(horizon, receive_scales)
        receive_scales = receivers(horizon, sent)
        total = objective(horizon, sent, receive_scales)
        if before - total <= tolerance * before:
            return sent
    raise RuntimeError(f"a horizon did not settle to {tolerance} within {_MAX_PASSES} passes; use a larger tolerance")
