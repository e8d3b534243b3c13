"""FedStar's network: two channels, of which only the one of structure is exchanged."""

from dataclasses import replace
from fnmatch import fnmatch

import pytest
import torch
from random_graphs import num_exchanged, random_extras, random_graph_set
from torch.utils.flop_counter import FlopCounterMode
from torch_geometric.nn import GCNConv, GINConv, global_add_pool

from graphs.batch import GraphStore
from graphs.models.fedstar_gin import FedStarGin
from graphs.models.shape import GraphShape
from testbed.errors import RequestError

GRAPHS = random_graph_set((12, 7))
STORE = GraphStore.of(GRAPHS, random_extras(GRAPHS))


def test_the_structure_channel_has_an_embedding_and_three_convolutions_of_parameters() -> None:
    proteins = GraphShape(("PROTEINS",), (3,), (2,), 32)
    assert num_exchanged(FedStarGin(), proteins) == 14_592 == 2_112 + 3 * 4_160
    assert num_exchanged(FedStarGin(), STORE.shape) == 14_592


def test_what_is_exchanged_has_s_in_its_name_and_nothing_else_has() -> None:
    part = FedStarGin()
    for name in part.build_for_graphs(STORE.shape, 0).state_dict():
        assert ("_s" in name) != any(fnmatch(name, pattern) for pattern in part.local_tensors), name


def test_the_network_is_the_one_that_pytorch_geometric_composes() -> None:
    model = FedStarGin(width=16).build_for_graphs(STORE.shape, 3).eval()
    batch = STORE[torch.arange(12, 19)]
    x, s = model.pre[1](batch.x), model.embedding_s(batch.extras)
    for features, structure in zip(model.convs, model.convs_s, strict=True):
        x = GINConv(features.mlp)(torch.cat([x, s], dim=1), batch.edge_index).relu()
        convolution = GCNConv(16, 16)
        convolution.load_state_dict({"lin.weight": structure.linear.weight, "bias": structure.bias})
        s = convolution(s, batch.edge_index).tanh()
    pooled = global_add_pool(model.merge(torch.cat([x, s], dim=1)), batch.graph_of)
    expected = model.readout[1](model.post[1](pooled).relu())
    torch.testing.assert_close(model(batch), expected, rtol=1e-5, atol=1e-5)


def test_the_structure_channel_does_not_look_at_features() -> None:
    model = FedStarGin(width=8).build_for_graphs(STORE.shape, 0).eval()
    batch = STORE[torch.arange(12)]
    seen: list[torch.Tensor] = []
    model.convs_s[-1].register_forward_hook(lambda module, inputs, output: seen.append(output.detach()))
    model(batch)
    model(replace(batch, x=batch.x + 1))
    assert torch.equal(*seen)


def test_graphs_without_encodings_are_refused() -> None:
    with pytest.raises(RequestError, match="fedstar-gin needs a structure encoding"):
        FedStarGin().build_for_graphs(GraphStore.of(GRAPHS).shape, 0)


@pytest.mark.parametrize("domain", [0, 1])
def test_the_operations_are_the_products_that_pytorch_counts_and_the_neighbours_that_are_added(domain: int) -> None:
    model = FedStarGin(width=16, num_layers=2).build_for_graphs(STORE.shape, 0)
    graphs = torch.arange(12) if domain == 0 else torch.arange(12, 19)
    with FlopCounterMode(display=False) as counter:
        model(STORE[graphs])
    edges = GRAPHS.num_edges[graphs.numpy()]
    found = model.forward_flop(GRAPHS.num_nodes[graphs.numpy()], edges, domain)
    assert found.sum() == counter.get_total_flops() + 2 * 3 * edges.sum() * 16
