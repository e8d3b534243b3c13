"""What a federation scenario states beyond data, model and training."""

from typing import Annotated, Any

from channels.downlink import Downlink
from channels.uplink import UplinkSettings
from testbed.devices.availability import Availability, FaultSettings
from testbed.devices.fleet import FleetSettings
from testbed.settings import Settings, component

__all__ = ["ChannelSettings", "FederationSettings"]


class ChannelSettings(Settings):
    """The cell: the uplink's radio and the kind of downlink."""

    uplink: UplinkSettings  # the radio from the devices to the server
    downlink: Annotated[Downlink, component("downlink")]  # how the model reaches the devices


class FederationSettings(Settings):
    """The tables `[devices]`, `[channel.*]`, `[availability]`, `[[fault]]` and the selected algorithm."""

    devices: FleetSettings  # the clients' machines
    channel: ChannelSettings  # the cell
    availability: Annotated[Availability, component("availability")]  # when devices are there
    fault: tuple[FaultSettings, ...] = ()  # absences of single devices, beside the availability
    algorithm: Annotated[Any, component("algorithm")]  # the method

    @property
    def num_clients(self) -> int:
        """How many shards the data is dealt into."""
        return self.devices.count
