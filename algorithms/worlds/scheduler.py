"""The scheduler: a selection rule at work in a federation, with what it must remember from round to round.

A rule is told how all clients stand and keeps nothing (`algorithms/selection/context.py`). The scheduler gathers what
it is told, draws from the stream (SELECTION, round), and after the round takes note of what it cost:

    base = yield from fed.broadcast(group, scheduler.choose)
    ... train, take the turn, transmit ...
    scheduler.end_round(turn)                                    # also where nobody transmitted
"""

from collections.abc import Sequence

import numpy as np

from algorithms.selection.context import CurrentContext, EnergyQueues, Selection, SelectionContext
from algorithms.selection.everybody import Everybody
from algorithms.worlds.federation import Federation
from algorithms.worlds.round import RoundTurn
from algorithms.worlds.rows import SELECTION
from testbed.layout import FloatArray
from testbed.streams import Purpose

__all__ = ["Scheduler"]

_DEEPEST_FADE = 1e-100  # a fade may be exactly zero, as in a trace; a rule divides by its square


class Scheduler:
    """Asks `selection` whom to ask, one round after another.

    Energies are those of the records: what each client really radiated, lost uploads included. Norms are those of
    signals sent over the air; what a digital upload holds does not change its energy, so none is noted. Amplitudes are
    believed ones at the broadcast, the latest that the server can know. Our choice: with several antennas they are
    those of all clients sending together, for who will send is what is being decided.

    Rounds of a rule other than `all` are rows of `selection`.
    """

    def __init__(self, fed: Federation, selection: Selection) -> None:
        self.selection = selection
        self.round = 0
        num_clients = len(fed.fleet)
        self._fed = fed
        self._everybody = np.arange(num_clients)
        self._last_norms = np.full(num_clients, np.nan)
        self._spent_j = np.zeros(num_clients)  # in the round that ends; nothing between rounds [J]
        self._queues = EnergyQueues.empty(num_clients)
        self._population = SelectionContext(
            data_sizes=fed.workload.data_sizes.astype(np.float64),
            training_times_s=fed.fleet.training_time_s(fed.workload.job_flop),
            amplitudes=np.maximum(np.sqrt(fed.cell.mean_power_gains(self._everybody)), _DEEPEST_FADE),
            energy_budgets_j=np.full(num_clients, fed.cell.uplink.energy_budget_j),
            last_norms=self._last_norms,
            queues=self._queues,
        )
        # Full participation leaves nothing to tell that the version's row does not.
        self._record = None if isinstance(selection, Everybody) else fed.simulation.records.open(SELECTION)

    @property
    def context(self) -> SelectionContext:
        """All clients as they stand now."""
        now_s = self._fed.simulation.now_s
        return CurrentContext(self._population, self._last_norms, self._queues, lambda: self._amplitudes(now_s))

    def choose(self, present: Sequence[int]) -> tuple[int, ...]:
        """Return whom of those `present` the current round asks; asking twice changes nothing."""
        rng = self._fed.simulation.stream(Purpose.SELECTION, self.round)
        return self.selection.select(present, self.context, rng)

    def end_round(self, turn: RoundTurn) -> None:
        """Take note of what the round cost and of the norms sent, and go on to the next."""
        spent_j = self._spent_j
        for client, energy_j in turn.energies_j.items():
            spent_j[client] = energy_j
        queues = self._queues = self.selection.advance(self.context, spent_j)
        if turn.norms:
            if self.selection.reads_norms:  # a context that such a rule keeps stays as it was
                self._last_norms = self._last_norms.copy()
            for client, norm in turn.norms.items():
                self._last_norms[client] = norm
        if self._record is not None:
            self._record(
                self.round,
                self._fed.simulation.now_s,
                turn.base.version,
                len(turn.base.arrivals),
                len(turn.delivered),
                float(spent_j.sum()),
                queues.mean_backlog_j,
                queues.longest_backlog_j,
            )
        for client in turn.energies_j:
            spent_j[client] = 0.0
        self.round += 1

    def _amplitudes(self, time_s: float) -> FloatArray:
        believed = self._fed.cell.believed_amplitudes(self._everybody, time_s)
        return np.maximum(believed, _DEEPEST_FADE)
