"""Nodes of one graph in parts: a client sees its own subgraph, whole, and nothing of the others."""

import re

import numpy as np
import pytest
import torch
from random_graphs import random_edges

from graphs.models.gcn import Gcn
from graphs.models.gin import Gin
from graphs.node_store import NodeStore
from testbed.errors import RequestError
from testbed.learning.content_digest import content_digest

NUM_NODES, NUM_PARTS = 30, 4
RNG = np.random.default_rng(0)
EDGES = random_edges(NUM_NODES, 0.2, RNG)
FEATURES = RNG.normal(size=(NUM_NODES, 5)).astype(np.float32)
PARTS = RNG.permutation(np.arange(NUM_NODES) % NUM_PARTS)
EXTRAS = RNG.random((NUM_NODES, 32)).astype(np.float32)
STORE = NodeStore.of("random", FEATURES, EDGES, PARTS, 3, EXTRAS)


def nodes_of(part: int) -> torch.Tensor:
    return torch.from_numpy(np.flatnonzero(part == PARTS))


@pytest.mark.parametrize("part", range(NUM_PARTS))
def test_a_client_sees_its_own_nodes_and_the_edges_between_them(part: int) -> None:
    nodes = nodes_of(part)
    batch = STORE[nodes]
    assert torch.equal(batch.x[batch.asked], torch.from_numpy(FEATURES)[nodes])
    assert batch.extras is not None
    assert torch.equal(batch.extras[batch.asked], torch.from_numpy(EXTRAS)[nodes])
    own = {tuple(edge) for edge in EDGES.T.tolist() if (PARTS[edge] == part).all()}
    number = dict(zip(batch.asked.tolist(), nodes.tolist(), strict=True))
    assert {(number[u], number[v]) for u, v in batch.edge_index.T.tolist()} == own
    assert len(batch.x) == len(nodes)


def test_edges_between_clients_are_counted() -> None:
    inside = sum(STORE[nodes_of(part)].edge_index.shape[1] for part in range(NUM_PARTS))
    assert 0 < STORE.num_cut_edges == EDGES.shape[1] - inside


def test_a_batch_is_the_whole_subgraph_however_few_of_its_nodes_are_asked() -> None:
    nodes = nodes_of(2)
    whole, some = STORE[nodes], STORE[nodes[[3, 1, 3]]]
    assert len(some) == 3
    assert torch.equal(some.x, whole.x)
    assert torch.equal(some.asked, whole.asked[[3, 1, 3]])


def test_a_copy_of_a_batch_has_memory_of_its_own() -> None:
    batch = STORE[nodes_of(2)]
    copy = batch.clone()
    assert type(copy) is type(batch)
    assert torch.equal(copy.x, batch.x)
    assert torch.equal(copy.asked, batch.asked)
    assert copy.x.data_ptr() != batch.x.data_ptr()
    assert copy.x.untyped_storage().nbytes() < STORE.features.untyped_storage().nbytes()


@pytest.mark.parametrize("architecture", [Gcn(width=8), Gin(width=8)], ids=["gcn", "gin"])
def test_scores_are_those_of_the_nodes_that_are_asked(architecture: Gcn | Gin) -> None:
    model = architecture.build_for_graphs(STORE.shape, 0).eval()
    nodes = nodes_of(1)
    scores = model(STORE[nodes])
    assert scores.shape == (len(nodes), 3)
    torch.testing.assert_close(model(STORE[nodes[[4, 0]]]), scores[[4, 0]])


def test_nodes_that_belong_to_one_client_may_be_given_as_a_slice() -> None:
    alone = NodeStore.of("random", FEATURES, EDGES, np.zeros(NUM_NODES, dtype=np.int64), 3)
    assert torch.equal(alone[3:9].asked, torch.arange(3, 9))
    assert torch.equal(alone[:1].x, torch.from_numpy(FEATURES))
    assert alone.num_cut_edges == 0


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (torch.cat([nodes_of(0), nodes_of(3)]), ValueError, "not of the clients [0, 3]"),
        (torch.tensor([], dtype=torch.int64), ValueError, "at least one node"),
        (torch.tensor([-1]), IndexError, "numbered 0 to 29"),
        (torch.tensor([30]), IndexError, "numbered 0 to 29"),
        (torch.tensor([1.0]), ValueError, "int64"),
    ],
)
def test_an_index_names_nodes_of_one_client(index: torch.Tensor, error: type, message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        STORE[index]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"edges": EDGES[:1]}, "do not describe one graph"),
        ({"edges": EDGES + 1}, "none of the 30 nodes"),
        ({"edges": EDGES.astype(np.int32)}, "int64"),
        ({"subgraph_of": PARTS[1:]}, "do not describe one graph"),
        ({"subgraph_of": PARTS + 1}, "each has at least one node"),
        ({"node_extras": EXTRAS[1:]}, "encodings of the shape"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(changes: dict[str, np.ndarray], message: str) -> None:
    arguments = {"features": FEATURES, "edges": EDGES, "subgraph_of": PARTS, "node_extras": EXTRAS}
    with pytest.raises(RequestError, match=message):
        NodeStore.of("random", num_classes=3, **{**arguments, **changes})


def test_the_digest_of_a_store_is_that_of_its_content() -> None:
    again = NodeStore.of("random", FEATURES, EDGES, PARTS, 3, EXTRAS)
    assert content_digest(again) == content_digest(STORE)
    assert content_digest(NodeStore.of("random", FEATURES, EDGES, PARTS, 4, EXTRAS)) != content_digest(STORE)
