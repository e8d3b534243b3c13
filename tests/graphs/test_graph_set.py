from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from random_graphs import random_file_set

from graphs.datasets.collection import join
from graphs.graph_set import GraphSet
from graphs.subset import subset
from testbed.errors import RequestError


def arrays(**changes: Any) -> dict[str, Any]:
    """A triangle and a lone node in domain a, a pair in domain b."""
    given: dict[str, Any] = {
        "name": "three",
        "domains": ("a", "b"),
        "domain_of": np.array([0, 0, 1]),
        "node_offsets": np.array([0, 3, 4, 6]),
        "edge_offsets": np.array([0, 6, 6, 8]),
        "edges": np.array([[0, 0, 1, 1, 2, 2, 0, 1], [1, 2, 0, 2, 0, 1, 1, 0]]),
        "features": (np.arange(8, dtype=np.float32).reshape(4, 2), np.arange(2, dtype=np.float32).reshape(2, 1)),
        "labels": np.array([0, 1, 0]),
        "num_classes": (2, 3),
    }
    return given | changes


def test_a_graph_has_its_own_nodes_edges_and_features() -> None:
    graphs = GraphSet(**arrays())
    assert len(graphs) == 3
    assert graphs.num_nodes.tolist() == [3, 1, 2]
    assert graphs.num_edges.tolist() == [6, 0, 2]
    assert graphs.widths == (2, 1)
    assert graphs.edges_of(0).T.tolist() == [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]
    assert graphs.edges_of(1).shape == (2, 0)
    assert graphs.features_of(1).tolist() == [[6, 7]]
    assert graphs.features_of(2).tolist() == [[0], [1]]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"labels": np.array([0, 1, 0], np.int32)}, "must be int64"),
        ({"features": (np.ones((4, 2)), np.ones((2, 1), np.float32))}, "features float32"),
        ({"labels": np.empty(0, np.int64)}, "there is no graph"),
        ({"num_classes": (2,)}, "2 domains need as many"),
        ({"edge_offsets": np.array([0, 6, 8])}, "do not describe 3 graphs"),
        ({"edges": np.zeros((2, 7), np.int64)}, "do not describe 3 graphs"),
        ({"node_offsets": np.array([0, 3, 3, 5])}, "at least one node"),
        ({"node_offsets": np.array([1, 3, 4, 6])}, "at least one node"),
        ({"edge_offsets": np.array([0, 9, 6, 8])}, "never decrease"),
        ({"domain_of": np.array([1, 0, 0])}, "domain_of must go from 0 to 1"),
        ({"domain_of": np.array([0, 1, 2])}, "domain_of must go from 0 to 1"),
        ({"edges": np.full((2, 8), 2)}, "an end that is no node of its graph"),
        ({"edges": np.full((2, 8), -1)}, "an end that is no node of its graph"),
        ({"features": (np.ones((3, 2), np.float32), np.ones((2, 1), np.float32))}, "a has 4 nodes and features"),
        ({"features": (np.ones((4, 0), np.float32), np.ones((2, 1), np.float32))}, r"features of shape \(4, 0\)"),
        (
            {"features": (np.ones((4, 2), np.float32), np.full((2, 1), np.nan, np.float32))},
            "b has a feature that is no finite",
        ),
        ({"labels": np.array([0, 2, 0])}, "labels of a must be 0 to 1"),
        ({"labels": np.array([0, -1, 0])}, "labels of a must be 0 to 1"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(RequestError, match=f"data set 'three': .*{reason}"):
        GraphSet(**arrays(**changes))


def test_every_array_is_read_only_and_the_callers_stays_as_it_was() -> None:
    given = arrays()
    graphs = GraphSet(**given)
    for array in (graphs.domain_of, graphs.node_offsets, graphs.edge_offsets, graphs.edges, *graphs.features):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    given["labels"][0] = 1
    assert graphs.labels[0] == 1  # a view, not a copy


def test_a_digest_changes_with_every_array_and_not_with_the_names() -> None:
    first = GraphSet(**arrays()).digest()
    assert GraphSet(**arrays(name="other", domains=("x", "y"), sources={"file": "hash"})).digest() == first
    other_edges = arrays()["edges"].copy()
    other_edges[:, 6:] = 0
    for change in (
        {"labels": np.array([0, 1, 1])},
        {"num_classes": (2, 4)},
        {"edges": other_edges},
        {"domain_of": np.array([0, 1, 1]), "features": (np.ones((3, 2), np.float32), np.ones((3, 1), np.float32))},
        {"features": (arrays()["features"][0] + 1, arrays()["features"][1])},
    ):
        assert GraphSet(**arrays(**change)).digest() != first


def test_sets_joined_keep_every_graph_and_its_domain_and_a_subset_takes_them_apart_again() -> None:
    parts = [random_file_set([7], seed=1), random_file_set([5], seed=2)]
    renamed = GraphSet(**{f.name: getattr(parts[1], f.name) for f in fields(GraphSet)} | {"domains": ("second",)})
    both = join([parts[0], renamed], "both")
    assert both.domains == ("domain-0", "second")
    assert both.domain_of.tolist() == [0] * 7 + [1] * 5
    assert set(both.sources) == {"domain-0.txt"}
    for graph in range(12):
        part, own = (parts[0], graph) if graph < 7 else (renamed, graph - 7)
        assert both.edges_of(graph).tolist() == part.edges_of(own).tolist()
        assert both.features_of(graph).tolist() == part.features_of(own).tolist()
        assert both.labels[graph] == part.labels[own]
    assert subset(both, np.arange(7)).digest() == parts[0].digest()
    assert subset(both, np.arange(7, 12)).digest() == renamed.digest()
    assert subset(both, np.arange(12)).digest() == both.digest()


def test_sets_of_one_name_are_not_joined() -> None:
    graphs = random_file_set([3])
    with pytest.raises(RequestError, match="two of the domains domain-0, domain-0 have one name"):
        join([graphs, graphs], "twice")
    with pytest.raises(RequestError, match="there is no set to join"):
        join([], "nothing")


def test_a_subset_has_the_graphs_asked_for_in_their_order() -> None:
    graphs = random_file_set([6, 4, 5])
    some = subset(graphs, np.array([1, 4, 11, 14]))
    assert some.domains == ("domain-0", "domain-2")
    assert some.domain_of.tolist() == [0, 0, 1, 1]
    assert some.widths == (2, 4)
    for own, graph in enumerate([1, 4, 11, 14]):
        assert some.edges_of(own).tolist() == graphs.edges_of(graph).tolist()
        assert some.features_of(own).tolist() == graphs.features_of(graph).tolist()
        assert some.labels[own] == graphs.labels[graph]


@pytest.mark.parametrize("members", [[], [2, 1], [1, 1], [-1, 2], [3, 15]])
def test_a_subset_of_ids_that_are_no_graphs_is_refused(members: list[int]) -> None:
    with pytest.raises(RequestError, match="must be ids from 0 to 14, increasing"):
        subset(random_file_set([6, 4, 5]), np.array(members, np.int64))
