"""What a scenario of split federated learning states beyond data, model and training."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from channels.codecs.codec import Codec
from channels.wan.link_list import LinkEntry, LinksTopology
from channels.wan.settings import NetworkSettings
from testbed.devices.fleet import FleetSettings
from testbed.layout import FloatArray
from testbed.settings import BitPerSecond, Seconds, Settings, component

__all__ = ["AccessLinks", "SplitSettings", "device_name"]

HUB, SERVER = "hub", "server"


def device_name(client: int) -> str:
    """Return the node of a device in the network."""
    return f"device-{client}"


class AccessLinks(Settings):
    """`[links]`: a star. Every device has a link to the hub and one back, alike, and so has the server.

    What devices send each other passes the links of both and not the server's. Flows on a link share it fairly.
    """

    slowest_bit_per_s: BitPerSecond  # devices' links are drawn uniformly between this rate ...
    fastest_bit_per_s: BitPerSecond  # ... and this one, once for the run
    server_bit_per_s: BitPerSecond  # of the server's link, each way
    delay_s: Seconds = 0.0  # of every link, one way
    energy_j_per_gbyte: NonNegativeFloat = 0.0  # of every link: spent for each 8e9 bit

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.fastest_bit_per_s < self.slowest_bit_per_s:
            raise ValueError(
                f"fastest_bit_per_s = {self.fastest_bit_per_s:g} must be at least slowest_bit_per_s = "
                f"{self.slowest_bit_per_s:g}"
            )
        return self

    def network(self, rates_bit_per_s: FloatArray) -> NetworkSettings:
        """Return the network of devices with these rates, (num_devices,), and the server, which is its last region."""
        names = [device_name(client) for client in range(len(rates_bit_per_s))]
        rates = [*rates_bit_per_s.tolist(), self.server_bit_per_s]
        entries = [
            LinkEntry(
                between=(name, HUB),
                capacity_bit_per_s=rate,
                delay_s=self.delay_s,
                energy_j_per_gbyte=self.energy_j_per_gbyte,
            )
            for name, rate in zip([*names, SERVER], rates, strict=True)
        ]
        return NetworkSettings(topology=LinksTopology(regions=(*names, SERVER), links=tuple(entries)))


class SplitSettings(Settings):
    """The tables `[devices]`, `[links]`, where the model is cut, and the selected algorithm."""

    trains_in_segments: ClassVar[bool] = True  # its methods say how many iterations a round has

    devices: FleetSettings  # the clients' machines
    links: AccessLinks  # what joins them and the server
    cut: PositiveInt  # how many of the model's modules are its bottom
    codec: Annotated[Codec, component("codec")] = "fp32"  # type: ignore[assignment]  # of activations and gradients
    server_flop_per_s: PositiveFloat  # how fast the server trains a top that it hosts
    algorithm: Annotated[Any, component("algorithm")]  # the method

    @property
    def num_clients(self) -> int:
        """How many shards the data is dealt into."""
        return self.devices.count
