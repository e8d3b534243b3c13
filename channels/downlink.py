"""The way from the server to its devices: free, one broadcast for all, one unicast after another, or own links.

Our choice: the downlink is its own medium (frequency-division duplex), its fades are independent of the
uplink's, and it has no outage floor: the rate of the weakest recipient is positive in every block.

Our choice: who is absent when a broadcast starts is served by a later one, as soon as the first of the
absentees is back; a unicast pauses while its recipient is absent. Nothing waits for a device that never comes
back.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field

from channels.absence import Absence, Window, window_of
from channels.block_fading import BlockFading
from channels.orthogonal import Transmission, shannon_rate_bit_per_s, snr, time_to_send
from channels.own_links import Lines
from channels.turn import Medium, Turn, Waiting
from testbed.records import NO_CAUSE
from testbed.settings import Hertz, Part, Watts, WattsPerHertz
from testbed.simulation import Simulation

__all__ = ["BroadcastDownlink", "Deliveries", "Downlink", "DownlinkAir", "FreeDownlink", "UnicastDownlink"]

# device -> (the span whose end is the arrival, time of arrival [s]); absent from it: those that never came
# back.
Deliveries: TypeAlias = dict[int, tuple[int, float]]


@dataclass(frozen=True, kw_only=True)
class DownlinkAir:
    """What a downlink works in: clock, medium, channels, who is there, and where transfers are recorded."""

    simulation: Simulation
    medium: Medium
    links: BlockFading
    absence: Absence
    record_transfer: Callable[..., None]
    lines: Lines | None = None  # where every device has a link of its own


class Downlink(Protocol):
    """A way of delivering the same bits to several devices.

    With `one_by_one` each device has a delivery of its own, so whoever is served first need not wait for the others.
    """

    one_by_one: ClassVar[bool]

    def send(self, air: DownlinkAir, receivers: Sequence[int], bits: float, cause_id: int) -> Waiting:
        """Deliver `bits` to every receiver that is or will be there; return the deliveries."""
        ...

    def foresee_s(self, air: DownlinkAir, receivers: Sequence[int], bits: float) -> npt.NDArray[np.float64]:
        """Return how long each receiver's own delivery would take if its channel stayed as now, `(num_receivers,)` [s].

        Zero where nobody has a delivery of its own. Asking changes nothing.
        """
        ...


class _TogetherDownlink(Part):
    """What downlinks share that serve everybody at once: no receiver has a delivery of its own."""

    one_by_one: ClassVar[bool] = False

    def foresee_s(self, air: DownlinkAir, receivers: Sequence[int], bits: float) -> npt.NDArray[np.float64]:
        """Return zeros: there is nothing to put in order."""
        return np.zeros(len(receivers))


class FreeDownlink(_TogetherDownlink):
    """Costs no time and no energy; the cause passes through to every receiver, the bits are recorded."""

    kind: str = "free"

    def send(self, air: DownlinkAir, receivers: Sequence[int], bits: float, cause_id: int) -> Waiting:
        """Return the deliveries at once."""
        yield from ()
        now_s = air.simulation.now_s
        if receivers:
            air.record_transfer(NO_CAUSE, "server", _target(receivers), "free", now_s, now_s, bits, 0.0, 0.0)
        return dict.fromkeys(receivers, (cause_id, now_s))


class _RadioDownlink(Part, ABC):
    """What broadcast and unicast share: the server's radio and the care for absent receivers."""

    bandwidth_hz: Hertz  # of the whole downlink [Hz]
    power_w: Annotated[Watts, Field(gt=0)]  # that the server radiates [W]
    noise_psd_w_per_hz: WattsPerHertz  # N0 at the devices' receivers [W/Hz]

    def send(self, air: DownlinkAir, receivers: Sequence[int], bits: float, cause_id: int) -> Waiting:
        """Deliver `bits` to every receiver that is or will be there; return the deliveries."""
        deliveries: Deliveries = {}
        pending = list(receivers)
        while pending:
            with (yield from air.medium.take_turn("server", cause_id)) as turn:
                present = [d for d in pending if air.absence.is_available(d, air.simulation.now_s)]
                if present:
                    deliveries.update((yield from self._transmit(air, turn, present, bits)))
                cause_id = turn.cause_id
            pending = [d for d in pending if d not in present]
            cause_id, pending = yield from _await_first(air, pending, cause_id)
        return deliveries

    @abstractmethod
    def _transmit(self, air: DownlinkAir, turn: Turn, receivers: Sequence[int], bits: float) -> Waiting:
        """Send to receivers that are there; return the deliveries."""

    def _rate_bit_per_s(self, air: DownlinkAir, receivers: Sequence[int], block: int) -> float:
        gain, noise_power_w = (
            air.links.weakest_power_gain(receivers, block),
            self.noise_psd_w_per_hz * self.bandwidth_hz,
        )
        ratio = snr(self.power_w, gain, noise_power_w)
        return shannon_rate_bit_per_s(self.bandwidth_hz, ratio)

    def _radiate(
        self, air: DownlinkAir, turn: Turn, receivers: Sequence[int], bits: float, window: Window | None
    ) -> Waiting:
        """Send to all `receivers` at the rate of the weakest; return the transmission."""

        def rate_of_block(block: int) -> float:
            return self._rate_bit_per_s(air, receivers, block)

        start_s = air.simulation.now_s
        windows = () if window is None else (window,)
        sent: Transmission = time_to_send(bits, start_s, air.links.coherence_time_s, rate_of_block, *windows)
        span_id = yield from turn.play("downlink", sent.pieces, turn.cause_id, paused_kind="wait")
        turn.follow(span_id)
        if sent.pieces:
            end_s = air.simulation.now_s
            air.record_transfer(
                span_id,
                "server",
                _target(receivers),
                self.kind,
                start_s,
                end_s,
                sent.bits_sent,
                self.bandwidth_hz * (end_s - start_s),
                self.power_w * sent.airtime_s,
            )
        return sent


