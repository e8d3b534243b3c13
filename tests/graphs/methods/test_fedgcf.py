"""FedGCF: the limits in which it is another method, what it sends and computes, and what it refuses."""

from typing import Any

import numpy as np
import pytest
from fedgcf_runs import ONE_DOMAIN, finished, graph_experiment, graph_scenario, models_by_version, rows
from personal import SPLIT
from small import small_experiment

from testbed.errors import RequestError
from testbed.experiments.blame import blame
from testbed.experiments.result import RunResult
from testbed.experiments.run import Experiment

STRUCTURE_ONLY = {"fusion_ratio": {"kind": "fixed", "share": 1.0}}
NODE_ONLY = {"fusion_ratio": {"kind": "fixed", "share": 0.0}}
UNICAST = {"kind": "unicast", "bandwidth_hz": "10 MHz", "power_w": 1, "noise_psd_w_per_hz": 2e-9}
BROADCAST = UNICAST | {"kind": "broadcast"}
FAULTY: dict[str, Any] = {
    "availability": {"kind": "bernoulli-blocks", "probability": 0.8, "block_s": 0.004},
    "fault": [{"device": 1, "start_s": 0.01}],
    "run__horizon_rounds": 8,
}


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"num_clusters": 1, **STRUCTURE_ONLY},
        {"num_clusters": 3, "node_selection": "all", **NODE_ONLY},
        {"num_clusters": 1, "node_selection": "all", "fusion_ratio": "bandit"},
        {"num_clusters": 1, "node_selection": "all", "fusion_ratio": "epsilon-greedy", "fuse": "client"},
    ],
    ids=["one cluster, structure only", "all clients, node only", "one cluster, all, bandit", "fused by clients"],
)
def test_with_one_cluster_or_all_clients_it_is_fedavg(settings: dict[str, Any]) -> None:
    averaged = models_by_version("fedavg", {"access": "ofdma"})
    fused = models_by_version("fedgcf", settings)
    assert len(averaged) == len(fused) == 5
    for one, other in zip(averaged, fused, strict=True):
        np.testing.assert_allclose(other, one, rtol=0, atol=2e-6)
    assert np.abs(averaged[-1] - averaged[0]).max() > 1e-3


def test_on_one_domain_it_is_fedavg_in_the_same_limit() -> None:
    one = models_by_version("fedavg", {"access": "ofdma"}, graphs_of=(60,), **ONE_DOMAIN)
    other = models_by_version("fedgcf", {"num_clusters": 1, **STRUCTURE_ONLY}, graphs_of=(60,), **ONE_DOMAIN)
    np.testing.assert_allclose(np.stack(one), np.stack(other), rtol=0, atol=2e-6)


@pytest.mark.parametrize("keeps_state", [True, False])
def test_with_a_cluster_for_each_and_structure_only_nobody_learns_from_anybody(keeps_state: bool) -> None:
    training = {"training__keeps_optimizer_state": keeps_state}
    alone = models_by_version("local-only", **training)
    clusters = models_by_version("fedgcf", {"num_clusters": 6, **STRUCTURE_ONLY}, **training)
    assert len(alone) == 5
    for one, other in zip(alone, clusters, strict=True):
        assert np.array_equal(one, other)
    assert len(np.unique(alone[-1], axis=0)) == 6


def test_who_fuses_changes_what_is_sent_and_nothing_that_is_learnt() -> None:
    by_server, by_client = (
        models_by_version("fedgcf", {"num_clusters": 3, "fuse": who}) for who in ("server", "client")
    )
    assert all(np.array_equal(one, other) for one, other in zip(by_server, by_client, strict=True))


def test_clients_of_a_cluster_go_on_with_one_model_and_others_with_another() -> None:
    models = models_by_version("fedgcf", {"clustering": "domains", **STRUCTURE_ONLY})
    for version in models[1:]:
        assert np.array_equal(version[::2], version[1::2])
        assert len(np.unique(version, axis=0)) == 3


# -- what it costs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fuse", ["server", "client"])
def test_bytes_are_those_of_the_table(fuse: str) -> None:
    experiment = finished("fedgcf", {"num_clusters": 2, "fuse": fuse}, channel__downlink=UNICAST)
    num_bytes = 4 * experiment.workload.num_entries
    assert num_bytes == 4 * 3 * 2 * (4 * 4 + 4)
    transfers = rows(experiment, "transfer")
    up = [row["bits"] / 8 for row in transfers if row["source"] != "server"]
    down = [row["bits"] / 8 for row in transfers if row["source"] == "server"]
    assert up[:6] == pytest.approx([128] * 6)
    assert up[6:] == pytest.approx([num_bytes + 8] * 4 * 6)
    assert down == pytest.approx([num_bytes if fuse == "server" else 2 * num_bytes + 4] * 4 * 6)


