"""What a scenario states about a cell's uplink: `[channel.uplink]`."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from channels.combining import Combining
from channels.fading import Fading
from channels.noise import Noise
from channels.own_links import OwnLinks
from channels.path_loss import PathLoss
from testbed.errors import RequestError
from testbed.settings import Decibels, Hertz, Joules, PositiveSeconds, Settings, component

__all__ = ["UplinkSettings"]

NonNegative = Annotated[float, Field(ge=0)]


class UplinkSettings(Settings):
    """The radio of a cell's uplink.

    `energy_budget_j` is what a device may radiate in one superposition [J]. A digital upload uses the same
    radio: its power is that budget over the airtime of a superposition, and blocks below `min_snr_db` carry
    nothing.

    `hold` : what a superposition meets: the channel at the start of its turn ("transmission"), or the blocks that
    pass while it lasts ("block"). In the second case `csi` says whether devices invert anew in every block
    ("per-block") or keep the gains of the first ("first").
    `csi_error_variance` : E|e|^2 over the path gain, of the estimate h + e by which a device inverts its channel.
    `phase_error_rad` : standard deviation of the phase that compensation leaves [rad].
    `own_links` : with it a digital upload goes over the device's own link, whatever the channel; its power stays.
    `num_antennas` : of the server, for receiving; `combining` says how they become one (`channels.combining`).
    """

    bandwidth_hz: Hertz  # of the whole uplink [Hz]
    num_subchannels: Annotated[int, Field(ge=1)]  # R; each carries a symbol every R / bandwidth seconds
    coherence_time_s: PositiveSeconds  # how long a fade lasts: the length of a block [s]
    fading: Annotated[Fading, component("fading")]  # small-scale, a coefficient a block
    path_loss: Annotated[PathLoss, component("path-loss")]  # mean power gain of each device, shadowing included
    energy_budget_j: Joules  # what a device may radiate in one superposition [J]
    noise: Annotated[Noise, component("noise")]  # at the server's receiver
    min_snr_db: Decibels  # blocks below it carry nothing of a digital upload [dB]
    # Harmless defaults: the textbook's simplest radio, without the impairments that a scenario may ask for.
    hold: Literal["transmission", "block"] = "transmission"  # how long the gain that a superposition meets holds
    csi: Literal["per-block", "first"] | None = None  # gains over several blocks: anew in each, or the first ones
    csi_error_variance: NonNegative = 0.0  # of the channel estimate, over the path gain
    phase_error_rad: NonNegative = 0.0  # standard deviation of the phase that compensation leaves [rad]
    num_antennas: Annotated[int, Field(ge=1)] = 1  # of the server, for receiving
    combining: Combining | None = None  # how several antennas become one
    own_links: OwnLinks | None = None  # rates of digital uploads, a link a device; none: the Shannon rates of the band

    @model_validator(mode="after")
    def _check(self) -> "UplinkSettings":
        if self.hold == "block" and self.csi is None:
            raise RequestError('hold = "block" needs csi: "per-block" or "first"')
        if self.num_antennas > 1 and self.combining is None:
            raise RequestError(f'num_antennas = {self.num_antennas} needs combining: "mrc", "egc" or "aligned"')
        return self

    @property
    def inverts_every_block(self) -> bool:
        """Whether devices invert their channel anew in every block of a superposition."""
        return self.hold == "block" and self.csi == "per-block"