class BroadcastDownlink(_RadioDownlink, _TogetherDownlink):
    """One transmission for all, at the Shannon rate of the weakest recipient, block by block.

    Our choice: who is there when a broadcast starts is counted as receiving it to its end.
    """

    kind: str = "broadcast"

    def _transmit(self, air: DownlinkAir, turn: Turn, receivers: Sequence[int], bits: float) -> Waiting:
        yield from self._radiate(air, turn, receivers, bits, window=None)
        return dict.fromkeys(receivers, (turn.cause_id, air.simulation.now_s))


class UnicastDownlink(_RadioDownlink):
    """One recipient after another, in the order given, each at its own Shannon rate, block by block."""

    one_by_one: ClassVar[bool] = True

    kind: str = "unicast"

    def foresee_s(self, air: DownlinkAir, receivers: Sequence[int], bits: float) -> npt.NDArray[np.float64]:
        """Return the bits over each receiver's Shannon rate in the present block [s]."""
        block = air.links.block(air.simulation.now_s)
        return np.array([bits / self._rate_bit_per_s(air, [receiver], block) for receiver in receivers])

    def _transmit(self, air: DownlinkAir, turn: Turn, receivers: Sequence[int], bits: float) -> Waiting:
        deliveries: Deliveries = {}
        for device in receivers:
            sent = yield from self._radiate(air, turn, [device], bits, window_of(air.absence, device))
            if sent.delivered:
                deliveries[device] = (turn.cause_id, air.simulation.now_s)
        return deliveries


def _await_first(air: DownlinkAir, absent: Sequence[int], cause_id: int) -> Waiting:
    """Wait until the first of the absent is back; return the new cause and those that will ever be back."""
    now_s = air.simulation.now_s
    returns_s = {
        device: now_s if air.absence.is_available(device, now_s) else air.absence.next_change_s(device, now_s)
        for device in absent
    }
    pending = [device for device in absent if returns_s[device] < math.inf]
    if pending:
        first_s = min(returns_s[device] for device in pending)
        if first_s > now_s:
            yield air.simulation.env.timeout(first_s - now_s)
            cause_id = air.simulation.records.span("server", "wait", now_s, air.simulation.now_s, cause_id)
    return cause_id, pending


def _target(receivers: Sequence[int]) -> str:
    return f"device-{receivers[0]}" if len(receivers) == 1 else f"{len(receivers)} devices"
