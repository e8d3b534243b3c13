"""Backbones from GraphML files, such as those of the Internet Topology Zoo.

Nodes have a `label`, `Latitude` and `Longitude`, edges sometimes `LinkSpeedRaw` [bit/s]. An undirected edge is a link
each way. Parallel edges are one link with the sum of their capacities.

Our choices: the delay of a link is the great-circle distance over two thirds of the speed of light; capacities and
delays that the file does not tell are those of the settings. A label that several nodes bear is followed by the
node's id.

References
----------
Knight, Nguyen, Falkner, Bowden and Roughan, The Internet Topology Zoo, IEEE JSAC 29(9), 2011.
"""

import math
from collections import Counter
from typing import Any, Final
from xml.etree.ElementTree import ParseError

import networkx as nx
from pydantic import PositiveFloat

from channels.wan.data_folder import DataFolder
from channels.wan.topology import LinkedTopology, Plan, check_regions
from testbed.errors import RequestError
from testbed.settings import BitPerSecond, Seconds

__all__ = ["GraphmlTopology", "great_circle_m"]

_FOLDER: Final = "topologies/graphml"
_EARTH_RADIUS_M: Final = 6_371_008.8  # mean radius (IUGG)
_SPEED_IN_FIBRE_M_PER_S: Final = 299_792_458.0 * 2 / 3


def great_circle_m(one_deg: tuple[float, float], other_deg: tuple[float, float]) -> float:
    """Return the distance of two points on the globe [m], each a latitude and a longitude [degrees] (haversine).

    >>> round(great_circle_m((0.0, 0.0), (0.0, 90.0)) / 1000)
    10008
    """
    (lat_1, lon_1), (lat_2, lon_2) = (tuple(map(math.radians, point)) for point in (one_deg, other_deg))
    half = math.sin((lat_2 - lat_1) / 2) ** 2
    half += math.cos(lat_1) * math.cos(lat_2) * math.sin((lon_2 - lon_1) / 2) ** 2
    return 2 * _EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, half)))


class GraphmlTopology(LinkedTopology):
    """A backbone from a file; regions are hosted by nodes that it names, and every node forwards."""

    kind: str = "graphml"
    file: str  # a name in topologies/graphml of the data folder, such as Geant2012, or the path of a .graphml file
    regions: tuple[str, ...]  # labels of the nodes that host the regions, in order
    capacity_scale: PositiveFloat = 1.0  # factor on the capacities in the file
    default_capacity_bit_per_s: BitPerSecond  # of a link whose capacity the file does not tell; not scaled
    default_delay_s: Seconds = 0.005  # of a link without coordinates: 1000 km of fibre (our choice)

    def build(self, num_regions: int, files: DataFolder) -> Plan:
        """Return the backbone.

        Raises
        ------
        RequestError : no such file or label, another number of regions, or a capacity that is not above 0.
        """
        read = self._read(files)
        names = _names(read)
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(sorted(names.values()))
        capacities: dict[tuple[str, str], float] = {}
        delays_s: dict[tuple[str, str], float] = {}
        for one, other, data in read.edges(data=True):
            ways = [(names[one], names[other])]
            ways += [] if read.is_directed() else [(names[other], names[one])]
            for way in ways:
                if way[0] != way[1]:
                    capacities[way] = capacities.get(way, 0.0) + self._capacity_bit_per_s(way, data)
                    delays_s[way] = self._delay_s(read.nodes[one], read.nodes[other])
        for way in sorted(capacities):
            graph.add_edge(*way, link=self._link(capacities[way], delays_s[way]))
        check_regions(self.regions, num_regions, list(graph))
        return self._with_access(Plan(graph, self.regions, "delay"))

    def _read(self, files: DataFolder) -> "nx.Graph[str]":
        own = self.file.endswith(".graphml")
        name = self.file if own else files.choose(_FOLDER, self.file, ".graphml")
        content = files.read(name)
        try:
            return nx.parse_graphml(content.decode("utf-8-sig"))
        except (ValueError, KeyError, TypeError, ParseError, nx.NetworkXError) as error:
            raise RequestError(f"{name}: cannot be read as GraphML ({error})") from None

    def _capacity_bit_per_s(self, way: tuple[str, str], data: dict[str, Any]) -> float:
        told = data.get("LinkSpeedRaw")
        if told is None:
            return self.default_capacity_bit_per_s
        capacity = float(told)
        if not 0 < capacity < math.inf:
            raise RequestError(f"{self.file}: the link {way[0]} - {way[1]} has the LinkSpeedRaw {told}, not above 0")
        return capacity * self.capacity_scale

    def _delay_s(self, one: dict[str, Any], other: dict[str, Any]) -> float:
        try:
            points = [(float(node["Latitude"]), float(node["Longitude"])) for node in (one, other)]
        except (KeyError, ValueError):
            return self.default_delay_s
        return great_circle_m(*points) / _SPEED_IN_FIBRE_M_PER_S


def _names(graph: "nx.Graph[str]") -> dict[Any, str]:
    """Return the name of each node: its label, with its id where several bear the label, or else its id."""
    labels = {node: str(data.get("label") or node).strip() for node, data in graph.nodes(data=True)}
    num_bearers = Counter(labels.values())
    return {node: label if num_bearers[label] == 1 else f"{label} ({node})" for node, label in labels.items()}
