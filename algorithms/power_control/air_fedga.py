"""Air-FedGA's power control: one common alignment for the group, a receiver that shrinks against noise.

Paper: Ma et al., "Air-FedGA", IPDPS 2025 (arXiv 2507.05704), problem P3 and Alg. 2. With d_i samples, D in
the group, scaling factor sigma and denoising factor eta the paper sends p_i = d_i sigma / h_i and divides by
D sqrt(eta). In weights a_i = d_i / D, alignment s = D sigma and receive scale r = 1 / (D sqrt(eta)) that is

    g_i = a_i s / |h_i|      s <= s_max = min_i |h_i| sqrt(E_i) / (a_i W)      C = (r s - 1)^2 W^2 + r^2 n0

Alg. 2 alternates r <- s / (s^2 + n0 / W^2) and s <- min(1 / r, s_max). Its only fixed point for n0 > 0 is s =
s_max (the closed form, C* = W^2 / (1 + SNR) with SNR = s_max^2 W^2 / n0), but it climbs by n0 / (s W^2) a
pass, so a relative stopping rule ends it far away when it starts low.

Our choice: the minimum runs over the transmitting group, not over all clients (an absent one in a deep fade
would throttle everybody); W is the group's largest norm; the tolerance (the paper gives none) is 1e-3 and the
start s_max.

The laws are tested in `tests/algorithms/power_control/test_air_fedga.py`.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Final, Literal, NamedTuple

import numpy as np
from pydantic import Field

from algorithms.power_control.plan import (
    ChannelState,
    Plan,
    SignalModel,
    SignalStatistics,
    everybody,
    silent_plan,
)
from algorithms.power_control.round_rule import RoundRule
from testbed.layout import FloatArray

__all__ = [
    "AirFedgaPowerControl",
    "Scaling",
    "alternating_passes",
    "closed_form",
    "squared_error_bound",
    "until_settled",
    "weakest_amplitude",
]

# The paper's text leaves the start open; the low one shows what the stopping rule then costs.
_START_FRACTIONS: Final = {"sigma-max": 1.0, "sigma-max/1000": 1e-3}
_MAX_PASSES: Final = 1_000_000


class Scaling(NamedTuple):
    """A pair of decisions: s, the received amplitude of weight one, and r, the receive scale."""

    alignment: float
    receive_scale: float


def weakest_amplitude(channel: ChannelState, weights: FloatArray) -> float:
    """Return A = s_max W = min_i |h_i| sqrt(E_i) / a_i, what the weakest member lets arrive [sqrt(J)].

    It does not depend on W, and SNR = A^2 / n0.
    """
    return float(np.min(channel.amplitudes * np.sqrt(channel.energy_budgets_j) / weights))


def squared_error_bound(scaling: Scaling, bound: float, noise_energy_j: float) -> float:
    """Return C = (r s - 1)^2 W^2 + r^2 n0, the bound on E||error||^2 for signals of norm at most W.

    >>> squared_error_bound(Scaling(2.0, 0.5), bound=3.0, noise_energy_j=4.0)
    1.0
    """
    s, r = scaling
    return (r * s - 1.0) ** 2 * bound**2 + r**2 * noise_energy_j


def closed_form(amplitude: float, bound: float, noise_energy_j: float) -> Scaling:
    """Return the minimiser of C under the budget: s = A / W, r = W A / (A^2 + n0).

    Parameters
    ----------
    amplitude : A = s_max W > 0 [sqrt(J)].
    bound : W > 0.
    noise_energy_j : n0 >= 0 [J].

    >>> closed_form(amplitude=2.0, bound=1.0, noise_energy_j=0.0)
    Scaling(alignment=2.0, receive_scale=0.5)
    """
    return Scaling(amplitude / bound, bound * amplitude / (amplitude**2 + noise_energy_j))


def alternating_passes(amplitude: float, bound: float, noise_energy_j: float, start: float) -> Iterator[Scaling]:
    """Yield the scaling after every pass of Alg. 2, for ever: first the receiver's step, then the senders'.

    `start` is the first alignment, at most s_max = A / W; the other parameters are those of `closed_form`.
    """
    s = min(start, amplitude / bound)
    while True:
        u = s * bound
        # r = s / (s^2 + n0 / W^2), written so that a tiny W cannot overflow.
        r = bound * u / (u**2 + noise_energy_j)
        s = min(1.0 / r, amplitude / bound)
        yield Scaling(s, r)


def until_settled(passes: Iterator[Scaling], start: float, tolerance: float) -> Scaling:
    """Return the first scaling whose sigma and eta both changed by at most the relative `tolerance`.

    eta is proportional to 1 / r^2 and has no value before the first pass, so there are always two.

    Raises
    ------
    RuntimeError : a million passes were not enough.
    """
    before = Scaling(start, np.inf)
    for _, now in zip(range(_MAX_PASSES), passes, strict=False):
        sigma_change = abs(now.alignment / before.alignment - 1.0)
        eta_change = abs((before.receive_scale / now.receive_scale) ** 2 - 1.0)
        if sigma_change <= tolerance and eta_change <= tolerance:
            return now
        before = now
    raise RuntimeError(f"Alg. 2 did not settle to {tolerance} within {_MAX_PASSES} passes; use a larger tolerance")


class AirFedgaPowerControl(RoundRule):
    """Common alignment inside the energy budget, MMSE receive scale (Air-FedGA, Alg. 2).

    `predicted_squared_error` is the bound C.
    """

    kind: str = "air-fedga"
    solver: Literal["closed-form", "alternating"] = "closed-form"  # the paper's Alg. 2 is "alternating"
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-3  # Our choice: the paper gives no value
    start: Literal["sigma-max", "sigma-max/1000"] = "sigma-max"  # Our choice: from there two passes suffice

    signal_model: ClassVar[SignalModel] = "bounded"

    def _plan(self, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
        if statistics.bound == 0.0:
            return silent_plan(everybody(channel))
        scaling = self._solve(weakest_amplitude(channel, weights), statistics.bound, channel.noise_energy_j)
        return Plan(
            gains=weights * scaling.alignment / channel.amplitudes,
            receive_scale=scaling.receive_scale,
            active=everybody(channel),
            predicted_squared_error=squared_error_bound(scaling, statistics.bound, channel.noise_energy_j),
        )

    def _solve(self, amplitude: float, bound: float, noise_energy_j: float) -> Scaling:
        if self.solver == "closed-form":
            return closed_form(amplitude, bound, noise_energy_j)
        start = _START_FRACTIONS[self.start] * amplitude / bound
        return until_settled(alternating_passes(amplitude, bound, noise_energy_j, start), start, self.tolerance)
