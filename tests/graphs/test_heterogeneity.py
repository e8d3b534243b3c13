import numpy as np
import pytest
from random_graphs import random_file_set, random_node_set

from graphs.graph_set import GraphSet
from graphs.heterogeneity import heterogeneity


def labelled(labels: list[int], domain_of: list[int] | None = None) -> GraphSet:
    """Graphs of a single node each."""
    domains = np.zeros(len(labels), np.int64) if domain_of is None else np.array(domain_of)
    sizes = np.bincount(domains)
    return GraphSet(
        name="labels",
        domains=tuple(f"d{domain}" for domain in range(len(sizes))),
        domain_of=domains,
        node_offsets=np.arange(len(labels) + 1),
        edge_offsets=np.zeros(len(labels) + 1, np.int64),
        edges=np.empty((2, 0), np.int64),
        features=tuple(np.ones((size, 1), np.float32) for size in sizes),
        labels=np.array(labels),
        num_classes=(max(labels) + 1,) * len(sizes),
    )


def test_label_divergence_of_two_clients_with_two_of_three_classes_each() -> None:
    # p = (1/2, 1/2, 0), all together m = (1/4, 1/2, 1/4): JS = H(3/8, 1/2, 1/8) - (1 + 3/2) / 2 bits.
    found = heterogeneity(labelled([0, 1, 1, 2]), [np.array([0, 1]), np.array([2, 3])])
    middle = np.array([3, 4, 1]) / 8
    expected = -(middle * np.log2(middle)).sum() - 1.25
    np.testing.assert_allclose(found.label_js_bits, [expected, expected], rtol=1e-12)
    assert found.means() == {"label_js_bits": pytest.approx(expected)}
    assert found.structure_distance is None


def test_clients_like_the_whole_are_at_zero_in_every_respect() -> None:
    shards = [np.arange(0, 10), np.arange(10, 20)]
    found = heterogeneity(labelled([0, 1] * 10), shards, np.ones((2, 3)), [np.array([1.0, 0.0])] * 2)
    assert found.means() == {"label_js_bits": 0.0, "structure_distance": 0.0, "feature_js_bits": 0.0}


def test_labels_are_compared_within_a_domain() -> None:
    # Class 0 of one domain has nothing to do with class 0 of the other.
    graphs = labelled([0, 1, 0, 0], domain_of=[0, 0, 1, 1])
    found = heterogeneity(graphs, [np.array([0, 1]), np.array([2, 3])])
    assert found.label_js_bits.tolist() == [0.0, 0.0]


def test_what_is_not_dealt_does_not_count() -> None:
    found = heterogeneity(labelled([0, 1, 1, 1, 1]), [np.array([0, 1])])
    assert found.label_js_bits.tolist() == [0.0]


def test_structure_distance_is_that_to_the_mean_weighted_by_graphs() -> None:
    shards = [np.array([0, 1, 2]), np.array([3])]
    found = heterogeneity(labelled([0] * 4), shards, np.array([[0.0, 0.0], [4.0, 0.0]]))
    assert found.structure_distance is not None
    assert found.structure_distance.tolist() == [1.0, 3.0]


def test_opposite_agreements_differ_from_their_mixture_and_a_client_without_edges_has_no_value() -> None:
    shards = [np.array([0]), np.array([1]), np.array([2])]
    found = heterogeneity(labelled([0] * 3), shards, agreements=[np.ones(4), -np.ones(4), np.empty(0)])
    assert found.feature_js_bits is not None
    # (1, 0) and (1/2, 1/2): H(3/4, 1/4) - 1/2 bit.
    expected = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25)) - 0.5
    np.testing.assert_allclose(found.feature_js_bits, [expected, expected, np.nan])
    assert found.means()["feature_js_bits"] == pytest.approx(expected)


def test_rounding_of_a_cosine_does_not_move_it_into_another_bin() -> None:
    shards = [np.array([0]), np.array([1])]
    found = heterogeneity(labelled([0] * 2), shards, agreements=[np.array([1 + 1e-12]), np.array([1 - 1e-12])])
    assert found.means()["feature_js_bits"] == 0.0
    low = heterogeneity(labelled([0] * 2), shards, agreements=[np.array([1e-17]), np.array([-1e-17])])
    assert low.means()["feature_js_bits"] == 0.0


def test_relabelling_clients_permutes_the_report() -> None:
    for data in (random_file_set([60]), random_node_set(60)):
        shards = [np.arange(0, 10), np.arange(10, 35), np.arange(35, 60)]
        vectors = np.arange(9.0).reshape(3, 3) ** 2
        first, turned = heterogeneity(data, shards, vectors), heterogeneity(data, shards[::-1], vectors[::-1])
        np.testing.assert_allclose(first.label_js_bits, turned.label_js_bits[::-1], atol=1e-15)
        assert first.structure_distance is not None
        assert turned.structure_distance is not None
        np.testing.assert_allclose(first.structure_distance, turned.structure_distance[::-1])
