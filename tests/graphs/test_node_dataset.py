"""Nodes as a run sees them: subgraphs without what leads out of them, full batches, the cost of whole subgraphs."""

from typing import Any

import numpy as np
import pytest
import torch
from random_graphs import random_node_set
from small import small_scenario

from graphs.models.gcn import Gcn
from graphs.models.gin import Gin
from graphs.models.skeleton import TRAINING_FLOP_RATIO, GraphModule
from graphs.node_dataset import NodeDataset
from graphs.subgraphs import induced_subgraph
from testbed.errors import RequestError
from testbed.experiments.run import Experiment, execute, prepare
from testbed.settings import component

CLUB: dict[str, Any] = {
    "data": {
        "dataset": "karate-club",
        "partition": "iid",
        "client_split": {"train": 0.4, "validation": 0.2, "test": 0.4},
    },
    "model": {"kind": "gcn", "width": 8},
    "devices__count": 3,
    "training__batch_size": "full",
    "training__optimizer": "adam",
    "training__learning_rate": 0.01,
    "algorithm__kind": "fedavg",
}


def club(**settings: Any) -> Experiment:
    resolved = small_scenario(**(CLUB | settings)).resolve()
    return prepare(resolved, 0, resolved.data.dataset.load(None))


def dealt(num_clients: int = 4) -> NodeDataset:
    data = NodeDataset(nodes=random_node_set(80))
    shards = data.deal(component("partition").read("iid"), num_clients, np.random.default_rng(0))
    return data.seen_by(Gcn(), shards, by_client=True)


def test_a_client_has_the_subgraph_of_its_own_nodes_and_no_edge_that_leads_out_of_it() -> None:
    data = dealt()
    for shard in data.shards:
        batch, alone = data.train_inputs[torch.tensor(shard)], induced_subgraph(data.nodes, shard)
        np.testing.assert_array_equal(batch.x.numpy(), alone.features)
        edges = {tuple(edge) for edge in alone.edges.T.tolist()}
        assert {tuple(edge) for edge in batch.edge_index.T.tolist()} == edges
        assert batch.edge_index.shape[1] == len(edges)


def test_edges_that_clients_have_and_edges_that_are_lost_are_all_edges() -> None:
    experiment = club()
    rows = list(experiment.simulation.records.rows("subgraph"))
    assert [row["client"] for row in rows] == [0, 1, 2]
    assert sum(row["num_nodes"] for row in rows) == 34
    lost = sum(row["num_lost_edges"] for row in rows)
    assert lost > 0
    assert lost % 2 == 0
    assert sum(row["num_edges"] for row in rows) + lost // 2 == 78


def test_a_single_client_loses_nothing() -> None:
    (row,) = club(devices__count=1).simulation.records.rows("subgraph")
    assert (row["num_nodes"], row["num_edges"], row["num_lost_edges"]) == (34, 78, 0)


@pytest.mark.parametrize("model", [Gcn(width=8), Gin(width=8)], ids=lambda model: model.kind)
def test_a_step_costs_the_whole_subgraph_whoever_is_asked(model: Any) -> None:
    data = dealt()
    module = data.build(model, 0)
    assert isinstance(module, GraphModule)
    splits = data.split(data.shards, None, np.random.default_rng)
    cost = data.cost(module, splits)
    for client, shard in enumerate(data.shards):
        alone = induced_subgraph(data.nodes, shard)
        for part, asked in (("train", splits.train[client]), ("validation", splits.validation[client])):
            forward = float(module.forward_flop(len(alone), alone.edges.shape[1], 0))
            forward += (len(asked) - 1) * float(module.forward_flop(0, 0, 0))
            found = cost.flop_of(asked) if part == "train" else cost.forward_flop_of(asked)
            assert found == pytest.approx(forward * (TRAINING_FLOP_RATIO if part == "train" else 1), rel=1e-9)


def test_what_a_node_adds_to_the_formula_is_its_own_row_of_the_last_layer() -> None:
    module = dealt().build(Gcn(width=8), 0)
    assert isinstance(module, GraphModule)
    assert float(module.forward_flop(0, 0, 0)) == 2 * 8 * 3


def test_the_widest_batch_holds_what_the_largest_subgraph_keeps_and_the_parameters_twice() -> None:
    data = dealt()
    splits = data.split(data.shards, None, np.random.default_rng)
    width = max(len(shard) for shard in splits.train)
    peaks = []
    for model in (Gcn(width=8), Gcn(width=32)):
        module = data.build(model, 0)
        cost = data.cost(module, splits)
        peaks.append(cost.peak_bytes(width) - 2 * cost.parameter_bytes)
    nodes = max(len(shard) for shard in data.shards)
    assert 4 * nodes * 8 * 2 < peaks[0] < peaks[1]


def test_fedavg_learns_the_two_clubs_and_pays_for_whole_subgraphs() -> None:
    data = CLUB["data"] | {"partition": "louvain"}
    communities = {"data": data, "devices__count": 2, "training__local_steps": 3, "run__horizon_rounds": 60}
    result = execute(small_scenario(**(CLUB | communities)).resolve(), 0)
    assert result.meta["status"] == "done"
    _, losses = result.series("loss")
    assert losses[-1] < 0.5 * losses[0]
    assert result.series("accuracy")[1][-1] > 0.9
    flops = {(row["client"], row["flop"]) for row in result.tables["training"].to_pylist()}
    assert len(flops) == 2  # every job of a client costs the same


@pytest.mark.parametrize("batch_size", [1, 8])
def test_batches_that_are_not_full_are_refused(batch_size: int) -> None:
    with pytest.raises(RequestError, match=rf'training\.batch_size = {batch_size}: .*\'karate-club\'.*use "full"'):
        club(training__batch_size=batch_size)


def test_models_for_arrays_rules_for_graphs_and_modules_without_a_price_are_refused() -> None:
    with pytest.raises(RequestError, match="'karate-club' is a graph, and the model 'mlp' takes arrays: use gcn"):
        club(model={"kind": "mlp", "hidden": [4]})
    with pytest.raises(RequestError, match="partition graph-size deals graphs"):
        club(data={"dataset": "karate-club", "partition": "graph-size"})
    with pytest.raises(RequestError, match="GraphModule, to say what it costs"):
        dealt().cost(torch.nn.Linear(2, 2))


def test_nodes_of_a_client_who_has_too_few_are_refused() -> None:
    with pytest.raises(RequestError, match="needs at least two"):
        club(devices__count=30)


@pytest.mark.parametrize("data_dir", ["planetoid"], indirect=True)
def test_cora_is_dealt_by_communities_that_keep_most_edges(data_dir: Any) -> None:
    settings = CLUB | {
        "data": {"dataset": "planetoid", "partition": "louvain"},
        "devices__count": 10,
        "devices__profile__flop_per_s": "1 GFLOP/s",
        "run__horizon_s": 60.0,
        "run__evaluation_interval_s": 20.0,
    }
    resolved = small_scenario(**settings).resolve()
    result = execute(resolved, 0, data_dir=data_dir, kernel="none")
    rows = result.tables["subgraph"].to_pylist()
    kept, lost = sum(row["num_edges"] for row in rows), sum(row["num_lost_edges"] for row in rows) // 2
    assert kept + lost == 5278
    assert lost < 0.2 * 5278
