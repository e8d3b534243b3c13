import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.clustering import adjusted_rand_index, canonical_labels, cluster_clients
from testbed.errors import RequestError

MANY = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def blobs(seed: int, num_blobs: int, each: int) -> np.ndarray:
    """Clients in tight groups at the corners of a simplex, one after another."""
    return np.repeat(np.eye(num_blobs), each, axis=0) + 0.02 * rng(seed).normal(size=(num_blobs * each, num_blobs))


@MANY
@given(seed=seeds, num_blobs=st.integers(2, 4), each=st.integers(3, 5))
def test_groups_that_are_apart_are_found_with_and_without_their_number(seed: int, num_blobs: int, each: int) -> None:
    expected = np.repeat(np.arange(num_blobs), each)
    for num_clusters in (num_blobs, None):
        found = cluster_clients(blobs(seed, num_blobs, each), rng(seed), num_clusters)
        assert found.labels.tolist() == expected.tolist()
        assert found.num_clusters == num_blobs
        assert 0.8 < found.silhouette <= 1
    assert found.silhouettes[num_blobs] == max(found.silhouettes.values()) == found.silhouette
    assert found.members[0] == tuple(range(each))


@MANY
@given(seed=seeds, num_clients=st.integers(1, 9), data=st.data())
def test_relabelling_clients_relabels_the_clusters(seed: int, num_clients: int, data: st.DataObject) -> None:
    points = rng(seed).integers(0, 4, (num_clients, 2)).astype(np.float64)  # with equals among them
    num_clusters = data.draw(st.none() | st.integers(1, len(np.unique(points, axis=0))))
    order = data.draw(st.permutations(range(num_clients)))
    labels = cluster_clients(points, rng(1), num_clusters).labels
    turned = cluster_clients(points[order], rng(1), num_clusters).labels
    assert turned.tolist() == canonical_labels(labels[order]).tolist()


@MANY
@given(seed=seeds, num_clients=st.integers(1, 8), data=st.data())
def test_there_are_exactly_as_many_clusters_as_asked_for_even_of_equals(
    seed: int, num_clients: int, data: st.DataObject
) -> None:
    num_clusters = data.draw(st.integers(1, num_clients))
    for points in (np.zeros((num_clients, 3)), rng(seed).normal(size=(num_clients, 3))):
        found = cluster_clients(points, rng(seed), num_clusters)
        assert np.unique(found.labels).tolist() == list(range(num_clusters))
        assert canonical_labels(found.labels).tolist() == found.labels.tolist()
        assert not found.silhouettes


def test_as_many_clusters_as_clients_make_everybody_its_own() -> None:
    assert cluster_clients(np.zeros((4, 2)), rng(), 4).labels.tolist() == [0, 1, 2, 3]


def test_clients_without_a_structure_of_their_own_are_one_cluster() -> None:
    uniform = rng(3).normal(size=(30, 16))  # in many dimensions all are about as far apart
    found = cluster_clients(uniform, rng())
    assert found.num_clusters == 1
    assert max(found.silhouettes.values()) < 0.25
    assert np.isnan(found.silhouette)


@pytest.mark.parametrize("points", [np.zeros((6, 2)), np.arange(3.0)[:, None], np.zeros((1, 2))])
def test_equal_or_few_clients_are_one_cluster(points: np.ndarray) -> None:
    assert cluster_clients(points, rng()).num_clusters == 1


def test_at_most_half_as_many_clusters_as_clients_and_at_most_six_are_tried() -> None:
    assert list(cluster_clients(rng().normal(size=(9, 2)), rng()).silhouettes) == [2, 3, 4]
    assert list(cluster_clients(rng().normal(size=(40, 2)), rng()).silhouettes) == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("num_clusters", [0, 4, -1])
def test_more_clusters_than_clients_or_none_are_refused(num_clusters: int) -> None:
    with pytest.raises(RequestError, match=f"num_clusters = {num_clusters}: 3 clients make 1 to 3 clusters"):
        cluster_clients(np.zeros((3, 2)), rng(), num_clusters)


def test_points_that_are_none_are_refused() -> None:
    for points in (np.array([[np.nan]]), np.empty((0, 2)), np.zeros(3)):
        with pytest.raises(RequestError, match="must be finite points"):
            cluster_clients(points, rng())


def test_one_number_is_drawn_whatever_the_number_of_clusters() -> None:
    after = []
    for num_clusters in (None, 1, 2):
        generator = rng(5)
        cluster_clients(blobs(0, 2, 3), generator, num_clusters)
        after.append(generator.random())
    assert len(set(after)) == 1


def test_the_adjusted_rand_index_is_one_for_the_same_clusters_by_other_names() -> None:
    assert adjusted_rand_index(np.array([0, 0, 1, 1]), np.array([5, 5, 2, 2])) == 1.0
    assert adjusted_rand_index(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])) < 0
