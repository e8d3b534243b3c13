"""Whether clustering clients by structure recovers molecules, bioinformatics and social networks."""

from typing import Final

import numpy as np

from graphs.clustering import adjusted_rand_index, cluster_clients
from graphs.datasets.collection import GraphCollection
from graphs.datasets.digit_graphs import DigitGraphs
from graphs.graph_set import GraphSet, IntArray
from graphs.partition.domains import DomainsPartition
from graphs.structure.vector import StructureVector
from testbed import catalogue
from testbed.experiments.finding import Cell, Finding
from testbed.experiments.scenario import data_location
from testbed.reproductions.outline import Section, Setting
from testbed.streams import Purpose, stream

__all__ = ["SECTION"]

_FIELDS: Final = {
    "MUTAG": "molecules",
    "PTC_MR": "molecules",
    "NCI1": "molecules",
    "ENZYMES": "bioinformatics",
    "PROTEINS": "bioinformatics",
    "IMDB-BINARY": "social",
}
_CLIENTS_PER_SET: Final = 4
_GRAPHS_PER_CLIENT: Final = 47  # MUTAG has 188


def find(setting: Setting) -> Finding:
    """Return how well each measure of structure recovers the fields, the mean over seeds."""
    graphs = DigitGraphs().read(None) if setting.quick else _all_sets(setting)
    clients_per_set = 6 if setting.quick else _CLIENTS_PER_SET
    fields = np.array(sorted(set(_FIELDS.values())))
    field_of = np.array([np.searchsorted(fields, _FIELDS.get(name, fields[0])) for name in graphs.domains])
    truth = np.repeat(field_of, clients_per_set)
    rows: list[tuple[Cell, ...]] = []
    for name in catalogue.entries("structure"):
        measure: StructureVector = catalogue.load("structure", name)()
        found = [_agreement(measure, graphs, truth, clients_per_set, len(fields), seed) for seed in setting.seeds]
        rows.append((name, *np.mean(found, axis=0).tolist()))
    return Finding(
        title=f"{len(truth)} clients of {len(graphs.domains)} data sets: do clusters by structure recover the fields?",
        columns=("structure by", "adjusted Rand index, k = 3", "k chosen", "its adjusted Rand index", "silhouette"),
        rows=tuple(rows),
        notes=(
            f"{_CLIENTS_PER_SET} clients of each of {', '.join(_FIELDS)}, {_GRAPHS_PER_CLIENT} graphs each, means over "
            "seeds. 1: clusters are molecules, bioinformatics and social networks; 0: no better than chance. k is "
            "chosen by the silhouette; 1 where none exceeds 0.25.",
        ),
        left_out=("IMDB-MULTI and COLLAB, which are not in the data folder.",),
    )


def _all_sets(setting: Setting) -> GraphSet:
    return GraphCollection(names=tuple(_FIELDS)).read(data_location(setting.data_dir))


def _agreement(
    measure: StructureVector, graphs: GraphSet, truth: IntArray, clients_per_set: int, num_fields: int, seed: int
) -> tuple[float, float, float, float]:
    rule = DomainsPartition(clients_per_domain=clients_per_set, graphs_per_client=_GRAPHS_PER_CLIENT)
    shards = rule.deal_graphs(graphs, len(truth), stream(seed, Purpose.PARTITION))
    luck = stream(seed, Purpose.GROUPING)
    vectors = np.stack([measure.describe(graphs, shard, luck) for shard in shards])
    points = measure.points(vectors)
    given = cluster_clients(points, luck, num_fields)
    chosen = cluster_clients(points, luck)
    silhouette = 0.0 if np.isnan(chosen.silhouette) else chosen.silhouette
    return (
        adjusted_rand_index(given.labels, truth),
        float(chosen.num_clusters),
        adjusted_rand_index(chosen.labels, truth),
        silhouette,
    )


SECTION: Final = Section(
    "domains", "Do clusters by structure recover the fields?", 2.0, find, needs_data=tuple(_FIELDS)
)
