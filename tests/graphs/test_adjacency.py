"""Lists of neighbours: the product with the adjacency matrix, and its gradient."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphs.adjacency import Adjacency

edge_lists = st.integers(1, 8).flatmap(
    lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=25))
)


def matrix_of(edge_index: torch.Tensor, num_nodes: int) -> torch.Tensor:
    """Return A with A[v, u] = number of edges (u, v)."""
    matrix = torch.zeros(num_nodes, num_nodes)
    for source, target in edge_index.T.tolist():
        matrix[target, source] += 1
    return matrix


@given(edge_lists)
def test_the_sum_over_neighbours_and_its_gradient_are_products_with_the_matrix(
    graph: tuple[int, list[tuple[int, int]]],
) -> None:
    num_nodes, edges = graph
    edge_index = torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).T
    matrix = torch.eye(num_nodes) + matrix_of(edge_index, num_nodes)
    rng = np.random.default_rng(0)
    x, g = (torch.from_numpy(rng.normal(size=(num_nodes, 3)).astype(np.float32)) for _ in range(2))
    x.requires_grad_()
    found = Adjacency.of(edge_index, num_nodes).neighbour_sum(x)
    torch.testing.assert_close(found, matrix @ x)
    (gradient,) = torch.autograd.grad(found, x, g)
    torch.testing.assert_close(gradient, matrix.T @ g)


@given(edge_lists)
def test_of_an_undirected_graph_the_lists_of_both_ways_are_the_same(graph: tuple[int, list[tuple[int, int]]]) -> None:
    num_nodes, edges = graph
    one_way = torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).T
    edge_index = torch.cat([one_way, one_way.flip(0)], dim=1)
    known, unknown = (Adjacency.of(edge_index, num_nodes, undirected) for undirected in (True, False))
    assert torch.equal(known.target_offsets, unknown.target_offsets)
    for node in range(num_nodes):
        part = slice(known.target_offsets[node], known.target_offsets[node + 1])
        assert sorted(known.targets[part].tolist()) == sorted(unknown.targets[part].tolist())


@given(edge_lists)
def test_the_degree_of_a_node_is_how_many_edges_end_there(graph: tuple[int, list[tuple[int, int]]]) -> None:
    num_nodes, edges = graph
    edge_index = torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).T
    found = Adjacency.of(edge_index, num_nodes).in_degrees
    assert found.tolist() == matrix_of(edge_index, num_nodes).sum(1).tolist()


@pytest.mark.parametrize("num_threads", [1, 2])
def test_the_bits_do_not_depend_on_the_number_of_threads(num_threads: int) -> None:
    rng = np.random.default_rng(1)
    edge_index = torch.from_numpy(rng.integers(0, 2000, (2, 30_000)))
    x = torch.from_numpy(rng.normal(size=(2000, 33)).astype(np.float32))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = Adjacency.of(edge_index, 2000).neighbour_sum(x)
        torch.set_num_threads(num_threads)
        assert torch.equal(Adjacency.of(edge_index, 2000).neighbour_sum(x), alone)
    finally:
        torch.set_num_threads(before)
