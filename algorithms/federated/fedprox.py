"""FedProx: FedAvg whose clients are held near the model they received, and whose stragglers send what they have.

Li, Sahu, Zaheer, Sanjabi, Talwalkar and Smith, "Federated Optimization in Heterogeneous Networks", MLSys 2020,
algorithm 2. Client i takes local gradient steps on (equation 2)

    h_i(w; w_(t-1)) = F_i(w) + mu / 2 ||w - w_(t-1)||^2 ,        w_t = sum_i (d_i / D) w_t^i ,

and may solve it inexactly: a client that is not ready by the deadline takes part with fewer steps (the gamma_i-inexact
solutions of definition 2) instead of being dropped. Deviations, our choice: all clients take part unless `selection`
says otherwise, weighted by their data (the paper samples some by these weights and takes the plain mean); the deadline
is a time, so who is a straggler and how far it comes follows from its speed and its absences (the paper draws both);
only whole steps count.

mu = 0 without a deadline is FedAvg, byte for byte. Expected results: `tests/algorithms/test_fedprox.py`.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import NonNegativeFloat

from algorithms.federated.average_uploads import average_uploads
from algorithms.grouping.single import SingleGroup
from algorithms.selection.context import Selection
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.scheduler import Scheduler
from testbed.settings import Part, PositiveSeconds, component
from testbed.simulation import Process

__all__ = ["Fedprox"]


class Fedprox(Part):
    """Synchronous averaging with a proximal term and partial work."""

    reads_trained_values: ClassVar[bool] = False

    kind: str = "fedprox"
    proximal_weight: NonNegativeFloat = 0.01  # mu; of the values the authors try, 0.001 to 1
    partial_work: bool = True  # whether those not ready by the deadline send what they have
    selection: Annotated[Selection, component("selection")] = "all"  # type: ignore[assignment]  # whom a round asks
    access: Literal["tdma", "ofdma"] = "tdma"  # uploads one after another, or side by side
    deadline_s: PositiveSeconds | None = None  # longest a round waits for training [s]; None: for the slowest

    def start(self, fed: Federation) -> None:
        """Put all clients in one group and serve it."""
        for group in fed.form_groups(SingleGroup()):
            fed.simulation.start(self.serve(fed, group), "all clients")

    def serve(self, fed: Federation, group: Group) -> Process:
        """One round after another."""
        scheduler = Scheduler(fed, self.selection)
        while fed.serves(group):
            base = yield from fed.broadcast(group, scheduler.choose)
            results = yield from fed.train(
                base, self.deadline_s, proximal_weight=self.proximal_weight, partial_work=self.partial_work
            )
            turn = yield from average_uploads(fed, results, self.access)
            scheduler.end_round(turn)
