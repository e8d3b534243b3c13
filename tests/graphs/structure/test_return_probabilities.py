from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from drawn_graphs import both_ways, complete, cycle, drawn, graph_set, path
from hypothesis import given
from hypothesis import strategies as st

from graphs.structure import return_probabilities as module
from graphs.structure.disjoint_union import DisjointUnion
from graphs.structure.encodings import Dse, Rwse, RwseDse
from graphs.structure.return_probabilities import degree_encoding, return_probabilities


def encoded(*parts: Any, num_steps: int = 16) -> np.ndarray:
    graphs = graph_set(*parts)
    return return_probabilities(DisjointUnion.of(graphs, np.arange(len(graphs))), num_steps)


def one_by_one(part: Any, num_steps: int) -> np.ndarray:
    """The formula as it stands: dense powers of A D^-1, a graph at a time."""
    size, edges = part
    adjacency = np.zeros((size, size))
    for u, v in edges:
        adjacency[u, v] = 1
    walk = adjacency / np.maximum(adjacency.sum(axis=0), 1)
    power, columns = np.eye(size), []
    for _ in range(num_steps):
        power = power @ walk
        columns.append(np.diag(power))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize(
    ("part", "node", "expected"),
    [
        (cycle(3), 0, [0, 0.5, 0.25, 0.375, 0.3125, 0.34375]),
        (path(3), 0, [0, 0.5, 0, 0.5, 0, 0.5]),
        (path(3), 1, [0, 1, 0, 1, 0, 1]),
        (cycle(4), 2, [0, 0.5, 0, 0.5, 0, 0.5]),
        (complete(4), 3, [0, 0.333333, 0.222222, 0.259259, 0.246914]),
    ],
)
def test_the_worked_examples(part: Any, node: int, expected: list[float]) -> None:
    np.testing.assert_allclose(encoded(part, num_steps=len(expected))[node], expected, rtol=0, atol=5e-7)


@pytest.mark.parametrize("size", [2, 3, 5, 8])
def test_complete_graphs_have_the_closed_form_at_every_node(size: int) -> None:
    steps = np.arange(1, 17)
    closed = (1 + (size - 1) * (-1 / (size - 1)) ** steps) / size
    np.testing.assert_allclose(encoded(complete(size)), np.tile(closed, (size, 1)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("entries", [2**19, 60, 7])
@given(parts=st.lists(drawn(), min_size=1, max_size=6))
def test_all_graphs_together_are_each_alone_whatever_goes_at_once(entries: int, parts: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_ENTRIES", entries)
        together = encoded(*parts)
    alone = np.concatenate([one_by_one(part, 16) for part in parts])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-12)


@given(part=drawn())
def test_no_walk_is_back_after_one_step_and_an_isolated_node_never_is(part: Any) -> None:
    graphs = graph_set(part)
    union = DisjointUnion.of(graphs, np.array([0]))
    returned = return_probabilities(union, 6)
    assert not returned[:, 0].any()
    assert not returned[union.degrees == 0].any()
    assert ((returned >= 0) & (returned <= 1 + 1e-12)).all()


@given(left=st.integers(1, 4), right=st.integers(1, 4), seed=st.integers(0, 99))
def test_bipartite_graphs_have_no_odd_returns(left: int, right: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    edges = [(u, left + v) for u in range(left) for v in range(right) if rng.random() < 0.6]
    assert not encoded((left + right, both_ways(edges)))[:, ::2].any()


@given(part=drawn())
def test_the_degree_encoding_is_a_single_one_at_the_clipped_degree(part: Any) -> None:
    union = DisjointUnion.of(graph_set(part), np.array([0]))
    encoding = degree_encoding(union, 3)
    assert encoding.sum(axis=1).tolist() == [1.0] * part[0]
    assert (encoding.argmax(axis=1) == np.clip(union.degrees, 1, 3) - 1).all()


@pytest.mark.parametrize("measure", [RwseDse(), Rwse(), Dse()], ids=lambda m: m.kind)
@given(part=drawn(), copies=st.integers(2, 3))
def test_disjoint_copies_leave_the_vector_as_it_was(measure: Any, part: Any, copies: int) -> None:
    size, edges = part
    many = size * copies, [(u + c * size, v + c * size) for c in range(copies) for u, v in edges]
    one, several = (measure.describe(graph_set(g), np.array([0]), np.random.default_rng(0)) for g in (part, many))
    np.testing.assert_allclose(several, one, rtol=0, atol=1e-12)


@given(part=drawn())
def test_the_pair_is_the_one_and_the_other(part: Any) -> None:
    def vector(measure: Any) -> np.ndarray:
        return measure.describe(graph_set(part), np.array([0]), np.random.default_rng(0))

    np.testing.assert_array_equal(vector(RwseDse()), np.concatenate([vector(Rwse()), vector(Dse())]))
    assert vector(Dse()).sum() == pytest.approx(1)


def test_the_cost_is_sixteen_dense_products_a_graph_and_a_degree_addition_an_edge() -> None:
    graphs, members = graph_set(path(10), cycle(20)), np.arange(2)
    assert Rwse().flop(graphs, members) == 2 * 16 * (10**3 + 20**3)
    assert Dse().flop(graphs, members) == 2 * 9 + 2 * 20
    assert RwseDse().flop(graphs, members) == Rwse().flop(graphs, members) + Dse().flop(graphs, members)
    assert RwseDse().num_values * 4 == 128


@pytest.mark.parametrize("make", [cycle, complete])
def test_nodes_of_a_vertex_transitive_graph_are_alike(make: Callable[[int], Any]) -> None:
    returned = encoded(make(7))
    np.testing.assert_allclose(returned, np.tile(returned[0], (7, 1)), rtol=0, atol=1e-12)
