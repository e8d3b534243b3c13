"""What a scenario of regions states beyond data, model and training."""

from typing import Annotated, Any, ClassVar

from pydantic import Field, PositiveFloat

from channels.wan.settings import NetworkSettings
from testbed.devices.availability import Availability, FaultSettings
from testbed.devices.fleet import FleetSettings
from testbed.settings import Settings, component

__all__ = ["RegionsSettings", "VirtualSize"]

# Operations of a forward and a backward pass, per parameter and token (Kaplan et al., 2020, section 2.1).
_FLOP_PER_PARAMETER_AND_TOKEN = 6.0


class VirtualSize(Settings):
    """`[virtual]`: the model whose computing and traffic the clock charges while a smaller one is trained.

    A step then costs 6 parameters tokens_per_step operations, and a payload the bits of as many entries.
    """

    parameters: PositiveFloat  # of the model that is charged
    tokens_per_step: PositiveFloat  # of one region in one inner step

    @property
    def step_flop(self) -> float:
        """What an inner step costs [FLOP]."""
        return _FLOP_PER_PARAMETER_AND_TOKEN * self.parameters * self.tokens_per_step


class RegionsSettings(Settings):
    """The tables `[regions]`, `[network]`, `[virtual]`, `[availability]`, `[[fault]]` and the selected algorithm."""

    trains_in_segments: ClassVar[bool] = True  # its methods say how many steps a job has

    regions: FleetSettings  # a region is a device of this fleet
    network: NetworkSettings  # what joins the regions
    virtual: VirtualSize | None = None  # None: the clock charges the model that is trained
    step_jitter: Annotated[float, Field(ge=0, lt=1)] = 0.0  # sigma of a log-normal factor of mean 1 on a step's time
    availability: Annotated[Availability, component("availability")] = "always"  # type: ignore[assignment]  # when regions are there
    fault: tuple[FaultSettings, ...] = ()  # absences of regions; those of links stand in [[network.fault]]
    algorithm: Annotated[Any, component("algorithm")]  # the method

    @property
    def num_clients(self) -> int:
        """How many shards the data is dealt into."""
        return self.regions.count
