"""FedStar: only the structure channel travels, and its encodings are prepared at home."""

import numpy as np
import pytest
from graph_runs import FAULTY, graph_experiment, models_of_versions, rows
from small import small_experiment

from graphs.structure.encodings import RwseDse
from testbed.errors import RequestError

WIDE = {"model": {"kind": "fedstar-gin", "width": 64}}


def test_what_travels_is_the_structure_channel_and_its_bytes_are_those_of_the_table() -> None:
    experiment = graph_experiment("fedstar", WIDE, run__horizon_rounds=2)
    experiment.run()
    task = experiment.workload.task
    assert experiment.workload.num_entries == 14_592
    travelling = [slot.name for slot in task.layout if not task._stays(slot.name)]
    assert travelling and all("_s" in name for name in travelling)
    for channel in ("tdma", "unicast"):
        sent = [row["bits"] / 8 for row in rows(experiment, "transfer", channel=channel)]
        assert sent == pytest.approx([58_368] * 10)


def test_encodings_are_computed_once_by_everybody_and_nothing_is_sent_of_them() -> None:
    experiment = graph_experiment("fedstar", run__horizon_rounds=2)
    experiment.run()
    data, splits = experiment.workload.data, experiment.workload.splits
    prepared = {row["client"]: row for row in rows(experiment, "preparation")}
    assert sorted(prepared) == list(range(5))
    for client, row in prepared.items():
        own = np.concatenate([splits.train[client], splits.validation[client], splits.test[client]])
        assert len(own) == 20
        sizes = data.graphs.num_nodes[own].astype(float)
        assert row["flop"] == pytest.approx(32 * (sizes**3).sum() + data.graphs.num_edges[own].sum())
        assert row["bits"] == 0 and row["outcome"] == "completed"
    first_s = min(row["start_s"] for row in rows(experiment, "transfer"))
    assert first_s == max(row["end_s"] for row in prepared.values()) > 0


def test_the_encodings_of_nodes_have_the_vector_of_structure_as_their_mean() -> None:
    data = graph_experiment("fedstar").workload.data
    nodes, vectors = data.node_extras, RwseDse().describe_each(data.graphs, np.arange(100), np.random.default_rng(0))
    stops = np.cumsum(data.graphs.num_nodes)
    for graph, (start, stop) in enumerate(zip(stops - data.graphs.num_nodes, stops, strict=True)):
        np.testing.assert_allclose(nodes[start:stop].mean(axis=0), vectors[graph], atol=1e-12)


def test_it_is_fedavg_with_that_network() -> None:
    ours = models_of_versions(graph_experiment("fedstar"))
    theirs = models_of_versions(graph_experiment("fedavg", model={"kind": "fedstar-gin"}))
    assert len(ours) == len(theirs) == 7
    for one, other in zip(ours, theirs, strict=True):
        assert one.tobytes() == other.tobytes()


def test_absences_break_no_law() -> None:
    experiment = graph_experiment("fedstar", **FAULTY)
    experiment.run()
    assert rows(experiment, "participation")
    ends_s = {row["span_id"]: row["end_s"] for row in rows(experiment, "span")}
    assert all(row["cause_id"] < 0 or row["start_s"] == ends_s[row["cause_id"]] for row in rows(experiment, "span"))


def test_data_without_structure_are_refused() -> None:
    with pytest.raises(RequestError, match="takes graphs"):
        small_experiment(algorithm__kind="fedstar").run()
    with pytest.raises(RequestError, match="no encodings of structure"):
        graph_experiment("fedstar", {"model": "gin"}).run()
