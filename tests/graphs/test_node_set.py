from typing import Any

import numpy as np
import pytest
from random_graphs import random_node_set

from graphs.node_set import NodeSet
from graphs.subgraphs import edges_between_clients, induced_subgraph, lost_edge_fraction
from graphs.undirected import undirected_edges
from testbed.errors import RequestError


def arrays(**changes: Any) -> dict[str, Any]:
    """The path 0 - 1 - 2 and the lone node 3."""
    given: dict[str, Any] = {
        "name": "path",
        "edges": np.array([[0, 1, 1, 2], [1, 0, 2, 1]]),
        "features": np.arange(8, dtype=np.float32).reshape(4, 2),
        "labels": np.array([0, 1, 0, 2]),
        "num_classes": 3,
    }
    return given | changes


def test_degrees_count_neighbours_and_an_isolated_node_has_none() -> None:
    nodes = NodeSet(**arrays())
    assert (len(nodes), nodes.width, nodes.degrees.tolist()) == (4, 2, [1, 2, 1, 0])
    assert NodeSet(**arrays(edges=np.empty((2, 0), np.int64))).degrees.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"edges": np.zeros((2, 1), np.int32)}, "must be int64"),
        ({"features": np.ones((4, 2))}, "features float32"),
        ({"labels": np.empty(0, np.int64)}, "there is no node"),
        ({"edges": np.zeros((3, 1), np.int64)}, r"must have the shape \(2, num_edges\)"),
        ({"edges": np.array([[4], [0]])}, "none of the 4 nodes"),
        ({"edges": np.array([[-1], [0]])}, "none of the 4 nodes"),
        ({"features": np.ones((3, 2), np.float32)}, "4 nodes and features of shape"),
        ({"features": np.ones((4, 0), np.float32)}, "4 nodes and features of shape"),
        ({"features": np.full((4, 1), np.inf, np.float32)}, "no finite number"),
        ({"num_classes": 2}, "labels must be 0 to 1"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(RequestError, match=f"data set 'path': .*{reason}"):
        NodeSet(**arrays(**changes))


def test_arrays_are_read_only_and_the_digest_changes_with_each() -> None:
    nodes = NodeSet(**arrays())
    for array in (nodes.edges, nodes.features, nodes.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    changes: list[dict[str, Any]] = [
        {"labels": np.array([0, 1, 0, 1])},
        {"features": np.zeros((4, 2), np.float32)},
        {"edges": nodes.edges[:, :2]},
        {"num_classes": 4},
    ]
    assert NodeSet(**arrays(name="other")).digest() == nodes.digest()
    assert all(NodeSet(**arrays(**change)).digest() != nodes.digest() for change in changes)


def test_a_subgraph_has_the_edges_between_its_nodes_and_no_others() -> None:
    part = induced_subgraph(NodeSet(**arrays()), np.array([1, 2, 3]))
    assert part.edges.tolist() == [[0, 1], [1, 0]]
    assert part.features.tolist() == [[2, 3], [4, 5], [6, 7]]
    assert part.labels.tolist() == [1, 0, 2]
    assert part.num_classes == 3


def test_edges_kept_and_lost_are_all_edges() -> None:
    nodes = random_node_set(97, seed=3)
    shards = [np.arange(client, 97, 4) for client in range(4)]
    counts = edges_between_clients(nodes, shards)
    np.testing.assert_array_equal(counts, counts.T)
    kept = [induced_subgraph(nodes, shard).edges.shape[1] // 2 for shard in shards]
    assert np.diagonal(counts).tolist() == kept
    lost = int(np.triu(counts, k=1).sum())
    assert lost > 0
    assert sum(kept) + lost == nodes.edges.shape[1] // 2
    assert lost_edge_fraction(counts) == lost / (sum(kept) + lost)


def test_one_client_loses_no_edge_and_no_edges_are_none_lost() -> None:
    nodes = random_node_set(40)
    assert lost_edge_fraction(edges_between_clients(nodes, [np.arange(40)])) == 0
    assert lost_edge_fraction(np.zeros((3, 3), np.int64)) == 0


def test_edges_are_sorted_without_loops_and_repetitions_and_listing_them_again_changes_nothing() -> None:
    listed = undirected_edges(np.array([[2, 0, 1, 2, 2, 0], [0, 2, 1, 2, 0, 2]]), 3, "a test")
    assert listed.tolist() == [[0, 2], [2, 0]]
    np.testing.assert_array_equal(undirected_edges(listed, 3, "a test"), listed)
    assert undirected_edges(np.empty((2, 0), np.int64), 3, "a test").shape == (2, 0)


def test_an_edge_in_one_direction_and_an_end_that_is_no_node_are_refused() -> None:
    with pytest.raises(RequestError, match=r"a test: the edge from node 2 to node 1 \(counted from 0\) has none back"):
        undirected_edges(np.array([[0, 1, 2], [1, 0, 1]]), 3, "a test")
    with pytest.raises(RequestError, match="none of the 3 nodes"):
        undirected_edges(np.array([[0, 3], [3, 0]]), 3, "a test")
