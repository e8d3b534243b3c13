"""FedAvg: everybody trains, then everybody uploads over orthogonal channels; the weighted mean is the new model.

McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data", AISTATS 2017, by default
with full participation, as the baseline of Air-FedGA (Ma et al., IPDPS 2025, section V):

    w_t = sum_(i in S) (d_i / D_S) w_t^i .

An upload is 32 bits per parameter at the Shannon rate of the same radio that over-the-air methods use. A round takes
max_i l_i plus the sum of the uploads (TDMA) or the longest of them in equal shares of the band (OFDMA). Deviation, our
choice: with `deadline_s` a round goes on without those who are not ready by then; whoever's upload does not arrive is
left out and the weights are renormalised.

No decision reads trained values, whatever the `selection`: what an upload costs does not depend on what it holds, and
the scheduler notes no norms of digital uploads.
"""

from typing import Annotated, ClassVar, Literal

from algorithms.federated.average_uploads import average_uploads
from algorithms.grouping.single import SingleGroup
from algorithms.selection.context import Selection
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.scheduler import Scheduler
from testbed.settings import Part, PositiveSeconds, component
from testbed.simulation import Process

__all__ = ["Fedavg"]


class Fedavg(Part):
    """Synchronous federated averaging with orthogonal uploads."""

    reads_trained_values: ClassVar[bool] = False

    kind: str = "fedavg"
    access: Literal["tdma", "ofdma"] = "tdma"  # as the paper's orthogonal baseline in its slowest form, or side by side
    selection: Annotated[Selection, component("selection")] = "all"  # type: ignore[assignment]  # whom a round asks
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
            results = yield from fed.train(base, self.deadline_s)
            turn = yield from average_uploads(fed, results, self.access)
            scheduler.end_round(turn)
