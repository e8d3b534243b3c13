"""CAC: the slower a client's link, the more is compressed: capability-aware compression.

The second scheme against which Caesar (Yan et al., arXiv 2412.19989) is motivated; its rule is our reading:

    theta_i = theta_min + (theta_max - theta_min) rank(rate_i) / N       rank 1 is the fastest link

in both directions, each by its own rates as they stand at the beginning of the round, over all N clients. Codecs and
the server's step are those of `fic`; receivers hold no copy. Where a downlink serves everybody at once its rates are
equal, and so are the fractions.
"""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from algorithms.compression.importance import rank_fractions
from algorithms.compression.packing import Per, hybrid_packets, sparse
from algorithms.compression.rounds import serve_rounds
from algorithms.grouping.single import SingleGroup
from algorithms.selection.context import Selection
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.packets import Order, Packet
from algorithms.worlds.round import Base
from testbed.layout import FloatArray
from testbed.settings import Part, component
from testbed.simulation import Process

__all__ = ["Cac"]

Compressed = Annotated[float, Field(ge=0, lt=1)]


class Cac(Part):
    """Capability-aware compression by the rank of a link's rate."""

    reads_trained_values: ClassVar[bool] = False

    kind: str = "cac"
    min_fraction: Compressed = 0.1  # theta_min, of the fastest link; our choice, as Caesar's uploads
    max_fraction: Compressed = 0.6  # theta_max, of the slowest link; our choice, as Caesar's uploads
    per: Per = "tensor"  # the largest entries of every tensor, or of the whole vector
    selection: Annotated[Selection, component("selection")] = "all"  # type: ignore[assignment]  # whom a round asks

    def start(self, fed: Federation) -> None:
        """Put all clients in one group and serve it."""
        for group in fed.form_groups(SingleGroup()):
            fed.simulation.start(self.serve(fed, group), "all clients")

    def serve(self, fed: Federation, group: Group) -> Process:
        """One round after another."""
        yield from serve_rounds(
            fed, group, self.selection, lambda asked: self._write(fed, asked), lambda base: self._orders(fed, base)
        )

    def _write(self, fed: Federation, asked: tuple[int, ...]) -> dict[int, Packet]:
        down = self._fractions(fed.cell.foresee_download_s(range(len(fed.fleet)), 1.0))
        return hybrid_packets(fed, {client: float(down[client]) for client in asked}, {}, self.per)

    def _orders(self, fed: Federation, base: Base) -> dict[int, Order]:
        everybody = list(range(len(fed.fleet)))
        up = self._fractions(fed.cell.foresee_upload_now_s(everybody, np.ones(len(everybody))))
        return {client: Order(sparse(float(up[client]), self.per)) for client in base.arrivals}

    def _fractions(self, seconds_per_bit: FloatArray) -> FloatArray:
        return rank_fractions(-seconds_per_bit, self.min_fraction, self.max_fraction)
