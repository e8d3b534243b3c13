"""Who is structurally alike: the clusters that a server makes of the vectors its clients sent it.

The vectors are those of a `structure` part, the clusters those of `graphs.clustering`. Our choices: a client whose
vector did not arrive joins the largest cluster, of equals the first; the control `shuffled` leaves number and sizes of
the clusters and deals the clients among them at random, so that it differs in who is with whom and in nothing else.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from graphs.clustering import Clustering, canonical_labels, cluster_clients
from graphs.methods.fusion_rows import record_distances
from graphs.methods.graph_clients import GraphClients
from graphs.structure.vector import StructureVector
from testbed.layout import FloatArray
from testbed.simulation import Process
from testbed.streams import Purpose

__all__ = ["cluster_by_structure", "shuffled", "structural_clusters"]

FLOAT32_BITS = 32


def cluster_by_structure(
    fed: Federation,
    group: Group,
    clients: GraphClients,
    structure: StructureVector,
    num_clusters: int | None,
    access: Literal["tdma", "ofdma"],
) -> Process:
    """Let every client describe its training graphs and send its vector; return the clusters and whose arrived.

    Luck is at (GROUPING, 0, client) for a client's vector and at (GROUPING, 1) for the clusters. Rows of `preparation`
    and `structure_distance`.
    """
    flop = np.array([structure.flop(clients.graphs, shard) for shard in clients.shards])
    arrived: tuple[int, ...] = yield from fed.prepare(group, flop, float(FLOAT32_BITS * structure.num_values), access)
    stream, described = fed.simulation.stream, list(arrived)
    vectors = np.stack(
        [
            structure.describe(clients.graphs, shard, stream(Purpose.GROUPING, 0, client))
            for client, shard in enumerate(clients.shards)
        ]
    )
    if described:
        record_distances(fed.simulation.records, arrived, structure.distances(vectors[described]))
    return structural_clusters(structure, vectors, arrived, stream(Purpose.GROUPING, 1), num_clusters), arrived


def structural_clusters(
    structure: StructureVector,
    vectors: FloatArray,
    arrived: Sequence[int],
    rng: np.random.Generator,
    num_clusters: int | None,
) -> Clustering:
    """Return the clusters of all clients.

    Parameters
    ----------
    vectors : (M, num_values), of all.
    arrived : whose the server has, ascending, perhaps nobody's; the others are not looked at.
    num_clusters : how many; no more than vectors arrived. None: as many as the data show.
    """
    if not arrived:
        return Clustering(np.zeros(len(vectors), dtype=np.int64))
    points = structure.points(vectors[list(arrived)])
    known = cluster_clients(points, rng, None if num_clusters is None else min(num_clusters, len(arrived)))
    labels = np.full(len(vectors), np.bincount(known.labels).argmax(), dtype=np.int64)
    labels[list(arrived)] = known.labels
    return replace(known, labels=canonical_labels(labels))


def shuffled(clustering: Clustering, rng: np.random.Generator) -> Clustering:
    """Return clusters of the same sizes with the clients dealt at random; the silhouette is no more theirs."""
    return Clustering(canonical_labels(rng.permutation(clustering.labels)))
