import numpy as np
import pytest

from graphs.datasets.node_features import degree_one_hot, node_features, one_hot
from graphs.datasets.raw_graphs import RawGraphs
from testbed.errors import RequestError


def test_an_edge_between_two_graphs_is_refused() -> None:
    raw = RawGraphs(
        num_nodes=np.array([2, 2]),
        edges=np.array([[1, 2], [2, 1]]),
        tags=np.eye(4, dtype=np.float32),
        attributes=None,
        labels=np.array([0, 1]),
    )
    with pytest.raises(RequestError, match="own: an edge connects the graphs 0 and 1"):
        raw.graph_set("own", {})


def test_every_row_of_a_one_hot_matrix_has_a_single_one_at_its_value() -> None:
    values = np.array([4, 2, 2, 7])
    matrix = one_hot(values)
    assert matrix.shape == (4, 6)
    np.testing.assert_array_equal(matrix.argmax(axis=1) + 2, values)
    np.testing.assert_array_equal(matrix.sum(axis=1), 1)
    np.testing.assert_array_equal(degree_one_hot(values, 4).argmax(axis=1), [4, 2, 2, 4])


def test_labels_come_before_degrees_and_attributes_last() -> None:
    tags, attributes, degrees = one_hot(np.array([0, 1])), np.full((2, 1), 0.5, np.float32), np.array([1, 0])
    assert node_features("own", tags, attributes, degrees, 1).tolist() == [[1, 0, 0, 1, 0.5], [0, 1, 1, 0, 0.5]]
    assert node_features("own", tags, None, degrees, None).tolist() == [[1, 0], [0, 1]]
    assert node_features("own", None, attributes, degrees, None).tolist() == [[0.5], [0.5]]


def test_a_fixed_cap_serves_its_set_alone_and_a_stated_one_goes_before_it() -> None:
    degrees = np.array([1, 200])
    assert node_features("IMDB-BINARY", None, None, degrees, None).shape == (2, 136)
    assert node_features("IMDB-BINARY", None, None, degrees, 10).shape == (2, 11)
    assert node_features("IMDB-BINARY", one_hot(degrees), None, degrees, None).shape == (2, 200)
    with pytest.raises(RequestError, match=r"own has no node labels, .*\(here the largest is 200\)"):
        node_features("own", None, None, degrees, None)
