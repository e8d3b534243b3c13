"""FedGA: groups are asynchronous among each other; inside a group clients take turns in an order that saves time.

Ma et al., "FedGA", Journal on Communications 44(11), 2023, the predecessor of Air-FedGA (Ma et al., IPDPS 2025)
without the air: the same groups and the same asynchronous update

    w_t = (1 - beta_j) w_(t-1) + beta_j sum_i (d_i / D_j) w^i ,        beta_j = D_j / D ,

over one channel that one client at a time can use. The orders of downloads and uploads come from the magic mirror
method (`schedules/magic_mirror.py`), with durations as foreseen when the round begins. All downloads of a group come
before its uploads; an upload starts as soon as its client has trained and the channel is free, not after the slowest.

Deviations, our choice: uplink and downlink are two media (frequency-division duplex), each first come first served
among groups, and between two uploads of a group another may slip in. Durations are foreseen as if the channels stayed
as they are now and nobody went away. The grouping plans a period of the slowest training and one upload at the mean
gains, since the others hide behind training; what more the channel makes a group wait is not planned.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, ClassVar, Literal, TypeAlias

from algorithms.aggregation.weighted_mean import weighted_mean
from algorithms.grouping.problem import Grouping
from algorithms.schedules.magic_mirror import Orders, RoundTimes, best_of_starts, magic_mirror, upload_only
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from testbed.settings import Part, component
from testbed.simulation import Process

__all__ = ["Fedga"]

Scheduler: TypeAlias = Literal["magic-mirror", "best-of-starts", "upload-only", "client-order"]


class Fedga(Part):
    """Grouping asynchronous federated learning over one orthogonal channel, well ordered."""

    kind: str = "fedga"
    reads_trained_values: ClassVar[bool] = False

    grouping: Annotated[Grouping, component("grouping")] = "greedy-refined"  # type: ignore[assignment]  # who trains with whom
    scheduler: Scheduler = "magic-mirror"  # [paper]; the others to compare with

    def start(self, fed: Federation) -> None:
        """Form the groups, once, and serve each in a process of its own."""
        for group in fed.form_groups(self.grouping, upload_s=fed.mean_upload_s):
            fed.simulation.start(self.serve(fed, group), f"group {group.index}")

    def serve(self, fed: Federation, group: Group) -> Process:
        """One group's life: receive in order, train, upload in order, be mixed in, again."""
        while fed.serves(group):
            uploads: list[int] = []
            base = yield from fed.broadcast(group, partial(self._choose, fed, uploads))
            turn = yield from fed.train_and_upload(base, uploads)
            if turn.delivered:
                group_model = weighted_mean(turn.models, group.weights(turn.delivered))
                fed.server.mix(turn, group_model, weight=group.share_of(turn.delivered))

    def _choose(self, fed: Federation, uploads: list[int], present: Sequence[int]) -> Sequence[int]:
        """Return the order of the downloads and append that of the uploads to `uploads`, both foreseen now."""
        orders = self._orders(fed.foresee_round(present))
        uploads += [present[position] for position in orders.uploads]
        return [present[position] for position in orders.downloads]

    def _orders(self, times: RoundTimes) -> Orders:
        """Return who downloads and who uploads when, as positions in `times`."""
        by_id = tuple(range(len(times.train_s)))
        if self.scheduler == "client-order":
            return Orders(by_id, by_id)
        if self.scheduler == "upload-only":
            return upload_only(times, by_id)
        return magic_mirror(times) if self.scheduler == "magic-mirror" else best_of_starts(times)
