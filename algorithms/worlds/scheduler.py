"""The scheduler: a selection rule at work in a federation, with what it must remember from round to round.

A rule is told how all clients stand and keeps nothing (`algorithms/selection/context.py`). The scheduler gathers what
it is told, draws from the stream (SELECTION, round), and after the round takes note of what it cost:

    base = yield from fed.broadcast(group, scheduler.choose)
    ... train, take the turn, transmit ...
    scheduler.end_round(turn)                                    # also where nobody transmitted
"""

from dataclasses import replace

import numpy as np

from algorithms.selection.context import EnergyQueues, Selection, SelectionContext
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
        self._everybody = tuple(range(num_clients))
        self._context = SelectionContext(
            data_sizes=fed.workload.data_sizes.astype(np.float64),
            training_times_s=fed.fleet.training_time_s(fed.workload.job_flop),
            amplitudes=self._amplitudes(),
            energy_budgets_j=np.full(num_clients, fed.cell.uplink.energy_budget_j),
            last_norms=np.full(num_clients, np.nan),
            queues=EnergyQueues.empty(num_clients),
        )
        # Full participation leaves nothing to tell that the version's row does not.
        self._record = None if isinstance(selection, Everybody) else fed.simulation.records.open(SELECTION)

    @property
    def context(self) -> SelectionContext:
        """All clients as they stand now."""
        return replace(self._context, amplitudes=self._amplitudes())

    def choose(self, present: tuple[int, ...]) -> tuple[int, ...]:
        """Return whom of those `present` the current round asks; asking twice changes nothing."""
        rng = self._fed.simulation.stream(Purpose.SELECTION, self.round)
        return self.selection.select(present, self.context, rng)

    def end_round(self, turn: RoundTurn) -> None:
        """Take note of what the round cost and of the norms sent, and go on to the next."""
        spent_j, norms = np.zeros(len(self._everybody)), self._context.last_norms.copy()
        for client, energy_j in turn.energies_j.items():
            spent_j[client] = energy_j
        for client, norm in turn.norms.items():
            norms[client] = norm
        queues = self.selection.advance(self._context, spent_j)
        self._context = replace(self._context, last_norms=norms, queues=queues)
        if self._record is not None:
            backlogs_j = queues.backlogs_j
            self._record(
                self.round,
                self._fed.simulation.now_s,
                turn.base.version,
                len(turn.base.arrivals),
                len(turn.delivered),
                float(spent_j.sum()),
                float(backlogs_j.mean()),
                float(backlogs_j.max()),
            )
        self.round += 1

    def _amplitudes(self) -> FloatArray:
        believed = self._fed.cell.believed_amplitudes(self._everybody, self._fed.simulation.now_s)
        return np.maximum(believed, _DEEPEST_FADE)
