"""A cell: one server, its devices and one shared uplink, where transmissions cost time and energy.

    geometry -> path loss -> fading(block) -> channels          block = floor(t / coherence time)

The multiple-access channel is one resource, first come first served: two groups cannot superpose at the same
time (the papers leave this contention out). On it a group sends analog signals over the air, all at once and
in a time that does not depend on how many send, or devices send digital payloads one by one (TDMA) or side by
side (OFDMA). The maths is in `aircomp`, `block_precoding`, `combining` and `orthogonal`; here it is decided when
it is called and what it costs.

Our choice, unless the scenario says otherwise: the channel at the start of the turn holds for a whole
superposition, phases are compensated perfectly.
"""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import simpy

from channels import aircomp
from channels.absence import Absence
from channels.analog_uplink import Precoding, precode
from channels.block_precoding import BUDGET_TOLERANCE
from channels.digital_uplink import DigitalUplink, Upload
from channels.downlink import Deliveries, Downlink, DownlinkAir, FreeDownlink
from channels.fading import ComplexArray
from channels.own_links import Direction, Lines
from channels.own_links_downlink import OwnLinksDownlink
from channels.reception import CLIPPING, Reception
from channels.turn import Medium, Turn
from channels.uplink import UplinkSettings
from channels.uplink_channels import UplinkChannels
from channels.wan.data_folder import DataFolder
from testbed.index import Ids
from testbed.layout import FloatArray
from testbed.records import TRANSFER
from testbed.simulation import Simulation
from testbed.streams import Purpose

