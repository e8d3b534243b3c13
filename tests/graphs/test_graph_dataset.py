"""Graphs as a run sees them: one store, tests by client, costs by formula."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from personal import graph_scenario
from random_graphs import random_graph_set
from torch import nn

from graphs.graph_dataset import GraphDataset
from graphs.models.gin import Gin
from graphs.models.skeleton import TRAINING_FLOP_RATIO, GraphModule
from testbed.errors import RequestError
from testbed.experiments.run import execute, prepare
from testbed.learning.datasets import Dataset
from testbed.settings import component

TWO_DOMAINS = GraphDataset(graphs=random_graph_set((12, 7)))
ONE_DOMAIN = GraphDataset(graphs=random_graph_set((30,)))


class WithExtras:
    """A model that wants every node's degree beside its features."""

    def encode_nodes(self, graphs: Any) -> np.ndarray:
        starts = np.repeat(graphs.node_offsets[:-1], graphs.num_edges)
        degrees = np.bincount(graphs.edges[0] + starts, minlength=int(graphs.node_offsets[-1]))
        return degrees[:, None].astype(np.float32)


def test_training_and_test_inputs_are_one_store() -> None:
    assert TWO_DOMAINS.train_inputs is TWO_DOMAINS.test_inputs is TWO_DOMAINS.train_inputs
    assert TWO_DOMAINS.train_labels is TWO_DOMAINS.test_labels
    assert TWO_DOMAINS.tests_by_client
    assert not TWO_DOMAINS.is_language
    assert TWO_DOMAINS.num_classes == max(TWO_DOMAINS.graphs.num_classes)


def test_a_model_that_wants_the_structure_of_nodes_gets_it_and_others_the_data_as_they_are() -> None:
    assert ONE_DOMAIN.seen_by(Gin(), [], by_client=True) is ONE_DOMAIN
    seen = ONE_DOMAIN.seen_by(WithExtras(), [], by_client=True)
    assert seen.train_inputs.shape.num_extras == 1
    batch = seen.train_inputs[torch.tensor([3, 5])]
    assert batch.extras is not None
    degrees = torch.bincount(batch.edge_index[1], minlength=len(batch.x)).float()
    torch.testing.assert_close(batch.extras[:, 0], degrees)
    assert seen.digest() == ONE_DOMAIN.digest()


def test_the_cost_of_each_graph_is_that_of_the_formula_and_training_a_multiple_of_it() -> None:
    module = TWO_DOMAINS.build(Gin(width=8, num_layers=2), 0)
    assert isinstance(module, GraphModule)
    cost = TWO_DOMAINS.cost(module)
    graphs = TWO_DOMAINS.graphs
    forward = np.array(
        [
            float(module.forward_flop(int(nodes), int(edges), int(domain)))
            for nodes, edges, domain in zip(graphs.num_nodes, graphs.num_edges, graphs.domain_of, strict=True)
        ]
    )
    assert cost.flop_of_sample is not None
    np.testing.assert_allclose(cost.flop_of_sample, TRAINING_FLOP_RATIO * forward, rtol=1e-12)
    some = np.array([0, 4, 15, 15])
    assert cost.flop_of(some) == pytest.approx(TRAINING_FLOP_RATIO * forward[some].sum(), rel=1e-12)
    assert cost.forward_flop_of(some) == pytest.approx(forward[some].sum(), rel=1e-12)
    assert cost.flop_per_sample == pytest.approx(TRAINING_FLOP_RATIO * forward.mean(), rel=1e-12)


def test_memory_is_counted_and_grows_with_the_network() -> None:
    peaks = []
    for width in (8, 16):
        cost = ONE_DOMAIN.cost(ONE_DOMAIN.build(Gin(width=width), 0))
        assert cost.activation_bytes_per_sample > 0
        peaks.append(cost.peak_bytes(4))
        assert cost.peak_bytes(8) > cost.peak_bytes(4) > 0
    assert peaks[0] < peaks[1]


def test_counting_costs_leaves_the_module_and_the_global_generator_alone() -> None:
    module = ONE_DOMAIN.build(Gin(width=8), 0)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    luck = torch.get_rng_state()
    ONE_DOMAIN.cost(module)
    assert torch.equal(torch.get_rng_state(), luck)
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_a_model_for_arrays_is_refused_and_so_is_a_module_that_does_not_say_what_it_costs() -> None:
    with pytest.raises(RequestError, match="'digit-graphs' has graphs, and the model 'mlp' takes arrays: use gin"):
        execute(graph_scenario(model={"kind": "mlp", "hidden": [4]}).resolve(), 0)
    with pytest.raises(RequestError, match="GraphModule, to say what it costs"):
        ONE_DOMAIN.cost(nn.Linear(2, 2))


def test_a_model_for_graphs_is_refused_arrays() -> None:
    with pytest.raises(RequestError, match=r"model gin takes graphs, not arrays of shape"):
        execute(graph_scenario(data__dataset="digits").resolve(), 0)


def test_rules_that_look_at_graphs_are_refused_arrays() -> None:
    arrays = Dataset(
        name="dots",
        train_inputs=np.zeros((4, 2), np.float32),
        train_labels=np.arange(4) % 2,
        test_inputs=np.zeros((4, 2), np.float32),
        test_labels=np.arange(4) % 2,
        num_classes=2,
    )
    rule = component("partition").read("graph-structure")
    with pytest.raises(RequestError, match="partition graph-structure looks at graphs"):
        arrays.deal(rule, 2, np.random.default_rng(0))


def test_a_rule_that_sees_labels_alone_is_refused_several_domains() -> None:
    with pytest.raises(RequestError, match="deals the graphs of one data set, and 'random' has 2"):
        TWO_DOMAINS.deal(component("partition").read("iid"), 2, np.random.default_rng(0))


def test_clients_of_a_run_hold_graphs_of_their_own_and_are_charged_for_them() -> None:
    resolved = graph_scenario(algorithm__kind="fedavg").resolve()
    experiment = prepare(resolved, 0, resolved.data.dataset.load(None))
    workload = experiment.workload
    experiment.run()
    per_sample = workload.cost.flop_of_sample
    assert per_sample is not None
    again = prepare(resolved, 0, resolved.data.dataset.load(None)).workload
    for row in experiment.simulation.records.rows("training"):
        if row["job"] == 0 and row["outcome"] == "completed":
            job = again.next_job(row["client"], 0, again.initial_state)
            visited = np.concatenate([r[:n] for r, n in zip(job.samples, job.counts, strict=True)])
            assert row["flop"] == pytest.approx(per_sample[visited].sum(), rel=1e-9)
    assert workload.task.is_personal
    assert experiment.world.payload_bits == 32 * workload.task.num_exchanged  # type: ignore[attr-defined]


def test_a_run_on_graphs_that_is_stored_is_replayed_to_the_last_byte(tmp_path: Path) -> None:
    stored = {"run__store": str(tmp_path / "store"), "run__store_min_flop_per_byte": 0, "run__horizon_s": 60.0}
    scenario = graph_scenario(algorithm__kind="fedavg", **stored).resolve()
    first, second = execute(scenario, 0), execute(scenario, 0)
    assert second.meta["store"]["num_stored"] == 0
    for name in ("evaluation", "client_evaluation", "version", "training"):
        assert first.tables[name].equals(second.tables[name]), name
