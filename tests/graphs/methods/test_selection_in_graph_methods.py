"""Graph methods whose rounds ask some of the clients: who takes part, who pays, and what becomes of the others."""

from typing import Any

import numpy as np
import pytest
from fedgcf_runs import finished, models_by_version, rows

from graphs.methods.fusing_server import FusingServer
from graphs.methods.received import Received
from testbed.experiments.run import Experiment

METHODS = ("fedgcf", "ifca", "cfl-oracle", "fedstar")
# Bytes that go up with a model, and models that come down to a client.
EXTRA_BYTES = {"fedgcf": 8, "ifca": 1, "cfl-oracle": 0, "fedstar": 0}
NUM_DOWN = {"fedgcf": 1, "ifca": 3, "cfl-oracle": 1, "fedstar": 1}
HALF = {"kind": "random", "fraction": 0.5}
ONE = {"kind": "random", "num_clients": 1}
UNICAST = {"kind": "unicast", "bandwidth_hz": "10 MHz", "power_w": 1, "noise_psd_w_per_hz": 2e-9}


def asked_by_round(experiment: Experiment) -> list[set[int]]:
    """Return whom each version's round asked."""
    asked: list[set[int]] = [set() for _ in rows(experiment, "version")]
    for row in rows(experiment, "training"):
        asked[row["base_version"]].add(row["client"])
    return asked


def differing(one: Experiment, other: Experiment) -> set[str]:
    """Return the tables that one run has and the other has not, or with other rows."""
    found = [
        {name: table.to_pandas() for name, table in experiment.simulation.records.tables().items()}
        for experiment in (one, other)
    ]
    common = found[0].keys() & found[1].keys()
    return (found[0].keys() ^ found[1].keys()) | {name for name in common if not found[0][name].equals(found[1][name])}


@pytest.mark.parametrize("method", METHODS)
def test_a_fraction_of_one_is_everybody_byte_for_byte(method: str) -> None:
    everybody, fraction = finished(method), finished(method, {"selection": {"kind": "random", "fraction": 1}})
    assert differing(everybody, fraction) == {"selection"}


@pytest.mark.parametrize("method", METHODS)
def test_only_those_asked_are_sent_a_model_train_and_upload_and_nobody_else_is_charged(method: str) -> None:
    experiment = finished(method, {"selection": HALF}, channel__downlink=UNICAST)
    asked, model_bytes = asked_by_round(experiment), 4 * experiment.workload.num_entries
    assert len(asked) == 4 and all(len(clients) == 3 for clients in asked) and len(set().union(*asked)) > 3
    messages = [row for row in rows(experiment, "transfer") if row["bits"] > 1024.5]  # not the vectors of FedGCF
    down = [row for row in messages if row["source"] == "server"]
    up = [row for row in messages if row["source"] != "server"]
    assert [row["bits"] / 8 for row in down] == pytest.approx([NUM_DOWN[method] * model_bytes] * 12)
    assert [row["bits"] / 8 for row in up] == pytest.approx([model_bytes + EXTRA_BYTES[method]] * 12)
    for number, clients in enumerate(asked):
        names = {f"device-{client}" for client in clients}
        assert {row["target"] for row in down[3 * number : 3 * number + 3]} == names
        assert {row["source"] for row in up[3 * number : 3 * number + 3]} == names
    assert all((row["num_active"], row["num_members"]) == (3, 6) for row in rows(experiment, "version"))
    assert not rows(experiment, "participation")


@pytest.mark.parametrize("method", METHODS)
def test_one_seed_asks_the_same_and_gives_the_same_rows(method: str) -> None:
    first, second, other = (finished(method, {"selection": HALF}, seed=seed) for seed in (3, 3, 4))
    assert differing(first, second) == set()
    assert asked_by_round(first) != asked_by_round(other)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_asks_those_whom_fedavg_asks(method: str) -> None:
    averaging = finished("fedavg", {"selection": HALF})
    assert asked_by_round(finished(method, {"selection": HALF})) == asked_by_round(averaging)


def test_in_its_limit_fedgcf_is_fedavg_with_the_same_clients() -> None:
    settings = {"num_clusters": 1, "fusion_ratio": {"kind": "fixed", "share": 1.0}, "selection": HALF}
    averaged, fused = models_by_version("fedavg", {"selection": HALF}), models_by_version("fedgcf", settings)
    assert len(averaged) == 5
    for one, other in zip(averaged, fused, strict=True):
        np.testing.assert_allclose(other, one, rtol=0, atol=2e-6)
    assert np.abs(averaged[-1] - averaged[0]).max() > 1e-3


