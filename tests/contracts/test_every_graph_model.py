"""The contract of every graph network: a function of graphs, not of how their nodes and edges are listed."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatch
from typing import Any

import numpy as np
import pytest
import torch
from examples import Example, examples, takes_graphs
from random_graphs import random_extras, random_graph_set
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from graphs.batch import GraphBatch, GraphStore
from graphs.models.architecture import GraphArchitecture
from testbed.errors import RequestError
from testbed.learning.loss import mean_loss

# Two domains with other features and classes; graph 0 of each has one node, graph 1 no edge.
GRAPHS = random_graph_set((12, 7))
STORE = GraphStore.of(GRAPHS, random_extras(GRAPHS))
ALONE = GraphStore.of(random_graph_set((12,)), random_extras(random_graph_set((12,))))
DOMAINS = [torch.arange(12), torch.arange(12, 19)]


def cases() -> Iterator[tuple[Example, GraphStore, int]]:
    """Yield each network with the graphs it takes, domain by domain; only graphs of one domain nobody may refuse."""
    for example in filter(takes_graphs, examples("model")):
        for store in (STORE, ALONE):
            with suppress(*[RequestError] * (store is STORE)):
                example.build().build_for_graphs(store.shape, 0)
                yield from ((example, store, domain) for domain in range(len(store.domains)))


def title(case: tuple[Example, GraphStore, int]) -> str:
    return f"{case[0]}-{len(case[1].domains)}-domains-{case[2]}"


@pytest.fixture(scope="module", params=cases(), ids=title)
def case(request: pytest.FixtureRequest) -> tuple[Example, GraphStore, int]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def architecture(case: tuple[Example, GraphStore, int]) -> Any:
    return case[0].build()


@pytest.fixture
def store(case: tuple[Example, GraphStore, int]) -> GraphStore:
    return case[1]


@pytest.fixture
def batch(case: tuple[Example, GraphStore, int]) -> GraphBatch:
    """Return all graphs of the domain."""
    return case[1][DOMAINS[case[2]]]


@pytest.fixture
def model(architecture: Any, store: GraphStore) -> nn.Module:
    """Return the model without dropout: what it says of a graph is a function of the graph."""
    return architecture.build_for_graphs(store.shape, 3).eval()  # type: ignore[no-any-return]


def state(model: nn.Module) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}


def is_local(architecture: Any, name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in architecture.local_tensors)


def assert_close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_it_is_an_architecture_for_graphs_and_refuses_arrays(architecture: Any) -> None:
    assert isinstance(architecture, GraphArchitecture)
    with pytest.raises(RequestError, match=f"model {architecture.kind} takes graphs"):
        architecture.build((1, 8, 8), 10, 0)


def test_the_same_seed_builds_the_same_bytes_and_another_seed_others(architecture: Any, store: GraphStore) -> None:
    first, again, other = (state(architecture.build_for_graphs(store.shape, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first.keys() == other.keys()
    assert all(first[name] != other[name] for name in first if name.endswith("weight"))


def test_building_leaves_the_global_generator_alone_even_when_it_refuses(architecture: Any) -> None:
    before = torch.get_rng_state()
    for some in (STORE, ALONE, GraphStore.of(GRAPHS)):
        with suppress(RequestError):
            architecture.build_for_graphs(some.shape, 3)
    assert torch.equal(torch.get_rng_state(), before)


def test_something_is_exchanged_and_every_pattern_of_what_stays_names_something(
    architecture: Any, model: nn.Module
) -> None:
    names = list(model.state_dict())
    assert any(not is_local(architecture, name) for name in names)
    assert all(any(fnmatch(name, pattern) for name in names) for pattern in architecture.local_tensors)


def test_what_is_exchanged_starts_alike_and_fits_whatever_the_domains(architecture: Any, store: GraphStore) -> None:
    here, alone = (architecture.build_for_graphs(some.shape, 3).state_dict() for some in (store, ALONE))
    for name in here.keys() | alone.keys():
        if not is_local(architecture, name):
            assert torch.equal(here[name], alone[name]), name


def test_a_batch_is_mapped_to_one_finite_score_a_class(model: nn.Module, store: GraphStore, batch: GraphBatch) -> None:
    scores = model(batch)
    assert scores.shape == (len(batch), max(store.num_classes))
    assert torch.isfinite(scores).all()
    missing = torch.softmax(scores, dim=1)[:, store.num_classes[batch.domain] :]
    assert (missing == 0).all()


def test_the_order_of_nodes_does_not_matter(model: nn.Module, batch: GraphBatch) -> None:
    rng = np.random.default_rng(0)
    luck = torch.from_numpy(rng.permutation(len(batch.x)))
    order = luck[batch.graph_of[luck].argsort(stable=True)]  # shuffled within each graph
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order))
    assert batch.extras is not None
    other = replace(batch, x=batch.x[order], edge_index=place[batch.edge_index], extras=batch.extras[order])
    assert not torch.equal(other.x, batch.x)
    assert_close(model(other), model(batch))


def test_the_order_of_edges_does_not_matter(model: nn.Module, batch: GraphBatch) -> None:
    order = torch.from_numpy(np.random.default_rng(0).permutation(batch.edge_index.shape[1]))
    assert_close(model(replace(batch, edge_index=batch.edge_index[:, order])), model(batch))


def test_edges_matter(model: nn.Module, batch: GraphBatch) -> None:
    without = model(replace(batch, edge_index=batch.edge_index[:, :0]))
    changed = (without - model(batch)).abs().amax(1) > 1e-6
    assert changed.any()
    assert not changed[:2].any()  # the first two graphs have none


def test_what_is_said_of_a_graph_does_not_depend_on_its_company(model: nn.Module, store: GraphStore) -> None:
    for graphs in DOMAINS[: len(store.domains)]:
        together = model(store[graphs])
        for place, graph in enumerate(graphs):
            assert_close(model(store[graph[None]]), together[place : place + 1])


def test_a_single_node_and_a_graph_without_edges_can_be_learnt(architecture: Any, store: GraphStore) -> None:
    model = architecture.build_for_graphs(store.shape, 3).train()
    for first in (int(graphs[0]) for graphs in DOMAINS[: len(store.domains)]):
        for graphs in ([first], [first + 1], [first, first + 1]):
            loss = mean_loss(model(store[torch.tensor(graphs)]), torch.zeros(len(graphs), dtype=torch.int64))
            found = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
            assert torch.isfinite(loss)
            assert all(gradient is None or torch.isfinite(gradient).all() for gradient in found)


def test_every_parameter_is_trainable_single_precision_and_reached_by_the_gradient_of_its_domain(
    model: nn.Module, store: GraphStore
) -> None:
    losses = [
        mean_loss(model(store[graphs]), torch.arange(len(graphs)) % store.num_classes[domain])
        for domain, graphs in enumerate(DOMAINS[: len(store.domains)])
    ]
    parameters = dict(model.named_parameters())
    assert all(p.dtype == torch.float32 and p.requires_grad for p in parameters.values())
    gradients = torch.autograd.grad(sum(losses, torch.zeros(())), list(parameters.values()))
    for name, gradient in zip(parameters, gradients, strict=True):
        assert gradient.abs().sum() > 0, name


def test_without_edges_the_operations_are_the_products_that_pytorch_counts(
    model: Any, store: GraphStore, batch: GraphBatch
) -> None:
    num_nodes = batch.graph_of.bincount().numpy()
    without = replace(batch, edge_index=batch.edge_index[:, :0])
    with FlopCounterMode(display=False) as counter:
        model(without)
    found = model.forward_flop(num_nodes, np.zeros_like(num_nodes), batch.domain)
    assert found.shape == (len(batch),)
    assert found.sum() == counter.get_total_flops()


def test_more_nodes_and_more_edges_cost_more(model: Any) -> None:
    assert model.forward_flop(10, 20, 0) < model.forward_flop(10, 21, 0) < model.forward_flop(11, 21, 0)
