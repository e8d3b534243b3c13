"""The downlink "own-links": every device receives over a link of its own, all at once, each at its own rate.

Our choice: a delivery pauses while its receiver is absent, a link serves one delivery at a time, and neither energy nor
channel uses are charged: what a wired or cellular operator spends is not the server's.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from channels.absence import window_of
from channels.downlink import Deliveries, DownlinkAir
from channels.orthogonal import time_to_send_at
from channels.own_links import Lines, OwnLinks
from channels.turn import Waiting
from testbed.settings import Part

__all__ = ["OwnLinksDownlink"]


class OwnLinksDownlink(Part, OwnLinks):
    """A link for each device, from the server to it."""

    one_by_one: ClassVar[bool] = True

    kind: str = "own-links"

    def send(self, air: DownlinkAir, receivers: Sequence[int], bits: float, cause_id: int) -> Waiting:
        """Deliver `bits` to every receiver that is or will be there; return the deliveries."""
        lines = _lines(air)
        runs = [
            air.simulation.start(self._deliver(air, lines, device, bits, cause_id), f"downlink to device-{device}")
            for device in receivers
        ]
        deliveries: Deliveries = {}
        for device, run in zip(receivers, runs, strict=True):
            arrival = yield run
            if arrival is not None:
                deliveries[device] = arrival
        return deliveries

    def foresee_s(self, air: DownlinkAir, receivers: Sequence[int], bits: float) -> npt.NDArray[np.float64]:
        """Return the bits over each receiver's present rate [s]."""
        rates: npt.NDArray[np.float64] = _lines(air).rates_bit_per_s(list(receivers), air.simulation.now_s)
        return bits / rates

    def _deliver(self, air: DownlinkAir, lines: Lines, device: int, bits: float, cause_id: int) -> Waiting:
        """Return (the last span, when it ended), or None for a device that never comes back."""
        entity = f"downlink-{device}"
        with (yield from lines.medium_of(device).take_turn("server", cause_id)) as turn:
            start_s = air.simulation.now_s
            sent = time_to_send_at(bits, start_s, lines.rate(device), window_of(air.absence, device))
            turn.follow((yield from turn.play(entity, sent.pieces, turn.cause_id, paused_kind="wait")))
            end_s = air.simulation.now_s
            if sent.pieces:
                costs = (sent.bits_sent, 0.0, 0.0)
                air.record_transfer(turn.cause_id, "server", f"device-{device}", self.kind, start_s, end_s, *costs)
            return (turn.cause_id, end_s) if sent.delivered else None


def _lines(air: DownlinkAir) -> Lines:
    if air.lines is None:
        raise RuntimeError("the downlink own-links needs the lines of a cell")
    return air.lines
