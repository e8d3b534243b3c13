"""Clusters of clients by structure: missing vectors, as many as arrived, and the shuffled control."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.clustering import Clustering
from graphs.methods.client_clusters import shuffled, structural_clusters
from graphs.structure import RwseDse

VECTORS = np.zeros((7, 32))
VECTORS[2:5, 0] = 1.0
VECTORS[5:, 1] = 3.0


def labels(arrived: list[int], num_clusters: int | None) -> list[int]:
    return structural_clusters(RwseDse(), VECTORS, arrived, np.random.default_rng(0), num_clusters).labels.tolist()


def test_clients_of_the_same_structure_are_together() -> None:
    assert labels(list(range(7)), 3) == labels(list(range(7)), None) == [0, 0, 1, 1, 1, 2, 2]


def test_a_client_whose_vector_did_not_arrive_joins_the_largest_cluster() -> None:
    assert labels([0, 1, 2, 3, 4, 6], 3) == [0, 0, 1, 1, 1, 1, 2]
    assert labels([1, 2, 3, 4, 5, 6], 3) == [0, 1, 0, 0, 0, 2, 2]


def test_there_are_no_more_clusters_than_vectors() -> None:
    assert labels([1, 3], 7) == [0, 0, 0, 1, 0, 0, 0]
    assert labels([], 7) == labels([], None) == [0] * 7


@settings(max_examples=25, deadline=None)
@given(of=st.lists(st.integers(0, 3), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_shuffled_clusters_have_the_same_sizes(of: list[int], seed: int) -> None:
    before = np.unique(np.array(of), return_inverse=True)[1].astype(np.int64)
    after = shuffled(Clustering(before), np.random.default_rng(seed)).labels
    assert sorted(np.bincount(after)) == sorted(np.bincount(before))
    first = [after.tolist().index(cluster) for cluster in range(after.max() + 1)]
    assert first == sorted(first)
