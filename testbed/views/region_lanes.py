"""Lanes of a run between regions: its regions, then the collectives, then the links of the WAN.

Lanes hold thousands of short spans (an all-reduce of four regions is 24 flows), so they are drawn as what part of each
column of pixels they cover, not as a box each.
"""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.experiments.result import RunResult

__all__ = ["COLLECTIVE", "coverage", "entity_names", "fragments_of", "link_names", "region_names"]

Floats: TypeAlias = npt.NDArray[np.float64]

COLLECTIVE = "collective"


def region_names(run: RunResult) -> dict[int, str]:
    """Return region = device -> its name; empty for a run that is not between regions."""
    regions, names = run.column("region", "region").tolist(), run.column("region", "name").tolist()
    return {int(region): str(name) for region, name in zip(regions, names, strict=True)}


def link_names(run: RunResult) -> dict[str, str]:
    """Return the entities `wan-<source>-<target>` -> "source → target", by source and target in the order of regions.

    Names may have hyphens: an entity is read by the rows of `flow` of its spans; without any it keeps its name.
    """
    entities = run.column("span", "entity").tolist()
    links = {entity: (entity.removeprefix("wan-"), "") for entity in entities if entity.startswith("wan-")}
    ends = zip(*(run.column("flow", name).tolist() for name in ("span_id", "source", "target")), strict=True)
    for span_id, source, target in ends:
        if 0 <= span_id < len(entities) and entities[span_id] in links:
            links[entities[span_id]] = (source, target)
    order = {name: position for position, name in enumerate(region_names(run).values())}

    def place(entity: str) -> tuple[int, str, int, str]:
        source, target = links[entity]
        return order.get(source, len(order)), source, order.get(target, len(order)), target

    return {entity: " → ".join(name for name in links[entity] if name) for entity in sorted(links, key=place)}


def entity_names(run: RunResult) -> dict[str, str]:
    """Return entity -> name of the regions and links, in their order; empty for a run that is not between regions."""
    return {f"device-{region}": name for region, name in region_names(run).items()} | link_names(run)


def fragments_of(run: RunResult) -> Mapping[tuple[float, float], int]:
    """Return (start, end) of a collective [s] -> the fragment that it synchronised, where the run says so."""
    columns = (run.column("sync", name).tolist() for name in ("start_s", "end_s", "fragment"))
    return {(start_s, end_s): int(fragment) for start_s, end_s, fragment in zip(*columns, strict=True)}


def coverage(start_s: Floats, end_s: Floats, edges_s: Floats) -> Floats:
    """Return what part of each interval between neighbouring edges `(n + 1,)` spans cover, `(n,)`, at most 1.

    Overlapping spans count once where they cover an interval whole, and are added up where they do not.

    >>> coverage(np.array([0.5, 1.0]), np.array([1.0, 3.0]), np.array([0.0, 1.0, 2.0, 4.0])).tolist()
    [0.5, 1.0, 0.5]
    """

    def elapsed(times_s: Floats) -> Floats:
        # Sum over spans that began (or ended) before each edge of the time since then.
        ordered = np.sort(times_s)
        total = np.concatenate([[0.0], np.cumsum(ordered)])
        before = np.searchsorted(ordered, edges_s)
        since_s: Floats = edges_s * before - total[before]
        return since_s

    covered = np.diff(elapsed(start_s) - elapsed(end_s)) / np.diff(edges_s)
    # What rounding leaves of nothing is nothing.
    return np.clip(np.where(covered < 1e-9, 0.0, covered), 0.0, 1.0)
