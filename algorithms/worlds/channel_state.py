"""What a power control is told of the radio: read off the cell, for now or for a time to come."""

from collections.abc import Sequence

import numpy as np

from algorithms.power_control.plan import ChannelState
from channels.cell import Cell

__all__ = ["channel_state"]


def channel_state(cell: Cell, clients: Sequence[int], time_s: float) -> ChannelState:
    """Return the radio as `clients` believe it to be if they transmit together at `time_s`.

    A channel is a function of (device, block), so a time to come may be asked as well as now.
    """
    return ChannelState(
        amplitudes=cell.believed_amplitudes(clients, time_s),
        energy_budgets_j=np.full(len(clients), cell.uplink.energy_budget_j),
        noise_energy_j=cell.noise_energy_j,
        mean_power_gains=cell.mean_power_gains(clients),
    )
