"""How a superposition is really sent: section by section, with the gains that plan, channel and budget give.

With `hold = "transmission"` there is one section, the whole vector, and it meets the channel at the start of the turn,
for which the gains were planned. With `hold = "block"` the vector is cut where the coherence block changes. Devices
then keep their gains (`csi = "first"`) or invert anew (`csi = "per-block"`), within the budget (`block_precoding`).

Our choice: phases are followed in every block, also with `csi = "first"`. Keeping an amplitude is a matter of power
control; a phase that is not followed makes signals cancel, which `phase_error_rad` models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channels import aircomp
from channels.block_precoding import Section, Sections, inverted_gains, section_energies, sections_of
from channels.uplink_channels import UplinkChannels
from testbed.layout import FloatArray

__all__ = ["Precoding", "precode"]


@dataclass(frozen=True, kw_only=True)
class Precoding:
    """The gains of a superposition, section by section.

    `gains`, `wanted`, `per_gain`, `clipped : (num_senders, num_sections)`: the gains used, those that would arrive as
    planned, what one unit of gain arrives as, and where the budget held a gain back; `planned_gains : (num_senders,)`;
    `energies_j : (num_senders,)`, radiated [J].
    """

    sections: Sections
    planned_gains: npt.NDArray[np.float64]
    gains: npt.NDArray[np.float64]
    wanted: npt.NDArray[np.float64]
    per_gain: npt.NDArray[np.float64]
    clipped: npt.NDArray[np.bool_]
    energies_j: npt.NDArray[np.float64]

    @property
    def amplitudes(self) -> npt.NDArray[np.float64]:
        """The received amplitudes c_i(b), (num_senders, num_sections)."""
        return self.gains * self.per_gain

    @property
    def starts(self) -> list[int]:
        """The first entry of each section."""
        return [section.start for section in self.sections]

    @property
    def mean_per_planned_gain(self) -> npt.NDArray[np.float64]:
        """What one unit of planned gain arrived as, on average over the entries, (num_senders,)."""
        if len(self.sections) == 1 and np.array_equal(self.gains[:, 0], self.planned_gains):
            return np.ascontiguousarray(self.per_gain[:, 0])
        planned = self.planned_gains[:, np.newaxis]
        ratios = np.divide(self.gains, planned, out=np.ones_like(self.gains), where=planned > 0)
        lengths = np.array([section.stop - section.start for section in self.sections])
        return np.asarray(np.sum(ratios * self.per_gain * lengths, axis=1) / lengths.sum())


def precode(
    channels: UplinkChannels,
    senders: Sequence[int],
    signals: FloatArray,
    gains: FloatArray,
    *,
    planned_s: float,
    start_s: float,
    group: Sequence[int] | None,
) -> Precoding:
    """Return how `senders` send `signals : (num_senders, num_entries)` from `start_s` on.

    `gains : (num_senders,)` were planned for the channels at `planned_s` and, with several antennas, for `group`.
    """
    uplink, planned_block = channels.uplink, channels.block(planned_s)
    planned = np.asarray(gains, dtype=np.float64)
    if uplink.hold == "transmission":
        sections = [Section(planned_block, 0, signals.shape[1])]
    else:
        radio = (uplink.bandwidth_hz, uplink.num_subchannels, uplink.coherence_time_s)
        sections = sections_of(start_s, signals.shape[1], *radio)
    per_gain = np.stack([channels.per_gain(senders, section.block, group) for section in sections], axis=1)
    wanted = np.repeat(planned[:, np.newaxis], len(sections), axis=1)
    used, clipped, energies_j = wanted, np.zeros(wanted.shape, dtype=np.bool_), None
    if uplink.inverts_every_block:
        believed = [np.abs(channels.belief(senders, section.block, group)) for section in sections]
        at_plan = np.abs(channels.belief(senders, planned_block, group))
        wanted = wanted * (at_plan[:, np.newaxis] / np.stack(believed, axis=1))
        unit_energies = section_energies(signals, sections)
        used, clipped = inverted_gains(wanted, unit_energies, uplink.energy_budget_j)
        energies_j = np.sum(used**2 * unit_energies, axis=1)
    return Precoding(
        sections=sections,
        planned_gains=planned,
        gains=used,
        wanted=wanted,
        per_gain=per_gain,
        clipped=clipped,
        energies_j=aircomp.transmit_energies_j(planned, signals) if energies_j is None else energies_j,
    )
