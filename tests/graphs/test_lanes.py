"""Lanes of a graph network: the same bits as one client at a time, whoever is beside it."""

import numpy as np
import pytest
import torch
from random_graphs import random_extras, random_graph_set
from torch import nn
from torch.nn import functional

from graphs.batch import GraphStore
from graphs.lane_batch import LaneBatch
from graphs.lanes import NetworkLanes, most_lanes
from graphs.models.fedstar_gin import FedStarGin
from graphs.models.gin import Gin
from graphs.models.skeleton import GraphModule
from testbed.learning.torch_seed import seeded

GRAPHS = random_graph_set((60, 40), max_nodes=40, density=0.1)
STORE = GraphStore.of(GRAPHS, random_extras(GRAPHS))
LABELS = torch.tensor(GRAPHS.labels)
RNG = np.random.default_rng(0)
# Unequal lanes of two domains; one is a single graph of few nodes.
LOTS = [torch.from_numpy(RNG.integers(0, 60, size)) for size in (8, 5, 13)]
LOTS += [torch.tensor([int(GRAPHS.num_nodes[:60].argmin())]), torch.from_numpy(RNG.integers(60, 100, 7))]
SEEDS = [3, 1, 4, 1, 5]


@pytest.fixture(params=[0.0, 0.5], ids=["no-dropout", "dropout"])
def network(request: pytest.FixtureRequest) -> GraphModule:
    network = Gin(width=16, dropout=request.param).build_for_graphs(STORE.shape, 0)
    assert isinstance(network, GraphModule)
    return network.train()


def states_of(network: GraphModule) -> torch.Tensor:
    base = torch.cat([p.detach().flatten() for p in network.parameters()])
    noise = torch.from_numpy(np.random.default_rng(2).normal(0, 0.02, (len(LOTS), len(base))).astype(np.float32))
    return base + noise


def aligned(rows: torch.Tensor) -> torch.Tensor:
    """Return the same rows, each of which starts on 64 bytes."""
    room = torch.zeros(len(rows), -(-rows.shape[1] // 16) * 16)[:, : rows.shape[1]]
    return room.copy_(rows)


def alone(network: GraphModule, state: torch.Tensor, lot: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    nn.utils.vector_to_parameters(state.clone(), network.parameters())
    with seeded(seed):
        loss = functional.cross_entropy(network(STORE[lot]), LABELS[lot])
    found = torch.autograd.grad(loss, list(network.parameters()), allow_unused=True, materialize_grads=True)
    return loss.detach(), torch.cat([gradient.flatten() for gradient in found])


def together(
    network: GraphModule, states: torch.Tensor, lots: list[torch.Tensor], seeds: list[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    luck = [torch.Generator().manual_seed(seed) for seed in seeds]
    gradients = aligned(torch.full(states.shape, float("nan")))
    batch = LaneBatch.of(STORE, lots)
    losses = NetworkLanes(network).gradients(aligned(states), batch, LABELS[torch.cat(lots)], luck, gradients)
    return losses, gradients


def test_a_lane_has_the_bits_of_a_client_alone(network: GraphModule) -> None:
    states = states_of(network)
    losses, gradients = together(network, states, LOTS, SEEDS)
    for lane, (lot, seed) in enumerate(zip(LOTS, SEEDS, strict=True)):
        loss, gradient = alone(network, states[lane], lot, seed)
        assert torch.equal(losses[lane], loss), lane
        assert torch.equal(gradients[lane], gradient), lane


def test_the_scores_of_a_lane_are_those_of_a_client_alone_in_evaluation_mode(network: GraphModule) -> None:
    states = states_of(network)
    scores = NetworkLanes(network).scores(aligned(states), LaneBatch.of(STORE, LOTS))
    network.eval()
    for lane, (lot, found) in enumerate(zip(LOTS, scores.split([len(lot) for lot in LOTS]), strict=True)):
        nn.utils.vector_to_parameters(states[lane].clone(), network.parameters())
        assert torch.equal(found, network(STORE[lot])), lane


@pytest.mark.parametrize("order", [[2, 0, 3], [4, 3, 2, 1, 0], [1, 4]], ids=str)
def test_a_lane_does_not_depend_on_its_companions(network: GraphModule, order: list[int]) -> None:
    states = states_of(network)
    losses, gradients = together(network, states, LOTS, SEEDS)
    others = together(network, states[order], [LOTS[k] for k in order], [SEEDS[k] for k in order])
    assert torch.equal(others[0], losses[order])
    assert torch.equal(others[1], gradients[order])


@pytest.mark.parametrize("is_training", [True, False], ids=["training", "evaluation"])
def test_the_network_its_mode_and_the_global_generator_stay_as_they_were(
    network: GraphModule, is_training: bool
) -> None:
    network.train(is_training)
    before, luck = states_of(network)[0], torch.get_rng_state()
    nn.utils.vector_to_parameters(before.clone(), network.parameters())
    together(network, states_of(network), LOTS, SEEDS)
    assert torch.equal(nn.utils.parameters_to_vector(network.parameters()), before)
    assert torch.equal(torch.get_rng_state(), luck)
    assert all(p.grad is None for p in network.parameters())
    assert {module.training for module in network.modules()} == {is_training}


def test_the_head_of_another_domain_has_no_gradient(network: GraphModule) -> None:
    _, gradients = together(network, states_of(network), LOTS, SEEDS)
    sizes = [p.numel() for p in network.parameters()]
    for (name, _), piece in zip(network.named_parameters(), gradients.split(sizes, dim=1), strict=True):
        for own, domain in zip(piece, (0, 0, 0, 0, 1), strict=True):
            other = 1 - domain
            assert bool((own == 0).all()) == name.startswith((f"pre.{other}", f"post.{other}", f"readout.{other}")), (
                name
            )


def test_a_network_with_other_parameters_than_those_of_linear_layers_has_no_lanes() -> None:
    network = FedStarGin(width=16).build_for_graphs(STORE.shape, 0)
    with pytest.raises(ValueError, match=r"convs_s.0.bias is no parameter of a linear layer"):
        NetworkLanes(network)  # type: ignore[arg-type]


def test_a_layer_that_is_used_twice_has_no_lanes(network: GraphModule) -> None:
    network.convs[1] = network.convs[0]  # type: ignore[operator,index]
    with pytest.raises(ValueError, match="used twice"):
        together(network, states_of(network), LOTS, SEEDS)


def test_fewer_lanes_pay_the_larger_they_are() -> None:
    assert most_lanes(700, 32) > most_lanes(700, 64) > most_lanes(2500, 64)
    assert most_lanes(10**9, 64) == 1
