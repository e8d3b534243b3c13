"""What a scenario says of its network."""

from typing import Annotated

from pydantic import Field

from channels.wan.collectives.plan import Collective
from channels.wan.collectives.ring import RingCollective
from channels.wan.faults import NetworkFault
from channels.wan.topology import Topology
from testbed.settings import Bytes, Settings, component

__all__ = ["NetworkSettings"]

PositiveInt = Annotated[int, Field(ge=1)]


class NetworkSettings(Settings):
    """A network between regions, and how they use it."""

    topology: Annotated[Topology, component("topology")]  # nodes and links
    collective: Annotated[Collective, component("collective")] = RingCollective()  # how vectors are added up
    concurrent_collectives: PositiveInt = 1  # all-reduces at once; others wait, first come first served
    window_bytes: Bytes | None = None  # of a connection: what may be under way unacknowledged; none: no such limit
    num_connections: PositiveInt = 1  # of a flow, side by side; each has a window
    fault: tuple[NetworkFault, ...] = ()  # links and nodes that are down for a while