def test_a_cluster_of_which_nobody_is_asked_keeps_its_structural_model_and_its_bandit_stands_still() -> None:
    settings = {"clustering": "domains", "selection": ONE}
    experiment = finished("fedgcf", settings, run__horizon_rounds=8)
    fusions, asked = rows(experiment, "fusion"), asked_by_round(experiment)
    shares = {(row["version"], row["cluster"]): row["share"] for row in fusions}
    for row in fusions:
        active = {client // 2 for client in asked[row["version"] - 1]}
        assert row["num_active"] == int(row["cluster"] in active)
        assert np.isnan(row["accuracy"]) == (row["cluster"] not in active)
        if row["version"] > 1 and row["cluster"] not in active:
            assert row["share"] == shares[row["version"] - 1, row["cluster"]]
    assert len(set(shares.values())) > 1
    structure_only = settings | {"fusion_ratio": {"kind": "fixed", "share": 1.0}}
    models = models_by_version("fedgcf", structure_only, run__horizon_rounds=8)
    for version, clients in enumerate(asked, start=1):
        for client in range(6):
            kept = np.array_equal(models[version][client], models[version - 1][client])
            assert kept == (client // 2 not in {who // 2 for who in clients})


@pytest.mark.parametrize("rule", ["similar-paths", "betweenness", "medoid", "random", "all"])
def test_the_node_model_is_of_those_who_were_asked(rule: str) -> None:
    for selection in (HALF, ONE):
        experiment = finished("fedgcf", {"node_selection": rule, "selection": selection})
        for version, clients in enumerate(asked_by_round(experiment), start=1):
            in_node = {row["client"] for row in rows(experiment, "node_client") if row["version"] == version}
            assert in_node and in_node <= clients


def test_who_is_asked_and_who_makes_the_node_model_are_drawn_apart() -> None:
    node_selection = {"kind": "random", "fraction": 0.5}
    asked = asked_by_round(finished("fedgcf", {"selection": HALF}))
    experiment = finished("fedgcf", {"node_selection": node_selection})
    in_node = [
        {row["client"] for row in rows(experiment, "node_client") if row["version"] == version}
        for version in range(1, 5)
    ]
    assert all(len(clients) == 3 for clients in in_node)
    assert asked != in_node


@pytest.mark.parametrize("fuse", ["server", "client"])
def test_a_broadcast_holds_the_models_of_the_clusters_of_which_somebody_is_asked(fuse: str) -> None:
    downlink = UNICAST | {"kind": "broadcast"}
    settings = {"clustering": "domains", "fuse": fuse, "selection": HALF}
    experiment = finished("fedgcf", settings, channel__downlink=downlink)
    down = [row["bits"] for row in rows(experiment, "transfer") if row["source"] == "server"]
    clusters = [len({client // 2 for client in clients}) for clients in asked_by_round(experiment)]
    model_bits, by_client = 32 * experiment.workload.num_entries, int(fuse == "client")
    starts = [1, *clusters[1:]]  # at first all start from the same
    assert down == pytest.approx([(k + by_client) * model_bits + 32 * k * by_client for k in starts])
    assert set(clusters[1:]) == {2, 3}


def test_the_server_is_charged_for_the_similarities_of_those_who_were_asked() -> None:
    experiment = finished("fedgcf", {"selection": HALF, "server_flop_per_s": "1 MFLOP/s"})
    work = [row for row in rows(experiment, "span") if row["entity"] == "server" and row["kind"] == "compute"]
    a_round_s = 2 * 3**2 * experiment.workload.num_entries / 1e6
    assert [row["end_s"] - row["start_s"] for row in work] == pytest.approx([a_round_s] * 4)


@pytest.mark.parametrize("fuse", ["server", "client"])
@pytest.mark.parametrize("selection", ["all", HALF])
def test_a_share_is_told_the_bytes_that_its_cluster_sent_and_was_sent(
    fuse: str, selection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[np.ndarray] = []
    take_in = FusingServer.take_in

    def listening(server: FusingServer, received: Received, rng: np.random.Generator) -> Any:
        told.append(received.traffic_bytes)
        return take_in(server, received, rng)

    monkeypatch.setattr(FusingServer, "take_in", listening)
    settings = {"clustering": "domains", "fuse": fuse, "selection": selection}
    experiment = finished("fedgcf", settings, channel__downlink=UNICAST)
    ends_s = [0.0, *(row["time_s"] for row in rows(experiment, "version"))]
    for number, of_clusters in enumerate(told):
        sent = np.zeros(3)
        for row in rows(experiment, "transfer"):
            device = row["target"] if row["source"] == "server" else row["source"]
            if ends_s[number] < row["end_s"] <= ends_s[number + 1]:
                sent[int(device.removeprefix("device-")) // 2] += row["bits"] / 8
        np.testing.assert_allclose(of_clusters, sent, rtol=1e-9)
    assert len(told) == 4