@pytest.mark.parametrize("fuse", ["server", "client"])
def test_a_broadcast_holds_every_model_once(fuse: str) -> None:
    settings = {"clustering": "domains", "fuse": fuse}
    experiment = finished("fedgcf", settings, channel__downlink=BROADCAST)
    down = [row["bits"] for row in rows(experiment, "transfer") if row["source"] == "server"]
    model_bits, by_client = 32 * experiment.workload.num_entries, int(fuse == "client")
    starts = [1, 3, 3, 3]  # at first all start from the same
    assert down == pytest.approx([(k + by_client) * model_bits + 32 * k * by_client for k in starts])


def test_preparing_costs_the_operations_of_the_structure_and_comes_first() -> None:
    experiment = finished("fedgcf")
    graphs, prepared = experiment.workload.data.graphs, rows(experiment, "preparation")
    assert [row["client"] for row in prepared] == list(range(6))
    for row, shard in zip(prepared, experiment.workload.shards, strict=True):
        nodes, edges = graphs.num_nodes[shard].astype(float), graphs.num_edges[shard]
        assert row["flop"] == pytest.approx(2 * 16 * (nodes**3).sum() + edges.sum())
        assert row["bits"] == 32 * 32
        assert row["outcome"] == "completed"
    last_s = max(row["end_s"] for row in prepared)
    assert 0 < last_s <= min(row["start_s"] for row in rows(experiment, "training"))


def test_known_domains_need_no_preparation() -> None:
    assert "preparation" not in finished("fedgcf", {"clustering": "domains"}).simulation.records.tables()


def test_a_server_of_finite_speed_takes_its_time_in_every_round() -> None:
    free = finished("fedgcf", {"num_clusters": 2})
    slow = finished("fedgcf", {"num_clusters": 2, "server_flop_per_s": "1 MFLOP/s"})
    work = [row for row in rows(slow, "span") if row["entity"] == "server" and row["kind"] == "compute"]
    a_round_s = 2 * 6**2 * slow.workload.num_entries / 1e6
    assert [row["end_s"] - row["start_s"] for row in work] == pytest.approx([a_round_s] * 4)
    assert [row["time_s"] for row in rows(slow, "version")] == [row["end_s"] for row in work]
    assert slow.simulation.now_s > free.simulation.now_s + 3 * a_round_s


# -- time and records --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["server", "client"])
def faulty(request: pytest.FixtureRequest) -> Experiment:
    settings = {"fuse": request.param, "num_clusters": 3, "server_flop_per_s": "1 MFLOP/s"}
    return finished("fedgcf", settings, channel__downlink=UNICAST, **FAULTY)


def test_every_span_starts_when_its_cause_ended_though_clients_come_and_go(faulty: Experiment) -> None:
    assert {row["status"] for row in rows(faulty, "participation")}
    spans = {row["span_id"]: row for row in rows(faulty, "span")}
    caused = [row for row in spans.values() if row["cause_id"] >= 0]
    assert len(caused) > len(spans) / 2
    assert all(row["start_s"] == spans[row["cause_id"]]["end_s"] for row in caused)


def test_what_updates_waited_for_adds_up_to_the_time_elapsed(faulty: Experiment) -> None:
    blamed = blame(RunResult("", {}, 0, {}, faulty.simulation.records.tables()))
    assert len(blamed.updates) == len(rows(faulty, "version")) == 8
    for path in (blamed.run, *(update.path for update in blamed.updates)):
        assert sum(path.seconds().values()) == pytest.approx(path.elapsed_s, abs=1e-9)
        assert path.seconds()["unexplained"] == 0


def test_a_cluster_from_which_nothing_arrived_has_no_accuracy_and_no_client_in_the_node_model(
    faulty: Experiment,
) -> None:
    fusions = rows(faulty, "fusion")
    missing = [row for row in fusions if row["num_active"] == 0]
    assert missing
    assert all(np.isnan(row["accuracy"]) and row["overlap"] == 0 for row in missing)
    active = {row["version"]: row["num_active"] for row in rows(faulty, "version")}
    for version, number in active.items():
        assert sum(row["num_active"] for row in fusions if row["version"] == version) == number


def test_records_tell_clusters_shares_and_the_clients_of_the_node_model() -> None:
    experiment = finished("fedgcf", {"clustering": "domains"})
    clusters = rows(experiment, "client_cluster")
    assert [row["cluster"] for row in clusters] == [0, 0, 1, 1, 2, 2]
    assert [row["domain"] for row in clusters] == [f"random-{k}" for k in (0, 0, 1, 1, 2, 2)]
    fusions = rows(experiment, "fusion")
    assert len(fusions) == 4 * 3
    # The initial model teaches nothing, so the first arm is in play twice.
    assert [row["share"] for row in fusions if row["cluster"] == 1] == [0.5, 0.0, 1.0, 0.2]
    for version in range(1, 5):
        nodes = [row for row in rows(experiment, "node_client") if row["version"] == version]
        assert sum(row["weight"] for row in nodes) == pytest.approx(1)
        paths = [row for row in rows(experiment, "node_path") if row["version"] == version]
        assert {row["client"] for row in nodes} == {row["client"] for row in paths}
        overlap = sum(row["overlap"] for row in fusions if row["version"] == version)
        assert overlap == len(nodes) >= 3


