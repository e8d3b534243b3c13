"""Full meshes: every region has a link of its own to every other, all alike or by measured round trips."""

from typing import Final, Literal, Self

import networkx as nx
from pydantic import model_validator

from channels.wan.data_folder import DataFolder
from channels.wan.topology import LinkedTopology, Plan, check_regions
from testbed.errors import RequestError
from testbed.settings import BitPerSecond, Seconds, Settings

__all__ = ["MeshTopology", "Pair", "UniformTopology"]


class UniformTopology(LinkedTopology):
    """All pairs alike: a link each way between every two of `region-0`, `region-1`, ..., as many as the run has."""

    kind: str = "uniform"
    capacity_bit_per_s: BitPerSecond  # of every link
    delay_s: Seconds  # of every link, one way

    def build(self, num_regions: int, files: DataFolder) -> Plan:
        """Return the mesh."""
        names = tuple(f"region-{number}" for number in range(num_regions))
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(names)
        for source in names:
            for target in names:
                if source != target:
                    graph.add_edge(source, target, link=self._link(self.capacity_bit_per_s, self.delay_s))
        return self._with_access(Plan(graph, names, "links"))


class Pair(Settings):
    """Two regions and what lies between them, the same both ways."""

    between: tuple[str, str]  # the two regions
    rtt_s: Seconds  # round trip; one way takes half of it
    capacity_bit_per_s: BitPerSecond | None = None  # each way; none: that of the mesh


# Typical of public clouds (our choice).
_PRESETS: Final = {
    "four-clouds": (
        Pair(between=("us-west", "us-east"), rtt_s=0.065),
        Pair(between=("us-west", "eu"), rtt_s=0.140),
        Pair(between=("us-east", "eu"), rtt_s=0.085),
        Pair(between=("us-west", "asia"), rtt_s=0.110),
        Pair(between=("us-east", "asia"), rtt_s=0.180),
        Pair(between=("eu", "asia"), rtt_s=0.230),
    )
}


class MeshTopology(LinkedTopology):
    """Named regions with a link each way between every two, by a table of round trips; nobody forwards for others.

    The preset `four-clouds` knows `us-west`, `us-east`, `eu` and `asia`; `pairs` adds to it or replaces what it says.
    Without `regions` the first ones of the preset are used, as many as the run has.
    """

    kind: str = "mesh"
    preset: Literal["four-clouds"] | None = None  # a table of round trips to begin with
    regions: tuple[str, ...] | None = None  # the regions in order; none: the first of the preset
    pairs: tuple[Pair, ...] = ()  # round trips, and capacities that differ
    capacity_bit_per_s: BitPerSecond  # of every link that no pair says otherwise of

    @model_validator(mode="after")
    def _check_regions(self) -> Self:
        if self.preset is None and self.regions is None:
            raise ValueError("regions are needed where there is no preset")
        return self

    def build(self, num_regions: int, files: DataFolder) -> Plan:
        """Return the mesh.

        Raises
        ------
        RequestError : another number of regions, an unknown one, or two without a round trip.
        """
        table = {frozenset(pair.between): pair for pair in (*_PRESETS.get(self.preset or "", ()), *self.pairs)}
        known = list(dict.fromkeys(region for pair in table.values() for region in pair.between))
        regions = self.regions
        if regions is None:
            if num_regions > len(known):
                raise RequestError(f"the preset {self.preset!r} has {len(known)} regions, the run has {num_regions}")
            regions = tuple(known[:num_regions])
        check_regions(regions, num_regions, known if num_regions > 1 else [*known, *regions], "region")
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(regions)
        for at, one in enumerate(regions):
            for other in regions[:at]:
                pair = table.get(frozenset((one, other)))
                if pair is None:
                    raise RequestError(f"no round trip is given between {other!r} and {one!r}")
                link = self._link(pair.capacity_bit_per_s or self.capacity_bit_per_s, pair.rtt_s / 2)
                graph.add_edge(one, other, link=link)
                graph.add_edge(other, one, link=link)
        return self._with_access(Plan(graph, regions, "links"))
