"""The graph isomorphism network: that of PyTorch Geometric, with the parameters and operations of the formulas."""

from typing import Any

import numpy as np
import pytest
import torch
from random_graphs import num_exchanged, random_graph_set
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from torch_geometric.nn import GINConv, global_add_pool

from graphs.batch import GraphStore
from graphs.models.gin import Gin, GinConvolution
from graphs.models.shape import GraphShape
from testbed.errors import RequestError

GRAPHS = random_graph_set((12, 7))
STORE = GraphStore.of(GRAPHS)
PROTEINS = GraphShape(("PROTEINS",), (3,), (2,))


@pytest.mark.parametrize(("width", "expected"), [(64, 24_960), (32, 6_336)])
def test_the_convolutions_have_three_times_two_linear_layers_of_parameters(width: int, expected: int) -> None:
    assert num_exchanged(Gin(width=width), PROTEINS) == expected == 3 * 2 * (width**2 + width)
    assert num_exchanged(Gin(width=width), STORE.shape) == expected


def test_with_one_domain_everything_can_be_exchanged() -> None:
    part = Gin(share="all")
    assert num_exchanged(part, PROTEINS) == 24_960 + (3 * 64 + 64) + (64 * 64 + 64) + (64 * 2 + 2)


def test_domains_whose_features_mean_different_things_cannot_exchange_everything() -> None:
    with pytest.raises(RequestError, match="share = 'all' needs one domain, not random-0, random-1"):
        Gin(share="all").build_for_graphs(STORE.shape, 0)


def test_a_layer_is_that_of_pytorch_geometric() -> None:
    torch.manual_seed(0)
    layer = GinConvolution(3, 8)
    reference = GINConv(layer.mlp, train_eps=False)
    batch = STORE[torch.arange(12)]
    theirs = reference(batch.x, batch.edge_index)
    torch.testing.assert_close(layer(batch.x, batch.adjacency), theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("domain", [0, 1])
def test_the_network_is_the_one_that_pytorch_geometric_composes(domain: int) -> None:
    model = Gin(width=16).build_for_graphs(STORE.shape, 3).eval()
    batch = STORE[torch.arange(12) if domain == 0 else torch.arange(12, 19)]
    x = model.pre[domain](batch.x)
    for layer in model.convs:
        x = GINConv(layer.mlp)(x, batch.edge_index).relu()
    pooled = model.post[domain](global_add_pool(x, batch.graph_of)).relu()
    num_classes = STORE.num_classes[domain]
    torch.testing.assert_close(model(batch)[:, :num_classes], model.readout[domain](pooled), rtol=1e-5, atol=1e-5)


def test_dropout_follows_every_layer_but_the_first_and_the_last() -> None:
    torch.manual_seed(0)
    model = Gin(width=16, dropout=0.25).build_for_graphs(STORE.shape, 3).train()
    calls = []
    model.dropout.register_forward_hook(lambda module, inputs, output: calls.append((inputs[0].shape, module.p)))
    batch = STORE[torch.arange(5)]
    model(batch)
    assert calls == [(torch.Size([len(batch.x), 16]), 0.25)] * 3 + [(torch.Size([5, 16]), 0.25)]


def test_classes_that_a_domain_lacks_get_no_probability_and_no_gradient() -> None:
    model = Gin(width=8, dropout=0.0).build_for_graphs(STORE.shape, 0)
    scores = model(STORE[torch.arange(12)])
    assert scores.shape == (12, 3)
    assert (functional.softmax(scores, dim=1)[:, 2] == 0).all()
    labels = torch.tensor(GRAPHS.labels[:12])
    padded = functional.cross_entropy(scores, labels)
    assert padded == functional.cross_entropy(scores[:, :2], labels)
    assert all(torch.isfinite(p.grad).all() for p in _trained(model, padded))


def _trained(model: torch.nn.Module, loss: torch.Tensor) -> list[torch.nn.Parameter]:
    loss.backward()
    return [p for p in model.parameters() if p.grad is not None]


def test_the_head_of_another_domain_is_not_touched() -> None:
    model = Gin(width=8).build_for_graphs(STORE.shape, 0)
    model(STORE[torch.arange(12)])[:, :2].sum().backward()
    untouched = {name for name, p in model.named_parameters() if p.grad is None}
    assert untouched == {f"{layer}.1.{kind}" for layer in ("pre", "post", "readout") for kind in ("weight", "bias")}


def test_what_is_exchanged_starts_alike_whatever_the_domains() -> None:
    few, many = (Gin(width=8).build_for_graphs(shape, 5).state_dict() for shape in (PROTEINS, STORE.shape))
    shared = [name for name in few if name.startswith("convs.")]
    assert len(shared) == 12
    assert all(torch.equal(few[name], many[name]) for name in shared)


@pytest.mark.parametrize("domain", [0, 1])
def test_the_operations_are_the_products_that_pytorch_counts_and_the_neighbours_that_are_added(domain: int) -> None:
    model = Gin(width=16, num_layers=2).build_for_graphs(STORE.shape, 0)
    graphs = np.flatnonzero(GRAPHS.domain_of == domain)
    nodes, edges = GRAPHS.num_nodes[graphs], GRAPHS.num_edges[graphs]
    with FlopCounterMode(display=False) as counter:
        model(STORE[torch.from_numpy(graphs)])
    expected = counter.get_total_flops() + 2 * edges.sum() * 16
    found = model.forward_flop(nodes, edges, domain)
    assert found.shape == (len(graphs),)
    assert found.sum() == expected


def test_proteins_cost_what_the_paper_notes_say() -> None:
    """890 training graphs of PROTEINS: 1.75 GFLOP forward, from mean sizes."""
    model = Gin().build_for_graphs(PROTEINS, 0)
    assert 890 * model.forward_flop(39.06, 2 * 72.82, 0) == pytest.approx(1.75e9, rel=0.01)


def test_arrays_are_refused_with_the_models_that_take_them() -> None:
    with pytest.raises(RequestError, match=r"model gin takes graphs, not arrays of shape \(1, 8, 8\).*mlp"):
        Gin().build((1, 8, 8), 10, 0)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((("a", "b"), (3,), (2, 2)), "2 domains need as many widths"),
        (((), (), ()), "0 domains"),
        ((("a",), (0,), (2,)), "at least 1"),
        ((("a",), (3,), (0,)), "at least 1"),
    ],
)
def test_a_shape_has_positive_sizes_for_every_domain(sizes: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        GraphShape(*sizes)
