"""A cell: one server, its devices and one shared uplink, where transmissions cost time and energy.

    geometry -> path loss -> fading(block) -> channels          block = floor(t / coherence time)

The multiple-access channel is one resource, first come first served: two groups cannot superpose at the same
time (the papers leave this contention out). On it a group sends analog signals over the air, all at once and
in a time that does not depend on how many send, or devices send digital payloads one by one (TDMA). The maths
is in `aircomp` and `orthogonal`; here it is decided when it is called and what it costs.

Our choice: the channel at the start of the turn holds for a whole superposition, phases are compensated
perfectly.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import simpy
from pydantic import Field

from channels import aircomp
from channels.absence import Absence, window_of
from channels.block_fading import BlockFading, Direction
from channels.downlink import Deliveries, Downlink, DownlinkAir
from channels.fading import ComplexArray, Fading
from channels.noise import Noise
from channels.orthogonal import Transmission, shannon_rate_bit_per_s, snr, time_to_send
from channels.path_loss import PathLoss
from channels.turn import Medium, Turn
from testbed.errors import RunFailure
from testbed.layout import FloatArray
from testbed.records import TRANSFER
from testbed.settings import Decibels, Hertz, Joules, PositiveSeconds, Settings, component
from testbed.simulation import Simulation
from testbed.streams import Purpose
from testbed.units import db_to_linear

__all__ = ["Cell", "Reception", "UplinkSettings", "Upload"]

# Rounding a plan's gains may overspend a budget by this fraction; anything more is a wrong plan.
_BUDGET_TOLERANCE = 1e-9


class UplinkSettings(Settings):
    """The radio of a cell's uplink.

    `energy_budget_j` is what a device may radiate in one superposition [J]. A digital upload uses the same
    radio: its power is that budget over the airtime of a superposition, and blocks below `min_snr_db` carry
    nothing.
    """

    bandwidth_hz: Hertz
    num_subchannels: Annotated[int, Field(ge=1)]
    coherence_time_s: PositiveSeconds
    fading: Annotated[Fading, component("fading")]
    path_loss: Annotated[PathLoss, component("path-loss")]
    energy_budget_j: Joules
    noise: Annotated[Noise, component("noise")]
    min_snr_db: Decibels


@dataclass(frozen=True, kw_only=True)
class Reception:
    """What a superposition brought.

    `received : (num_entries,)`; the uplink span and its times [s]; `energies_j : (num_senders,)`, radiated
    [J].
    """

    received: npt.NDArray[np.float64]
    span_id: int
    start_s: float
    end_s: float
    energies_j: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Upload:
    """How a digital upload went: uplink span, times [s], radiated energy [J], whether all bits arrived."""

    span_id: int
    start_s: float
    end_s: float
    energy_j: float
    delivered: bool


class Cell:
    """One server and `num_devices` devices around it.

    Parameters
    ----------
    simulation : clock, luck and records.
    uplink : the radio.
    downlink : how the server reaches the devices.
    num_devices : device ids are 0 to num_devices - 1.
    num_entries : entries of a signal, q.
    absence : when devices are there.
    """

    def __init__(
        self,
        simulation: Simulation,
        uplink: UplinkSettings,
        downlink: Downlink,
        num_devices: int,
        num_entries: int,
        absence: Absence,
    ) -> None:
        self.uplink = uplink
        self.num_devices = num_devices
        self.num_entries = num_entries
        self._simulation = simulation
        self._absence = absence
        self._downlink = downlink
        self._records = simulation.records
        self._record_transfer = simulation.records.open(TRANSFER)
        self._links = self._block_fading(Direction.UPLINK)
        self._mac = Medium(simulation)
        self._air = DownlinkAir(
            simulation=simulation,
            medium=Medium(simulation),
            links=self._block_fading(Direction.DOWNLINK),
            absence=absence,
            record_transfer=self._record_transfer,
        )
        self._num_superpositions = 0

    def _block_fading(self, direction: Direction) -> BlockFading:
        return BlockFading(
            self.uplink.fading,
            self.uplink.path_loss,
            coherence_time_s=self.uplink.coherence_time_s,
            num_devices=self.num_devices,
            direction=direction,
            streams=self._simulation.stream,
        )

    @property
    def airtime_s(self) -> float:
        """The airtime of one superposition [s], however many send."""
        return aircomp.airtime_s(self.num_entries, self.uplink.bandwidth_hz, self.uplink.num_subchannels)

    @property
    def noise_energy_j(self) -> float:
        """n0 = E||z||^2, the noise on a decoded vector [J]."""
        return self.uplink.noise.vector_energy_j(self.num_entries)

    @property
    def transmit_power_w(self) -> float:
        """The power of a digital upload [W]: the energy budget over the airtime of a superposition."""
        return self.uplink.energy_budget_j / self.airtime_s

    def channels(self, devices: Sequence[int], time_s: float) -> ComplexArray:
        """Return the uplink channels of `devices` at a time, path gain included, (len(devices),) complex."""
        return self._links.at(devices, time_s)

    def take_turn(self, holder: str, cause_id: int) -> Generator[simpy.Event, Any, Turn]:
        """Wait for the multiple-access channel and return the turn (`Medium.take_turn`)."""
        return self._mac.take_turn(holder, cause_id)

    def superpose(
        self, turn: Turn, senders: Sequence[int], signals: FloatArray, gains: FloatArray, source: str
    ) -> Generator[simpy.Event, Any, Reception]:
        """Let `senders` transmit at once and return what the server received, one airtime later.

        Parameters
        ----------
        turn : an open turn on this cell's uplink; the channels at its start hold.
        senders : device ids, without repetition.
        signals : (num_senders, num_entries), real.
        gains : (num_senders,), transmit amplitudes g_i >= 0 [square root of J per channel use].
        source : name of the transmitting group, for messages.

        Raises
        ------
        RuntimeError : a sender's energy g_i^2 ||x_i||^2 is above its budget, or the turn is over.
        """
        turn.require(self._mac)
        self._check_senders(senders, signals, gains)
        energies_j = self._checked_energies_j(senders, signals, gains, source)
        amplitudes = gains * np.abs(self.channels(senders, turn.start_s))
        rng = self._simulation.stream(Purpose.NOISE, self._num_superpositions)
        self._num_superpositions += 1

        cause_id, start_s = turn.catch_up(), self._simulation.now_s
        yield self._simulation.env.timeout(self.airtime_s)
        end_s = self._simulation.now_s

        self._record_superposition(senders, energies_j, start_s, end_s, cause_id)
        span_id = self._records.span("uplink", "transmit", start_s, end_s, cause_id)
        turn.follow(span_id)
        return Reception(
            received=aircomp.superpose(signals, amplitudes, self.noise_energy_j, rng),
            span_id=span_id,
            start_s=start_s,
            end_s=end_s,
            energies_j=energies_j,
        )

    def send_up(self, turn: Turn, sender: int, bits: float, cause_id: int) -> Generator[simpy.Event, Any, Upload]:
        """Let one device send `bits` inside the turn (TDMA) and return how it went.

        The rate is B log2(1 + P |h|^2 / (N0 B)), block by block; nothing is radiated in an outage or an
        absence. A sender that never comes back gives up at once: the upload is then not delivered, what it
        spent stays charged.

        Parameters
        ----------
        turn : an open turn on this cell's uplink.
        sender : device id.
        bits : size of the payload [bit].
        cause_id : the span that ended now and released this upload, as a rule `turn.cause_id`.

        Raises
        ------
        RunFailure : the channel carried nothing for a very long time.
        """
        turn.require(self._mac)
        if cause_id == turn.cause_id:
            cause_id = turn.catch_up()
        start_s, entity = self._simulation.now_s, f"device-{sender}"
        sent = self._plan_upload(sender, bits, start_s)
        piece_id = yield from turn.play(entity, sent.pieces, cause_id)
        end_s = self._simulation.now_s
        span_id = self._records.span("uplink", "transmit", start_s, end_s, cause_id)
        turn.follow(span_id)
        energy_j, uses = self.transmit_power_w * sent.airtime_s, self.uplink.bandwidth_hz * (end_s - start_s)
        if sent.pieces:
            costs = (sent.bits_sent, uses, energy_j)
            self._record_transfer(piece_id, entity, "server", "tdma", start_s, end_s, *costs)
        return Upload(span_id, start_s, end_s, energy_j, sent.delivered)

    def send_down(
        self, receivers: Sequence[int], bits: float, cause_id: int
    ) -> Generator[simpy.Event, Any, Deliveries]:
        """Deliver `bits` to the receivers: device -> (span that ended with the arrival, time of arrival [s]).

        A device that never comes back is not in the answer, unless the downlink is free.
        """
        return self._downlink.send(self._air, receivers, bits, cause_id)

    def _check_senders(self, senders: Sequence[int], signals: FloatArray, gains: FloatArray) -> None:
        if len(senders) == 0 or len(set(senders)) != len(senders):
            raise ValueError(f"senders must be at least one device, each once, got {list(senders)}")
        if signals.shape != (len(senders), self.num_entries) or gains.shape != (len(senders),):
            raise ValueError(
                f"{len(senders)} senders need signals of shape {(len(senders), self.num_entries)} "
                f"and as many gains, got {signals.shape} and {gains.shape}"
            )

    def _checked_energies_j(
        self, senders: Sequence[int], signals: FloatArray, gains: FloatArray, source: str
    ) -> npt.NDArray[np.float64]:
        energies_j = aircomp.transmit_energies_j(gains, signals)
        budget_j = self.uplink.energy_budget_j
        for sender, energy_j, gain in zip(senders, energies_j, gains, strict=True):
            # Written so that a NaN is refused too.
            if not (gain >= 0 and energy_j <= budget_j * (1 + _BUDGET_TOLERANCE)):
                raise RuntimeError(
                    f"{source}: device-{sender} would spend {energy_j:g} J with gain {gain:g} at t = "
                    f"{self._simulation.now_s:g} s; its budget is {budget_j:g} J and gains are at least 0"
                )
        return energies_j

    def _record_superposition(
        self,
        senders: Sequence[int],
        energies_j: npt.NDArray[np.float64],
        start_s: float,
        end_s: float,
        cause_id: int,
    ) -> None:
        uses = float(aircomp.channel_uses(self.num_entries, self.uplink.num_subchannels))
        for sender, energy_j in zip(senders, energies_j.tolist(), strict=True):
            entity = f"device-{sender}"
            span_id = self._records.span(entity, "transmit", start_s, end_s, cause_id)
            self._record_transfer(span_id, entity, "server", "aircomp", start_s, end_s, 0.0, uses, energy_j)
            uses = 0.0  # they all share the same channel uses: the first row counts them

    def _plan_upload(self, sender: int, bits: float, start_s: float) -> Transmission:
        bandwidth_hz = self.uplink.bandwidth_hz
        noise_power_w = self.uplink.noise.psd_w_per_hz(self.num_entries) * bandwidth_hz
        power_w, min_snr = self.transmit_power_w, db_to_linear(self.uplink.min_snr_db)

        def rate_of_block(block: int) -> float:
            ratio = snr(power_w, self._links.power_gain([sender], block), noise_power_w)
            return shannon_rate_bit_per_s(bandwidth_hz, ratio) if ratio >= min_snr else 0.0

        window = window_of(self._absence, sender)
        try:
            return time_to_send(bits, start_s, self.uplink.coherence_time_s, rate_of_block, window)
        except RunFailure as error:
            raise RunFailure(f"upload of device-{sender}: {error}") from None