def test_similarities_of_all_pairs_are_kept_for_versions_that_are_powers_of_two() -> None:
    experiment = finished("fedgcf", {"clustering": "domains"}, run__horizon_rounds=9, kernel="none")
    kept = rows(experiment, "client_similarity")
    assert [row["version"] for row in kept] == [1] * 15 + [2] * 15 + [4] * 15 + [8] * 15
    pairs = [(first, second) for first in range(6) for second in range(first + 1, 6)]
    assert [(row["first"], row["second"]) for row in kept] == pairs * 4


def test_the_node_clients_are_chosen_anew_every_few_rounds() -> None:
    experiment = finished("fedgcf", {"node_every": 3, "node_selection": "random"}, run__horizon_rounds=7)
    chosen = [
        {row["client"] for row in rows(experiment, "node_client") if row["version"] == version}
        for version in range(1, 8)
    ]
    assert chosen[0] == chosen[1] == chosen[2]
    assert chosen[3] == chosen[4] == chosen[5]
    assert len({frozenset(clients) for clients in chosen}) > 1


def test_one_seed_gives_the_same_rows_and_another_seed_does_not() -> None:
    first, second, other = (finished("fedgcf", seed=seed).simulation.records.tables() for seed in (3, 3, 4))
    assert all(table.equals(second[name]) for name, table in first.items())
    assert not first["fusion"].equals(other["fusion"])


@pytest.mark.parametrize("settings", [{}, {"fuse": "client", "similarity": "models", "ratio_per": "federation"}])
@pytest.mark.parametrize("downlink", [UNICAST, BROADCAST])
def test_the_timeline_does_not_depend_on_what_is_learnt(settings: dict[str, Any], downlink: dict[str, Any]) -> None:
    learnt, empty = (
        finished("fedgcf", settings, channel__downlink=downlink, kernel=kernel) for kernel in ("serial", "none")
    )
    assert rows(learnt, "span") == rows(empty, "span")
    assert rows(learnt, "training") == rows(empty, "training")


def test_random_clusters_have_the_sizes_of_the_structural_ones_and_other_members() -> None:
    labels: dict[str, list[list[int]]] = {"structure": [], "random": []}
    for clustering, found in labels.items():
        for seed in (0, 1, 2):
            settings = {"clustering": clustering, "num_clusters": 3}
            experiment = finished("fedgcf", settings, kernel="none", seed=seed, run__horizon_rounds=1)
            found.append([row["cluster"] for row in rows(experiment, "client_cluster")])
    for one, other in zip(labels["structure"], labels["random"], strict=True):
        assert sorted(np.bincount(one)) == sorted(np.bincount(other))
    assert labels["structure"] != labels["random"]


# -- what it refuses ---------------------------------------------------------------------------------------------------


def test_more_clusters_than_clients_are_refused() -> None:
    with pytest.raises(RequestError, match="num_clusters = 7: 6 clients"):
        finished("fedgcf", {"num_clusters": 7})


def test_a_number_of_clusters_for_known_domains_is_refused() -> None:
    with pytest.raises(RequestError, match="one per domain"):
        graph_scenario("fedgcf", {"clustering": "domains", "num_clusters": 2}).resolve()


@pytest.mark.parametrize("ratio", ["bandit", "epsilon-greedy"])
def test_a_share_that_is_learnt_needs_graphs_to_validate_with(ratio: str) -> None:
    split = {"train": 0.7, "validation": 0.0, "test": 0.3}
    with pytest.raises(RequestError, match=f"fusion_ratio = '{ratio}': it learns from validation accuracy"):
        finished("fedgcf", {"fusion_ratio": ratio}, data__client_split=split)
    experiment = finished("fedgcf", STRUCTURE_ONLY, data__client_split=split)
    assert all(np.isnan(row["accuracy"]) for row in rows(experiment, "fusion"))


@pytest.mark.parametrize("method", ["fedgcf", "cfl-oracle"])
def test_data_without_graphs_are_refused(method: str) -> None:
    experiment = small_experiment(algorithm__kind=method, data__client_split=SPLIT)
    with pytest.raises(RequestError, match=f"the method {method} compares clients by their graphs"):
        experiment.run()


def test_an_unknown_part_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(RequestError, match="similar-paths"):
        graph_scenario("fedgcf", {"node_selection": "similar-path"}).resolve()
    assert graph_experiment("fedgcf").world.algorithm.reads_trained_values is False
