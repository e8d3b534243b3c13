"""Local training: nobody exchanges anything, and every client goes on with its own model.

The baseline of personalised federated learning: what a federation must beat to be worth its traffic (Xie et al.,
"Federated graph classification over non-IID graphs", NeurIPS 2021, section 6, call it self-train). Our choice: a round
is a job of every client and ends with the slowest, so that after t rounds a client has trained as long as under any
synchronous method.
"""

from typing import ClassVar

from algorithms.grouping.single import SingleGroup
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.round import RoundTurn
from testbed.settings import Part
from testbed.simulation import Process

__all__ = ["LocalOnly"]


class LocalOnly(Part):
    """Everybody trains alone; needs data on which each client is tested on its own samples."""

    reads_trained_values: ClassVar[bool] = False
    has_own_models: ClassVar[bool] = True  # so each client must be tested on samples of its own
    exchanges: ClassVar[bool] = False  # nothing is sent

    kind: str = "local-only"

    def start(self, fed: Federation) -> None:
        """Put all clients in one group and let it train."""
        for group in fed.form_groups(SingleGroup(), upload_s=0.0):
            # From the first: who misses a round must not start the next from the mean of the others.
            fed.server.models |= dict.fromkeys(group.members, fed.server.vector)
            fed.simulation.start(self.serve(fed, group), "all clients")

    def serve(self, fed: Federation, group: Group) -> Process:
        """One round after another; no message is sent."""
        while fed.serves(group):
            base = yield from fed.stay_apart(group)
            results = yield from fed.train(base)
            turn = RoundTurn(base, results.trained, span_id=results.cause_id)
            turn.delivered = list(turn.clients)
            fed.follow(group, results.cause_id)
            if turn.delivered:
                fed.server.assign(turn, {member.client: member.parameters for member in results.trained})
