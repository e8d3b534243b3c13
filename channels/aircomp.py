"""Over-the-air computation: the sum that the medium makes of simultaneous analog transmissions. Pure maths.

Senders i transmit their real vectors x_i with gains g_i >= 0, their phases compensated, and the server
receives

    y = sum_i c_i x_i + z ,     c_i = g_i |h_i| ,     E||z||^2 = n0 ,

of which it takes r y as its estimate of the wanted sum_i a_i x_i. Amplitudes are square roots of joules per
channel use; one real entry takes one channel use. Sums run in the order of the senders, so the bits of the
result depend neither on a linear-algebra library nor on its threads.

References
----------
Air-FedGA (IPDPS 2025), sections on the signal model and the aggregation error.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from testbed.layout import FloatArray

__all__ = [
    "AggregationError",
    "aggregation_error",
    "airtime_s",
    "channel_uses",
    "expected_squared_error",
    "superpose",
    "transmit_energies_j",
]


@dataclass(frozen=True, kw_only=True)
class AggregationError:
    """What one aggregation missed its target by.

    `error` : (num_entries,), estimate minus target; `squared_error` = ||error||^2; `nmse` = ||error||^2 /
    ||target||^2, which for a target of zero is 0 if nothing was missed and infinite otherwise.
    """

    error: npt.NDArray[np.float64]
    squared_error: float
    nmse: float


def superpose(
    signals: FloatArray,
    amplitudes: FloatArray,
    noise_energy_j: float,
    rng: np.random.Generator,
    starts: Sequence[int] = (0,),
) -> npt.NDArray[np.float64]:
    """Return the received vector y = sum_i c_i x_i + z; with several sections, c_i is one number a section.

    Parameters
    ----------
    signals : (num_senders, num_entries), the real vectors x_i.
    amplitudes : (num_senders,) or (num_senders, num_sections), received amplitudes c_i = g_i |h_i| [square root of
        J per channel use].
    noise_energy_j : n0 = E||z||^2 of the *whole real vector* [J]; each entry has variance n0 / num_entries.
    rng : draws the noise; not touched without noise.
    starts : (num_sections,), the first entry of each section, ascending from 0.

    Returns
    -------
    (num_entries,) float64

    >>> superpose(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 10.0]), 0.0, np.random.default_rng(0))
    array([31., 42.])
    """
    by_section = amplitudes[:, np.newaxis] if amplitudes.ndim == 1 else amplitudes
    _check_shapes(signals, by_section[:, 0])
    if by_section.shape[1] != len(starts):
        raise ValueError(f"{len(starts)} sections need one amplitude each, got {amplitudes.shape}")
    if noise_energy_j < 0:
        raise ValueError(f"noise_energy_j must be at least 0, got {noise_energy_j}")
    stops = [*starts[1:], signals.shape[1]]
    pieces = [
        _weighted_sum(by_section[:, at], signals[:, start:stop])
        for at, (start, stop) in enumerate(zip(starts, stops, strict=True))
    ]
    received = np.concatenate(pieces)
    if noise_energy_j > 0:
        num_entries = signals.shape[1]
        received += math.sqrt(noise_energy_j / num_entries) * rng.standard_normal(num_entries)
    return received


def transmit_energies_j(gains: FloatArray, signals: FloatArray) -> npt.NDArray[np.float64]:
    """Return what each sender radiates, E_i = g_i^2 ||x_i||^2 [J], (num_senders,).

    `gains : (num_senders,)`, transmit amplitudes g_i; `signals : (num_senders, num_entries)`. A gain is an
    amplitude: the channel does not enter, and nothing is squared twice.

    >>> transmit_energies_j(np.array([2.0]), np.array([[3.0, 4.0]]))
    array([100.])
    """
    _check_shapes(signals, gains)
    squared_norms = np.array([_squared_norm(signal.astype(np.float64, copy=False)) for signal in signals])
    energies: npt.NDArray[np.float64] = np.asarray(gains, dtype=np.float64) ** 2 * squared_norms
    return energies


def aggregation_error(
    received: FloatArray, receive_scale: float, weights: FloatArray, signals: FloatArray
) -> AggregationError:
    """Return the realised error of an aggregation, eps = r y - sum_i a_i x_i.

    Parameters
    ----------
    received : (num_entries,), y.
    receive_scale : r.
    weights : (num_senders,), a_i, the aggregation weights.
    signals : (num_senders, num_entries), x_i.
    """
    _check_shapes(signals, weights)
    target = _weighted_sum(weights, signals)
    error = receive_scale * np.asarray(received, dtype=np.float64) - target
    squared_error, target_energy = _squared_norm(error), _squared_norm(target)
    if target_energy > 0:
        nmse = squared_error / target_energy
    else:
        nmse = 0.0 if squared_error == 0 else math.inf
    return AggregationError(error=error, squared_error=squared_error, nmse=nmse)


def expected_squared_error(
    receive_scale: float,
    amplitudes: FloatArray,
    weights: FloatArray,
    signals: FloatArray,
    noise_energy_j: float,
) -> float:
    """Return the mean over the noise, E||eps||^2 = || sum_i (r c_i - a_i) x_i ||^2 + r^2 n0.

    Parameters are those of `superpose` and `aggregation_error`.

    >>> expected_squared_error(0.5, np.array([2.0]), np.array([1.0]), np.array([[3.0]]), 4.0)
    1.0
    """
    _check_shapes(signals, amplitudes)
    _check_shapes(signals, weights)
    misalignment = _weighted_sum(receive_scale * np.asarray(amplitudes) - np.asarray(weights), signals)
    return _squared_norm(misalignment) + receive_scale**2 * noise_energy_j


def channel_uses(num_entries: int, num_subchannels: int) -> int:
    """Return the channel uses of one superposition, ceil(q / R) R, however many send.

    Our choice: the paper prints q / R symbols; a symbol that is only partly filled is charged whole.

    >>> channel_uses(10, 4)
    12
    """
    if num_entries < 1 or num_subchannels < 1:
        raise ValueError(f"num_entries and num_subchannels must be at least 1, got {num_entries}, {num_subchannels}")
    return -(-num_entries // num_subchannels) * num_subchannels


def airtime_s(num_entries: int, bandwidth_hz: float, num_subchannels: int) -> float:
    """Return the airtime of one superposition, ceil(q / R) R / B [s], however many send.

    R sub-channels of B / R hertz each carry one complex symbol every R / B seconds.

    >>> airtime_s(10, 1000.0, 4)
    0.012
    """
    return channel_uses(num_entries, num_subchannels) / bandwidth_hz


def _weighted_sum(coefficients: FloatArray, signals: FloatArray) -> npt.NDArray[np.float64]:
    total = np.zeros(signals.shape[1])
    for coefficient, signal in zip(coefficients, signals, strict=True):
        total += float(coefficient) * signal.astype(np.float64, copy=False)
    return total


def _squared_norm(vector: npt.NDArray[np.float64]) -> float:
    return float(np.sum(vector * vector))


def _check_shapes(signals: FloatArray, per_sender: FloatArray) -> None:
    if signals.ndim != 2 or per_sender.shape != signals.shape[:1]:
        raise ValueError(
            f"signals must be (num_senders, num_entries) with one coefficient a sender, "
            f"got {signals.shape} and {per_sender.shape}"
        )
