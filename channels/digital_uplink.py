"""Digital uploads on the uplink: one device after another (TDMA), or several side by side (OFDMA).

The radio is that of the analog transmission: its power P is the energy budget over the airtime of a superposition. A
device that has the whole band sends at B log2(1 + P |h|^2 / (N0 B)); one of n that share it has B / n hertz, in which
its power stands n times as high,

    (B / n) log2(1 + n P |h|^2 / (N0 B)) ,

block by block, nothing in blocks below the outage floor, nothing while it is absent. Our choice: the shares are equal
and stay as they are until the last has finished.

Where devices have links of their own (`own_links.py`) the rate is that of the link, side by side or alone.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import simpy

from channels.absence import Absence, window_of
from channels.orthogonal import Transmission, shannon_rate_bit_per_s, snr, time_to_send, time_to_send_at
from channels.own_links import Lines
from channels.turn import Turn
from channels.uplink_channels import UplinkChannels
from testbed.errors import RunFailure
from testbed.simulation import Simulation
from testbed.units import db_to_linear

__all__ = ["DigitalUplink", "Upload"]


class Upload(NamedTuple):
    """How a digital upload went: uplink span, times [s], radiated energy [J], whether all bits arrived.

    Uploads that share the band share its span, which ends with the last of them.
    """

    span_id: int
    start_s: float
    end_s: float
    energy_j: float
    delivered: bool


@dataclass(frozen=True, kw_only=True)
class DigitalUplink:
    """What digital uploads work in: clock, channels, who is there, and where transfers are recorded.

    `power_w` : P [W]; `noise_psd_w_per_hz` : N0 [W/Hz].
    """

    simulation: Simulation
    channels: UplinkChannels
    absence: Absence
    record_transfer: Callable[..., None]
    power_w: float
    noise_psd_w_per_hz: float
    lines: Lines | None = None

    def send(
        self,
        turn: Turn,
        senders: Sequence[int],
        bits: float,
        cause_id: int,
        channel: str,
        entity: str = "uplink",
    ) -> Generator[simpy.Event, Any, list[Upload]]:
        """Let `senders` send `bits` each in equal shares of the band; return how each went, in their order.

        `entity` : on whose line the transmission stands in the record.
        """
        if len(senders) == 0 or len(set(senders)) != len(senders):
            raise ValueError(f"senders must be at least one device, each once, got {list(senders)}")
        if cause_id == turn.cause_id:
            cause_id = turn.catch_up()
        start_s, entities = self.simulation.now_s, [f"device-{sender}" for sender in senders]
        sent = [self._plan(sender, bits, start_s, len(senders)) for sender in senders]
        pieces = {sender: plan.pieces for sender, plan in zip(entities, sent, strict=True)}
        ends = yield from turn.play_together(pieces, cause_id)
        end_s = self.simulation.now_s
        span_id = self.simulation.records.span(entity, "transmit", start_s, end_s, cause_id)
        turn.follow(span_id)
        uses = self.channels.uplink.bandwidth_hz * (end_s - start_s)
        uploads = []
        for sender, plan in zip(entities, sent, strict=True):
            piece_id, ended_s = ends[sender]
            energy_j = self.power_w * plan.airtime_s
            if plan.pieces:
                costs = (plan.bits_sent, uses, energy_j)
                self.record_transfer(piece_id, sender, "server", channel, start_s, ended_s, *costs)
                uses = 0.0  # they all share the band: the first row counts it
            uploads.append(Upload(span_id, start_s, ended_s, energy_j, plan.delivered))
        return uploads

    def foresee_now_s(self, senders: Sequence[int], bits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return how long each upload of `bits : (num_senders,)` takes alone if its channel stays as now, [s].

        Over its own link, or in the whole band as `foresee_s` says.
        """
        now_s = self.simulation.now_s
        if self.lines is not None:
            return np.asarray(bits / self.lines.rates_bit_per_s(list(senders), now_s))
        block = self.channels.block(now_s)
        gains = [self.channels.power_gain(sender, block) for sender in senders]
        return bits * self.foresee_s(np.array(gains), 1.0)

    def foresee_s(self, power_gains: npt.NDArray[np.float64], bits: float) -> npt.NDArray[np.float64]:
        """Return the bits over the Shannon rate of the whole band at power gains |h|^2, at least the outage floor's."""
        band_hz, min_snr = self.channels.uplink.bandwidth_hz, db_to_linear(self.channels.uplink.min_snr_db)
        ratios = [snr(self.power_w, float(gain), self.noise_psd_w_per_hz * band_hz) for gain in power_gains]
        return np.array([bits / shannon_rate_bit_per_s(band_hz, max(ratio, min_snr)) for ratio in ratios])

    def _plan(self, sender: int, bits: float, start_s: float, num_shares: int) -> Transmission:
        uplink, window = self.channels.uplink, window_of(self.absence, sender)
        if self.lines is not None:
            return time_to_send_at(bits, start_s, self.lines.rate(sender), window)
        share_hz = uplink.bandwidth_hz / num_shares
        noise_power_w, min_snr = self.noise_psd_w_per_hz * share_hz, db_to_linear(uplink.min_snr_db)

        def rate_of_block(block: int) -> float:
            ratio = snr(self.power_w, self.channels.power_gain(sender, block), noise_power_w)
            return shannon_rate_bit_per_s(share_hz, ratio) if ratio >= min_snr else 0.0

        try:
            return time_to_send(bits, start_s, uplink.coherence_time_s, rate_of_block, window)
        except RunFailure as error:
            raise RunFailure(f"upload of device-{sender}: {error}") from None
