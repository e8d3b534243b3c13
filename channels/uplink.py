"""What a scenario states about a cell's uplink: `[channel.uplink]`."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from channels.combining import Combining
from channels.fading import Fading
from channels.noise import Noise
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
    `num_antennas` : of the server, for receiving; `combining` says how they become one (`channels.combining`).
    """

    bandwidth_hz: Hertz
    num_subchannels: Annotated[int, Field(ge=1)]
    coherence_time_s: PositiveSeconds
    fading: Annotated[Fading, component("fading")]
    path_loss: Annotated[PathLoss, component("path-loss")]
    energy_budget_j: Joules
    noise: Annotated[Noise, component("noise")]
    min_snr_db: Decibels
    # Harmless defaults: the textbook's simplest radio, without the impairments that a scenario may ask for.
    hold: Literal["transmission", "block"] = "transmission"
    csi: Literal["per-block", "first"] | None = None
    csi_error_variance: NonNegative = 0.0
    phase_error_rad: NonNegative = 0.0
    num_antennas: Annotated[int, Field(ge=1)] = 1
    combining: Combining | None = None

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
