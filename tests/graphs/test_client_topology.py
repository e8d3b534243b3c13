from itertools import pairwise, permutations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.client_topology import client_similarity, client_topology, shortest_paths
from testbed.errors import RequestError

MANY = settings(max_examples=60, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def symmetric(pairs: dict[str, float]) -> np.ndarray:
    size = 1 + max(int(pair[1]) for pair in pairs)
    q = np.eye(size)
    for pair, value in pairs.items():
        q[int(pair[0]), int(pair[1])] = q[int(pair[1]), int(pair[0])] = value
    return q


EXAMPLE = symmetric(
    {"01": 0.90, "02": 0.60, "03": 0.55, "04": 0.50, "12": 0.85}
    | {"13": 0.58, "14": 0.52, "23": 0.80, "24": 0.57, "34": 0.75}
)


def pairs_of(edges: np.ndarray) -> list[tuple[int, int]]:
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(edges))]


@st.composite
def similarities(draw: st.DrawFn, max_clients: int = 6) -> np.ndarray:
    """Few levels, so that ties are common; 0 and 1 among them."""
    num_clients = draw(st.integers(2, max_clients))
    upper = np.triu_indices(num_clients, 1)
    levels = st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]) | st.floats(0, 1)
    q = np.eye(num_clients)
    q[upper] = draw(st.lists(levels, min_size=len(upper[0]), max_size=len(upper[0])))
    return np.triu(q) + np.triu(q, 1).T


def test_similarity_is_half_the_cosine_plus_one_and_identical_clients_have_one() -> None:
    updates = np.array([[1.0, 0.0], [1.0, 1.0], [-2.0, 0.0], [3.0, 0.0]])
    np.testing.assert_allclose(client_similarity(updates)[0], [1, 0.5 + 0.125**0.5, 0, 1], rtol=0, atol=1e-11)
    rows = np.tile(np.random.default_rng(0).normal(size=5000), (4, 1)).astype(np.float32)
    assert (client_similarity(rows) == 1.0).all()
    assert (client_similarity(np.zeros((3, 4))) == 1.0).all()


def test_the_worked_example_has_the_edges_above_the_median_and_one_of_the_tree() -> None:
    assert np.median(EXAMPLE[np.triu_indices(5, 1)]) == pytest.approx(0.59)
    assert pairs_of(client_topology(EXAMPLE)) == [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4)]


def test_the_worked_example_goes_round_the_weak_edge() -> None:
    paths = {path.clients: path for path in shortest_paths(EXAMPLE, client_topology(EXAMPLE))}
    assert (0, 2) not in paths
    assert paths[0, 1, 2].product == pytest.approx(0.765)
    for clients, product, score in (
        ((0, 1, 2, 3), 0.612, 0.849018),
        ((1, 2, 3), 0.68, 0.824621),
        ((0, 1, 2, 3, 4), 0.459, 0.823101),
        ((1, 2, 3, 4), 0.51, 0.798957),
        ((2, 3, 4), 0.6, 0.774597),
    ):
        assert paths[clients].product == pytest.approx(product, abs=1e-9)
        assert paths[clients].score == pytest.approx(score, abs=5e-7)


@MANY
@given(q=similarities())
def test_a_topology_holds_the_upper_half_and_a_tree_of_maximum_similarity(q: np.ndarray) -> None:
    edges = client_topology(q)
    assert np.array_equal(edges, edges.T)
    assert not np.diag(edges).any()
    upper = np.triu_indices(len(q), 1)
    above = q[upper] >= np.median(q[upper])
    assert edges[upper][above].all()
    graph = nx.Graph(pairs_of(edges))
    assert nx.is_connected(graph)
    assert len(graph) == len(q)
    full = nx.Graph()
    full.add_weighted_edges_from((i, j, q[i, j]) for i, j in zip(*upper, strict=True))
    best = sum(w for *_, w in nx.maximum_spanning_tree(full).edges.data("weight"))
    kept = nx.maximum_spanning_tree(full.edge_subgraph(pairs_of(edges)))
    assert sum(w for *_, w in kept.edges.data("weight")) == pytest.approx(best)
    assert edges[upper].sum() <= above.sum() + len(q) - 1


@MANY
@given(q=similarities())
def test_no_path_has_a_larger_product_than_the_cheapest(q: np.ndarray) -> None:
    edges = client_topology(q)
    paths = {(path.clients[0], path.clients[-1]): path for path in shortest_paths(q, edges)}
    assert list(paths) == [(i, j) for i in range(len(q)) for j in range(i + 1, len(q))]
    for (start, end), path in paths.items():
        best = 0.0
        for size in range(len(q) - 1):
            for inner in permutations(set(range(len(q))) - {start, end}, size):
                way = [start, *inner, end]
                if all(edges[i, j] for i, j in pairwise(way)):
                    best = max(best, float(np.prod([q[i, j] for i, j in pairwise(way)])))
        steps = list(pairwise(path.clients))
        assert all(edges[i, j] for i, j in steps)
        assert np.prod([q[i, j] for i, j in steps]) == pytest.approx(best, abs=1e-9)
        assert path.product == pytest.approx(best, abs=1e-9)
        assert path.score == pytest.approx(best ** (1 / len(steps)), abs=1e-9) or best < 1e-9


def test_of_equal_paths_the_one_of_fewer_edges_goes_then_the_one_of_smaller_clients() -> None:
    everywhere = ~np.eye(4, dtype=bool)
    assert all(len(path.clients) == 2 for path in shortest_paths(np.ones((4, 4)), everywhere))
    square = symmetric({"01": 0.5, "02": 0.5, "13": 0.5, "23": 0.5, "03": 0.1, "12": 0.1})
    paths = {path.clients for path in shortest_paths(square, square > 0.2)}
    assert {(0, 1, 3), (1, 0, 2)} <= paths
    assert not {(0, 2, 3), (1, 3, 2)} & paths


def test_clients_that_are_not_connected_have_no_path() -> None:
    edges = np.zeros((3, 3), dtype=bool)
    edges[0, 1] = edges[1, 0] = True
    assert [path.clients for path in shortest_paths(np.ones((3, 3)), edges)] == [(0, 1)]


def test_one_client_has_no_edge_and_no_path() -> None:
    assert client_topology(np.ones((1, 1))).tolist() == [[False]]
    assert shortest_paths(np.ones((1, 1)), np.zeros((1, 1), dtype=bool)) == []


@pytest.mark.parametrize("q", [np.ones((2, 3)), np.full((2, 2), 1.1), np.array([[1, 0.2], [0.3, 1]]), np.empty((0, 0))])
def test_what_is_no_similarity_is_refused(q: np.ndarray) -> None:
    with pytest.raises(RequestError, match=r"similarit"):
        client_topology(q)


def test_updates_that_are_not_finite_are_refused() -> None:
    with pytest.raises(RequestError, match="not finite"):
        client_similarity(np.array([[1.0], [np.inf]]))
