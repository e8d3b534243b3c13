"""What a superposition brought, and the table of gains that were held back in it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from testbed.records import Schema

__all__ = ["CLIPPING", "Reception"]

CLIPPING = Schema.of(
    "clipping",
    "Where inverting anew in every block would have spent more than the budget, and the gain was held back.",
    span_id=("int", "the device's transmit span"),
    source=("str", "sender"),
    block=("int", "coherence block"),
    gain=("float", "gain used, g_i(b)"),
    wanted_gain=("float", "gain that would have arrived as planned"),
)


@dataclass(frozen=True, kw_only=True)
class Reception:
    """What a superposition brought.

    `received : (num_entries,)`; the uplink span and its times [s]; `energies_j : (num_senders,)`, radiated [J];
    `per_gain : (num_senders,)`, what a unit of planned gain arrived as, on average over the entries: c_i / g_i.
    """

    received: npt.NDArray[np.float64]
    span_id: int
    start_s: float
    end_s: float
    energies_j: npt.NDArray[np.float64]
    per_gain: npt.NDArray[np.float64]
