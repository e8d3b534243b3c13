"""The graph convolutional network: that of PyTorch Geometric, on nodes and on graphs."""

import numpy as np
import pytest
import torch
from random_graphs import num_exchanged, random_graph_set
from torch.utils.flop_counter import FlopCounterMode
from torch_geometric.nn import GCNConv, global_add_pool

from graphs.batch import GraphStore
from graphs.models.gcn import Gcn, GcnConvolution
from graphs.models.shape import GraphShape
from testbed.errors import RequestError

GRAPHS = random_graph_set((12, 7))
STORE = GraphStore.of(GRAPHS)
CORA = GraphShape(("Cora",), (1433,), (7,))


def of_pyg(layer: GcnConvolution) -> GCNConv:
    """Return PyTorch Geometric's layer with the same parameters."""
    width, width_in = layer.linear.weight.shape
    reference = GCNConv(width_in, width)
    reference.load_state_dict({"lin.weight": layer.linear.weight, "bias": layer.bias})
    return reference


def test_a_layer_is_that_of_pytorch_geometric() -> None:
    torch.manual_seed(0)
    layer = GcnConvolution(3, 8)
    torch.nn.init.normal_(layer.bias)
    batch = STORE[torch.arange(12)]
    theirs = of_pyg(layer)(batch.x, batch.edge_index)
    torch.testing.assert_close(layer(batch.x, batch.adjacency), theirs, rtol=0, atol=1e-6)


def test_the_network_is_the_one_that_pytorch_geometric_composes() -> None:
    model = Gcn(width=16, share="convolutions").build_for_graphs(STORE.shape, 3).eval()
    batch = STORE[torch.arange(12, 19)]
    x = batch.x
    for layer in (model.pre[1], *model.convs):
        x = of_pyg(layer)(x, batch.edge_index).relu()
    expected = model.readout[1](global_add_pool(x, batch.graph_of))
    torch.testing.assert_close(model(batch), expected, rtol=1e-5, atol=1e-5)


def test_a_constant_vector_on_a_regular_graph_stays_constant() -> None:
    """S 1 = 1 where all degrees are equal: here on a circle of five nodes."""
    there = torch.arange(5)
    back = (there + 1) % 5
    batch = STORE[torch.arange(1)]
    circle = type(batch)(
        x=torch.ones(5, 3), edge_index=torch.stack([torch.cat([there, back]), torch.cat([back, there])]), domain=0,
        graph_of=torch.zeros(5, dtype=torch.int64), num_graphs=1,
    )  # fmt: skip
    layer = GcnConvolution(3, 4)
    torch.testing.assert_close(layer(circle.x, circle.adjacency), layer.linear(circle.x))


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        ("convolutions", 64 * 64 + 64),
        ("body", 64 * 64 + 64 + 1433 * 64 + 64),
        ("all", 64 * 64 + 64 + 1433 * 64 + 64 + 64 * 7 + 7),
    ],
)
def test_what_is_exchanged_is_as_large_as_the_formulas_say(share: str, expected: int) -> None:
    assert num_exchanged(Gcn.model_validate({"share": share}), CORA) == expected


@pytest.mark.parametrize("share", ["body", "all"])
def test_domains_whose_features_mean_different_things_exchange_convolutions_only(share: str) -> None:
    with pytest.raises(RequestError, match=f"gcn with share = '{share}' needs one domain"):
        Gcn.model_validate({"share": share}).build_for_graphs(STORE.shape, 0)


def test_one_layer_leaves_no_convolution_to_exchange() -> None:
    with pytest.raises(ValueError, match="num_layers = 1"):
        Gcn(num_layers=1, share="convolutions")
    assert len(Gcn(num_layers=1).build_for_graphs(CORA, 0).convs) == 0


def test_the_operations_are_the_products_that_pytorch_counts_and_the_neighbours_that_are_added() -> None:
    model = Gcn(width=16, num_layers=3, share="convolutions").build_for_graphs(STORE.shape, 0)
    with FlopCounterMode(display=False) as counter:
        model(STORE[torch.arange(12)])
    nodes, edges = GRAPHS.num_nodes[:12], GRAPHS.num_edges[:12]
    found = model.forward_flop(nodes, edges, 0)
    assert found.sum() == counter.get_total_flops() + 3 * edges.sum() * 16
    assert np.argmax(found) == np.argmax(nodes)
