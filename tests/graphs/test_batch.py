"""Minibatches of graphs: the graphs of the set, joined as PyTorch Geometric joins them."""

import dataclasses
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_graphs import random_extras, random_graph_set
from torch_geometric.data import Batch

from graphs.batch import GraphStore, ranges
from testbed.errors import RequestError
from testbed.learning.content_digest import content_digest

GRAPHS = random_graph_set((12, 7))
EXTRAS = random_extras(GRAPHS)
STORE = GraphStore.of(GRAPHS, EXTRAS)
OFFSETS = GRAPHS.edge_offsets

of_one_domain = st.one_of(
    st.lists(st.integers(0, 11), min_size=1, max_size=20), st.lists(st.integers(12, 18), min_size=1, max_size=20)
)


@given(of_one_domain)
def test_a_batch_is_the_one_of_pytorch_geometric(graphs: list[int]) -> None:
    ours = STORE[torch.tensor(graphs)]
    theirs = Batch.from_data_list([STORE.to_pyg(graph) for graph in graphs])
    assert len(ours) == theirs.num_graphs == len(graphs)
    assert torch.equal(ours.x, theirs.x)
    assert torch.equal(ours.edge_index, theirs.edge_index)
    assert torch.equal(ours.graph_of, theirs.batch)
    assert torch.equal(ours.extras, theirs.extras)
    assert ours.domain == GRAPHS.domain_of[graphs[0]]


@pytest.mark.parametrize("graph", range(len(GRAPHS)))
def test_a_single_graph_is_that_of_the_set(graph: int) -> None:
    data = STORE.to_pyg(graph)
    assert np.array_equal(data.x.numpy(), GRAPHS.features_of(graph))
    assert sorted(data.edge_index.T.tolist()) == sorted(GRAPHS.edges_of(graph).T.tolist())
    start, stop = GRAPHS.node_offsets[graph : graph + 2]
    assert np.array_equal(data.extras.numpy(), EXTRAS[start:stop])


@pytest.mark.parametrize("part", [slice(3), slice(2, 9, 3), slice(12, None), slice(12, 999)], ids=str)
def test_a_slice_is_the_batch_of_its_numbers(part: slice) -> None:
    ours, listed = STORE[part], STORE[torch.arange(len(STORE))[part]]
    assert torch.equal(ours.x, listed.x)
    assert torch.equal(ours.edge_index, listed.edge_index)


def test_graphs_without_edges_make_a_batch() -> None:
    batch = STORE[torch.tensor([0, 1, 0])]
    assert batch.edge_index.shape == (2, 0)
    assert batch.edge_index.dtype == torch.int64
    assert batch.graph_of.unique().tolist() == [0, 1, 2]


def test_no_edge_leaves_its_graph_and_every_graph_keeps_its_nodes() -> None:
    batch = STORE[torch.arange(12)]
    source, target = batch.edge_index
    assert torch.equal(batch.graph_of[source], batch.graph_of[target])
    assert torch.equal(batch.graph_of.bincount(), torch.tensor(GRAPHS.num_nodes[:12]))


def test_a_store_knows_whether_its_edges_stand_in_both_directions() -> None:
    assert STORE.undirected
    assert STORE[torch.arange(3)].undirected
    directed = dataclasses.replace(
        GRAPHS, edges=GRAPHS.edges[:, :-1], edge_offsets=np.minimum(OFFSETS, OFFSETS[-1] - 1)
    )
    assert not GraphStore.of(directed).undirected
    # As many edges to each node as from it, and yet a circle: not the same edges.
    circle = np.array([[0, 1, 2], [1, 2, 0]])
    one_way = dataclasses.replace(
        random_graph_set((1,)), node_offsets=np.array([0, 3]), edge_offsets=np.array([0, 3]), edges=circle,
        features=(np.zeros((3, 3), dtype=np.float32),),
    )  # fmt: skip
    assert not GraphStore.of(one_way).undirected


def test_pooling_adds_up_the_nodes_of_each_graph() -> None:
    batch = STORE[torch.tensor([4, 2, 5])]
    sums = torch.stack([batch.x[batch.graph_of == place].sum(0) for place in range(3)])
    torch.testing.assert_close(batch.pool(batch.x), sums)


def test_a_batch_is_of_one_domain() -> None:
    with pytest.raises(ValueError, match="random-0, random-1"):
        STORE[torch.tensor([11, 12])]


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (torch.tensor([], dtype=torch.int64), ValueError, "at least one graph"),
        (slice(3, 3), ValueError, "at least one graph"),
        (torch.tensor([0, -1]), IndexError, "numbered 0 to 18, not -1 to 0"),
        (torch.tensor([0, 19]), IndexError, "numbered 0 to 18, not 0 to 19"),
        (torch.ones(19, dtype=torch.bool), ValueError, "int64"),
        (torch.tensor([[0, 1]]), ValueError, "(1, 2)"),
        (torch.tensor([1.0]), ValueError, "torch.float32"),
    ],
)
def test_an_index_names_graphs_that_are_there(index: torch.Tensor | slice, error: type, message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        STORE[index]


@pytest.mark.parametrize(
    ("extras", "message"),
    [
        (EXTRAS[1:], "encodings of nodes have the shape"),
        (EXTRAS[:, 0], "encodings of nodes have the shape"),
        (np.full_like(EXTRAS, np.nan), "not finite"),
    ],
)
def test_extras_have_a_row_of_finite_numbers_for_every_node(extras: np.ndarray, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        GraphStore.of(GRAPHS, extras)


def test_the_shape_tells_what_a_model_must_know() -> None:
    assert STORE.shape.domains == ("random-0", "random-1")
    assert (STORE.shape.widths, STORE.shape.num_classes, STORE.shape.num_extras) == ((3, 5), (2, 3), 32)
    assert GraphStore.of(GRAPHS).shape.num_extras == 0


def test_the_digest_of_a_store_is_that_of_its_content() -> None:
    again = GraphStore.of(random_graph_set((12, 7)), EXTRAS)
    assert content_digest(again) == content_digest(STORE)
    assert content_digest(GraphStore.of(GRAPHS)) != content_digest(STORE)
    other = dataclasses.replace(STORE, extras=STORE.extras + 1)
    assert content_digest(other) != content_digest(STORE)


def test_a_store_does_not_look_at_the_arrays_it_was_made_of() -> None:
    mine = random_graph_set((4,))
    assert GraphStore.of(mine).edges.data_ptr() != mine.edges.ctypes.data


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=10))
def test_ranges_follow_one_another(pieces: list[tuple[int, int]]) -> None:
    starts, lengths = (torch.tensor([piece[k] for piece in pieces], dtype=torch.int64) for k in (0, 1))
    numbers, owners, begins = ranges(starts, lengths)
    assert numbers.tolist() == [start + k for start, length in pieces for k in range(length)]
    assert owners.tolist() == [place for place, (_, length) in enumerate(pieces) for _ in range(length)]
    assert begins.tolist() == np.cumsum([0, *(length for _, length in pieces)])[:-1].tolist()


def test_batches_and_networks_do_not_load_pytorch_geometric() -> None:
    """Loading it takes seconds, and only who asks for its form of a graph needs it."""
    modules = "graphs.batch, graphs.node_store, graphs.models.gin, graphs.models.gcn, graphs.models.fedstar_gin"
    code = f"import sys, {modules}; sys.exit('torch_geometric' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
