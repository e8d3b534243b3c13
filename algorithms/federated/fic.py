"""FIC: everybody's model and update are compressed alike, whoever it is: fixed identical compression.

The scheme against which Caesar (Yan et al., arXiv 2412.19989) is motivated; its rule is our reading:

    theta_d, theta_u the same for every client in every round;     w_t = w_(t-1) + mean_i top-K(update_i, 1 - theta_u)

with the codecs of Caesar and receivers that hold no copy. With both fractions 0 it is FedAvg whose clients count alike.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from algorithms.compression.packing import Per, hybrid_packets, sparse
from algorithms.compression.rounds import serve_rounds
from algorithms.grouping.single import SingleGroup
from algorithms.selection.context import Selection
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.packets import Order
from testbed.settings import Part, component
from testbed.simulation import Process

__all__ = ["Fic"]

Compressed = Annotated[float, Field(ge=0, lt=1)]


class Fic(Part):
    """Fixed identical compression, or with fractions of 0 none."""

    reads_trained_values: ClassVar[bool] = False

    kind: str = "fic"
    download_fraction: Compressed = 0.35  # theta_d, compressed on the way down; our choice, Caesar's mean upload
    upload_fraction: Compressed = 0.35  # theta_u, left out on the way up; our choice
    per: Per = "tensor"  # the largest entries of every tensor, or of the whole vector
    selection: Annotated[Selection, component("selection")] = "all"  # type: ignore[assignment]  # whom a round asks

    def start(self, fed: Federation) -> None:
        """Put all clients in one group and serve it."""
        for group in fed.form_groups(SingleGroup()):
            fed.simulation.start(self.serve(fed, group), "all clients")

    def serve(self, fed: Federation, group: Group) -> Process:
        """One round after another."""
        order = Order(sparse(self.upload_fraction, self.per))
        yield from serve_rounds(
            fed,
            group,
            self.selection,
            lambda asked: hybrid_packets(fed, dict.fromkeys(asked, self.download_fraction), {}, self.per),
            lambda base: dict.fromkeys(base.arrivals, order),
        )
