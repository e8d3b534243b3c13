"""A topology that the scenario writes down, link by link."""

from typing import Annotated

import networkx as nx
from pydantic import Field

from channels.wan.data_folder import DataFolder
from channels.wan.link import LinkSettings
from channels.wan.topology import Plan, check_regions
from testbed.errors import RequestError
from testbed.settings import Part

__all__ = ["LinkEntry", "LinksTopology"]


class LinkEntry(LinkSettings):
    """A link between two nodes."""

    between: tuple[str, str]  # from the first node to the second
    both_ways: bool = True  # whether there is one like it from the second to the first


class LinksTopology(Part):
    """Nodes and links of the scenario's own; every node forwards, those that host regions too."""

    kind: str = "links"
    regions: tuple[str, ...]  # the nodes that host the regions, in order
    links: Annotated[tuple[LinkEntry, ...], Field(min_length=1)]  # each pair of nodes at most once in each direction

    def build(self, num_regions: int, files: DataFolder) -> Plan:
        """Return the network.

        Raises
        ------
        RequestError : another number of regions, an unknown one, or a link that is there twice or leads nowhere.
        """
        graph: nx.DiGraph[str] = nx.DiGraph()
        for entry in self.links:
            link = LinkSettings(**{name: getattr(entry, name) for name in LinkSettings.model_fields})
            one, other = entry.between
            if one == other:
                raise RequestError(f"a link leads from {one!r} to itself")
            for way in ((one, other), (other, one))[: 2 if entry.both_ways else 1]:
                if graph.has_edge(*way):
                    raise RequestError(f"two links lead from {way[0]!r} to {way[1]!r}")
                graph.add_edge(*way, link=link)
        check_regions(self.regions, num_regions, list(graph))
        return Plan(graph, self.regions, "delay")
