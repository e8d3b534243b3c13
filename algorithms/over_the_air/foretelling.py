"""Foretelling: when every round of a synchronous run will transmit, known before the run where nothing intervenes.

With everybody asked, everybody there, a free downlink and jobs of constant length, round k transmits at

    T_k = T_(k-1) + L^u + max_i l_i ,        T_0 = max_i l_i ,

and fading is a function of (device, block), so the channels of all rounds can be asked for as well.
"""

import math

import numpy as np

from algorithms.selection.context import Selection
from algorithms.selection.everybody import Everybody
from algorithms.worlds.federation import Federation
from testbed.layout import FloatArray

__all__ = ["foretold_times_s", "transmission_times_s", "why_unforeseeable"]


def why_unforeseeable(fed: Federation, selection: Selection, deadline_s: float | None) -> str | None:
    """Return what makes the times of transmission unknowable ahead, or None if they can be foretold."""
    obstacles = {
        "a selection other than all decides anew in every round who transmits": not isinstance(selection, Everybody),
        "a deadline_s may end a round without some of its clients": deadline_s is not None,
        "devices come and go (availability, fault)": not fed.absences.nobody_ever_leaves,
        "how long the downlink takes depends on its fades": not fed.cell.downlink_is_free,
        "the run has no horizon": math.isinf(fed.simulation.horizon_s),
    }
    return next((reason for reason, holds in obstacles.items() if holds), None)


def transmission_times_s(training_times_s: FloatArray, airtime_s: float, horizon_s: float) -> list[float]:
    """Return when each round transmits [s], of all rounds whose transmission ends by the horizon.

    Rounded as the clock rounds, which is told delays: a delay is the difference of two times.

    Parameters
    ----------
    training_times_s : (num_clients,) l_i > 0 [s].
    airtime_s : L^u > 0 [s].
    horizon_s : end of the run [s], finite.

    >>> transmission_times_s(np.array([3.0, 1.0]), 0.5, 10.0)
    [3.0, 6.5]
    """
    times_s: list[float] = []
    now_s = 0.0
    while True:
        ready_s = now_s + float(np.max((now_s + training_times_s) - now_s))
        now_s = ready_s + airtime_s
        if now_s > horizon_s:
            return times_s
        times_s.append(ready_s)


def foretold_times_s(fed: Federation) -> list[float]:
    """Return when each round of `fed` transmits, in a run for which `why_unforeseeable` has no answer [s]."""
    training_times_s = fed.fleet.training_time_s(fed.workload.job_flop)
    return transmission_times_s(training_times_s, fed.cell.airtime_s, fed.simulation.horizon_s)