__all__ = ["CLIPPING", "Cell", "Reception"]


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
    data_dir : where the files of traces are.

    `sources` are the SHA-256 of the files that were read, by name.

    Raises
    ------
    RequestError : the law of fading or of own links cannot serve such a run.
    """

    def __init__(
        self,
        simulation: Simulation,
        uplink: UplinkSettings,
        downlink: Downlink,
        num_devices: int,
        num_entries: int,
        absence: Absence,
        data_dir: Path | None = None,
    ) -> None:
        self.uplink = uplink
        self.num_devices = num_devices
        self.num_entries = num_entries
        self._simulation = simulation
        self._downlink = downlink
        self._records = simulation.records
        self._record_transfer = simulation.records.open(TRANSFER)
        if uplink.inverts_every_block:
            self._record_clipping = simulation.records.open(CLIPPING)
        self._channels = UplinkChannels(uplink, num_devices, simulation.stream, simulation.horizon_s)
        self._mac = Medium(simulation)
        files = DataFolder(data_dir)
        down = downlink if isinstance(downlink, OwnLinksDownlink) else None
        lines_down = Lines.of(simulation, down, num_devices, Direction.DOWN, files)
        self._lines_up = Lines.of(simulation, uplink.own_links, num_devices, Direction.UP, files)
        self.sources: dict[str, str] = files.sources
        self._air = DownlinkAir(
            simulation=simulation,
            medium=Medium(simulation),
            links=self._channels.downlink(),
            absence=absence,
            record_transfer=self._record_transfer,
            lines=lines_down,
        )
        self._digital = DigitalUplink(
            simulation=simulation,
            channels=self._channels,
            absence=absence,
            record_transfer=self._record_transfer,
            power_w=self.transmit_power_w,
            noise_psd_w_per_hz=uplink.noise.psd_w_per_hz(num_entries),
            lines=self._lines_up,
        )
        self._num_superpositions = 0

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

    @property
    def downlink_is_free(self) -> bool:
        """Whether the downlink takes no time; otherwise how long it takes depends on its fades."""
        return isinstance(self._downlink, FreeDownlink)

    def channels(self, devices: Sequence[int], time_s: float) -> ComplexArray:
        """Return the uplink channels of `devices` at a time, path gain included, (len(devices),) complex.

        With several antennas, as they are combined when exactly these devices send at once.
        """
        return self._channels.truth(devices, self._channels.block(time_s))

    def mean_power_gains(self, devices: Ids) -> npt.NDArray[np.float64]:
        """Return the mean power gains E|h|^2 of the uplink channels of `devices`, (len(devices),)."""
        return self._channels.mean_power_gains(devices)

    def believed_amplitudes(self, devices: Ids, time_s: float) -> npt.NDArray[np.float64]:
        """Return |h^|, the amplitudes that `devices` believe in when they invert, (len(devices),)."""
        return np.abs(self._channels.belief(devices, self._channels.block(time_s)))

    def foresee_upload_s(self, power_gains: npt.NDArray[np.float64], bits: float) -> npt.NDArray[np.float64]:
        """Return how long a digital upload of `bits` in the whole band takes at constant power gains [s].

        `power_gains : (num_devices,)` |h|^2. Our choice: a gain below the outage floor counts as the floor, since
        nobody knows how long the outage will last.
        """
        return self._digital.foresee_s(power_gains, bits)

    def foresee_download_s(self, receivers: Sequence[int], bits: float) -> npt.NDArray[np.float64]:
        """Return how long each receiver's own delivery takes if its channel stays as now, `(num_receivers,)` [s].

        Zero unless the downlink serves one after another.
        """
        return self._downlink.foresee_s(self._air, receivers, bits)

    def foresee_upload_now_s(self, senders: Sequence[int], bits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return how long each one's upload of `bits : (num_senders,)` takes alone if its channel stays as now [s]."""
        return self._digital.foresee_now_s(senders, bits)

    def take_turn(self, holder: str, cause_id: int, alone: int | None = None) -> Generator[simpy.Event, Any, Turn]:
        """Wait for the multiple-access channel and return the turn (`Medium.take_turn`).

        `alone` : the one device that will send; where devices have links of their own it then waits for that alone.
        """
        medium = self._mac if self._lines_up is None or alone is None else self._lines_up.medium_of(alone)
        return medium.take_turn(holder, cause_id)

    def superpose(
        self,
        turn: Turn,
        senders: Sequence[int],
        signals: FloatArray,
        gains: FloatArray,
        source: str,
        *,
        group: Sequence[int] | None = None,
        noiseless: bool = False,
    ) -> Generator[simpy.Event, Any, Reception]:
        """Let `senders` transmit at once and return what the server received, one airtime later.

        Parameters
        ----------
        turn : an open turn on this cell's uplink; the gains were planned for the channels at its start.
        senders : device ids, without repetition.
        signals : (num_senders, num_entries), real.
        gains : (num_senders,), transmit amplitudes g_i >= 0 [square root of J per channel use].
        source : name of the transmitting group, for messages.
        group : for whom several antennas are combined, if others were planned for than send; by default `senders`.
        noiseless : without noise, whatever the scenario says (an ideal to compare with).

        Raises
        ------
        RuntimeError : a sender's planned energy g_i^2 ||x_i||^2 is above its budget, or the turn is over.
        """
        turn.require(self._mac)
        self._check_senders(senders, signals, gains)
        self._check_budgets(senders, signals, gains, source)
        rng = self._simulation.stream(Purpose.NOISE, self._num_superpositions)
        self._num_superpositions += 1

        cause_id, start_s = turn.catch_up(), self._simulation.now_s
        sent = precode(self._channels, senders, signals, gains, planned_s=turn.start_s, start_s=start_s, group=group)
        yield self._simulation.env.timeout(self.airtime_s)
        end_s = self._simulation.now_s

        self._record_superposition(senders, sent, start_s, end_s, cause_id)
        span_id = self._records.span("uplink", "transmit", start_s, end_s, cause_id)
        turn.follow(span_id)
        noise_energy_j = 0.0 if noiseless else self.noise_energy_j
        return Reception(
            received=aircomp.superpose(signals, sent.amplitudes, noise_energy_j, rng, sent.starts),
            span_id=span_id,
            start_s=start_s,
            end_s=end_s,
            energies_j=sent.energies_j,
            per_gain=sent.mean_per_planned_gain,
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
        entity, channel, medium = "uplink", "tdma", self._mac
        if self._lines_up is not None and turn.medium is not self._mac:
            entity, channel, medium = f"uplink-{sender}", "own-links", self._lines_up.medium_of(sender)
        turn.require(medium)
        (upload,) = yield from self._digital.send(turn, [sender], bits, cause_id, channel, entity)
        return upload

    def send_up_ofdma(
        self, turn: Turn, senders: Sequence[int], bits: float, cause_id: int
    ) -> Generator[simpy.Event, Any, list[Upload]]:
        """Let `senders` send `bits` each, side by side in equal shares of the band (OFDMA); return how each went.

        With n senders the rate of each is (B / n) log2(1 + n P |h|^2 / (N0 B)); all else is as in `send_up`, which
        is the case n = 1. The turn goes on when the last has finished. The answers are in the order of `senders`.
        """
        turn.require(self._mac)
        return (yield from self._digital.send(turn, senders, bits, cause_id, "ofdma"))

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

    def _check_budgets(self, senders: Sequence[int], signals: FloatArray, gains: FloatArray, source: str) -> None:
        budget_j = self.uplink.energy_budget_j
        energies_j = aircomp.transmit_energies_j(gains, signals)
        for sender, energy_j, gain in zip(senders, energies_j, gains, strict=True):
            # Written so that a NaN is refused too.
            if not (gain >= 0 and energy_j <= budget_j * (1 + BUDGET_TOLERANCE)):
                raise RuntimeError(
                    f"{source}: device-{sender} would spend {energy_j:g} J with gain {gain:g} at t = "
                    f"{self._simulation.now_s:g} s; its budget is {budget_j:g} J and gains are at least 0"
                )

    def _record_superposition(
        self, senders: Sequence[int], sent: Precoding, start_s: float, end_s: float, cause_id: int
    ) -> None:
        uses = float(aircomp.channel_uses(self.num_entries, self.uplink.num_subchannels))
        for at, (sender, energy_j) in enumerate(zip(senders, sent.energies_j.tolist(), strict=True)):
            entity = f"device-{sender}"
            span_id = self._records.span(entity, "transmit", start_s, end_s, cause_id)
            self._record_transfer(span_id, entity, "server", "aircomp", start_s, end_s, 0.0, uses, energy_j)
            uses = 0.0  # they all share the same channel uses: the first row counts them
            for section in np.flatnonzero(sent.clipped[at]):
                gain, wanted = float(sent.gains[at, section]), float(sent.wanted[at, section])
                self._record_clipping(span_id, entity, sent.sections[section].block, gain, wanted)
