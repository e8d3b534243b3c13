"""Meshes that somebody measured: pings between cities, and latency and throughput between cloud regions.

Every two regions have a link of their own each way, with half the measured round trip as its delay; nobody forwards for
others. What was measured from A to B is used for the link from A to B, and where only the other direction was measured,
that.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

import networkx as nx
import numpy as np
from pydantic import PositiveFloat

from channels.wan.data_folder import DataFolder
from channels.wan.topology import LinkedTopology, Plan, check_regions
from testbed.errors import RequestError
from testbed.settings import BitPerSecond

__all__ = ["CloudTopology", "PingsTopology"]

_PINGS: Final = "wondernetwork_pings/pings_2018.csv.gz"
_LATENCY: Final = "cloud_wan/latency.csv.gz"
_THROUGHPUT: Final = "cloud_wan/throughput.csv.gz"


class _MeasuredTopology(LinkedTopology):
    """What measured meshes share: regions by name, and pairs of regions with values."""

    def _mesh(
        self,
        regions: tuple[str, ...],
        rtts_s: Mapping[tuple[str, str], float],
        capacities: Mapping[tuple[str, str], float],
        default_bit_per_s: float | None,
    ) -> Plan:
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(regions)
        for source in regions:
            for target in regions:
                if source != target:
                    rtt_s = _either_way(rtts_s, source, target)
                    capacity = _either_way(capacities, source, target) or default_bit_per_s
                    if rtt_s is None:
                        raise RequestError(f"no round trip was measured between {source!r} and {target!r}")
                    if capacity is None:
                        raise RequestError(
                            f"no throughput was measured between {source!r} and {target!r}: "
                            "set default_capacity_bit_per_s"
                        )
                    graph.add_edge(source, target, link=self._link(capacity, rtt_s / 2))
        return self._with_access(Plan(graph, regions, "links"))


def _either_way(values: Mapping[tuple[str, str], float], source: str, target: str) -> float | None:
    found = values.get((source, target))
    return values.get((target, source)) if found is None else found


class PingsTopology(_MeasuredTopology):
    """Cities with the round trips that WonderNetwork measured between them in 2018."""

    kind: str = "pings"
    regions: tuple[str, ...]  # names of cities as in the data, such as "New York"
    capacity_bit_per_s: BitPerSecond  # of every link
    statistic: Literal["avg", "min", "max"] = "avg"  # of the pings of a pair, which to take

    def build(self, num_regions: int, files: DataFolder) -> Plan:
        """Return the mesh.

        Raises
        ------
        RequestError : no data, an unknown city, or another number of regions.
        """
        content = files.read(_PINGS)
        rtts_s, cities = _pings(content, f"{self.statistic}_ms")
        check_regions(self.regions, num_regions, cities, "city")
        return self._mesh(self.regions, rtts_s, {}, self.capacity_bit_per_s)


@lru_cache(maxsize=3)
def _pings(content: bytes, column: str) -> tuple[dict[tuple[str, str], float], list[str]]:
    rows = _table(content, _PINGS)
    cities = sorted({row["src"] for row in rows})
    longest_first = sorted(cities, key=len, reverse=True)
    # A target is written with its country behind it.
    written = {row["dst"] for row in rows}
    city_of = {dst: next((c for c in longest_first if f"{dst} ".startswith(f"{c} ")), dst) for dst in sorted(written)}
    return {(row["src"], city_of[row["dst"]]): float(row[column]) / 1e3 for row in rows}, cities


class CloudTopology(_MeasuredTopology):
    """Regions of public clouds with latencies and throughputs that Skyplane's authors measured in 2022.

    A throughput is that of 64 TCP connections between two large machines, as received; of pairs measured several
    times the mean. Regions of Google have two tiers, of which `tier` is taken.
    """

    kind: str = "cloud"
    regions: tuple[str, ...]  # cloud and region as in the data, such as "aws:us-east-1"
    tier: Literal["PREMIUM", "STANDARD"] = "PREMIUM"  # of the regions of Google
    throughput_scale: PositiveFloat = 1.0  # factor on the measured throughputs
    default_capacity_bit_per_s: BitPerSecond | None = None  # of a pair without a throughput; not scaled

    def build(self, num_regions: int, files: DataFolder) -> Plan:
        """Return the mesh.

        Raises
        ------
        RequestError : no data, an unknown region, another number of regions, or a pair without a measurement.
        """
        rtts_ms, names = _cloud(files.read(_LATENCY), _LATENCY, "avg_rtt", self.tier)
        rates, _ = _cloud(files.read(_THROUGHPUT), _THROUGHPUT, "throughput_received_bits_per_second", self.tier)
        check_regions(self.regions, num_regions, names, "cloud region")
        rtts_s = {pair: rtt_ms / 1e3 for pair, rtt_ms in rtts_ms.items()}
        scaled = {pair: rate * self.throughput_scale for pair, rate in rates.items()}
        return self._mesh(self.regions, rtts_s, scaled, self.default_capacity_bit_per_s)


@lru_cache(maxsize=4)
def _cloud(content: bytes, name: str, column: str, tier: str) -> tuple[dict[tuple[str, str], float], list[str]]:
    """Return the mean value of each pair in the tier, and all regions there."""
    values: dict[tuple[str, str], list[float]] = {}
    rows = _table(content, name)
    for row in rows:
        if all(
            row[f"{end}_tier"] == (tier if row[f"{end}_region"].startswith("gcp") else "PREMIUM")
            for end in ("src", "dst")
        ):
            values.setdefault((row["src_region"], row["dst_region"]), []).append(float(row[column]))
    means = {pair: float(np.mean(found)) for pair, found in values.items()}
    return means, sorted({row["src_region"] for row in rows} | {row["dst_region"] for row in rows})


def _table(content: bytes, name: str) -> list[dict[str, str]]:
    try:
        return list(csv.DictReader(io.StringIO(gzip.decompress(content).decode("utf-8"))))
    except (EOFError, OSError, ValueError, zlib.error) as error:
        raise RequestError(f"{name}: {len(content)} bytes that are not a gzip-compressed table ({error})") from None
