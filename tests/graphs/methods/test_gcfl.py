"""GCFL and GCFL+: their limit FedAvg, when and how clusters are split, what is sent, and absences."""

import itertools
from typing import Any

import numpy as np
import pytest
from graph_runs import FAULTY, graph_experiment, models_of_versions, rows

from graphs.cluster_split import minimum_cut, split_similarity
from graphs.time_warping import warping_similarity
from testbed.experiments.run import Experiment

KINDS = ("gcfl", "gcfl-plus")
# Splits as early as the conditions on rounds and sequences allow.
EAGER: dict[str, dict[str, Any]] = {
    "gcfl": {"eps1": 1e9, "eps2": 0.0, "first_round": 2},
    "gcfl-plus": {"eps1": 1e9, "eps2": 0.0, "first_round": 2, "sequence_length": 3},
}

UNEQUAL: dict[str, Any] = {"data__partition": {"kind": "dirichlet", "alpha": 1.0, "min_samples": 8}}

every_kind = pytest.mark.parametrize("kind", KINDS)


def clusters_at(experiment: Experiment, version: int) -> list[tuple[int, ...]]:
    latest = {
        row["client"]: row["cluster"] for row in rows(experiment, "split_membership") if row["version"] <= version
    }
    numbers = sorted(set(latest.values()))
    return [tuple(sorted(client for client in latest if latest[client] == number)) for number in numbers]


def learnt(experiment: Experiment) -> list[dict[int, Any]]:
    """Run and return what every client learnt in every round: client -> `Trained`."""
    kept: list[dict[int, Any]] = []
    take_turn = experiment.world.take_turn

    def watched(results: Any) -> Any:
        kept.append({member.client: member for member in results.trained})
        return take_turn(results)

    experiment.world.take_turn = watched
    return kept


# -- limits ------------------------------------------------------------------------------------------------------------


@every_kind
def test_without_eps1_no_cluster_is_split_and_it_is_fedavg_bit_by_bit(kind: str) -> None:
    ours = models_of_versions(graph_experiment(kind, {"eps1": 0.0, "first_round": 0}, **UNEQUAL))
    theirs = models_of_versions(graph_experiment("fedavg", **UNEQUAL))
    assert len(ours) == len(theirs) == 7
    for one, other in zip(ours, theirs, strict=True):
        assert one.tobytes() == other.tobytes()


def test_gcfl_that_never_splits_takes_as_long_as_fedavg() -> None:
    times = []
    for kind, method in (("gcfl", {"eps1": 0.0}), ("fedavg", {"access": "tdma"})):
        experiment = graph_experiment(kind, method)
        experiment.run()
        times.append([row["time_s"] for row in rows(experiment, "version")])
    assert times[0] == times[1]


# -- splits ------------------------------------------------------------------------------------------------------------


@every_kind
def test_clusters_are_split_when_the_conditions_hold_and_not_before(kind: str) -> None:
    experiment = graph_experiment(kind, EAGER[kind])
    experiment.run()
    first = EAGER[kind]["first_round"] + 1
    assert clusters_at(experiment, first - 1) == [(0, 1, 2, 3, 4)]
    assert len(clusters_at(experiment, first)) == 2
    for row in rows(experiment, "split_criterion"):
        assert row["split"] == 0 or (row["num_members"] > 2 and row["round"] >= first)
        assert 0 < row["mean_norm"] <= row["max_norm"] * (1 + 1e-12)


@every_kind
@pytest.mark.parametrize("change", [{"eps2": 1e9}, {"eps1": 0.0}, {"first_round": 6}, {"min_clients": 5}])
def test_one_condition_that_fails_keeps_the_cluster_whole(kind: str, change: dict[str, Any]) -> None:
    experiment = graph_experiment(kind, EAGER[kind] | change)
    experiment.run()
    assert clusters_at(experiment, 6) == [(0, 1, 2, 3, 4)]


def test_gcfl_cuts_where_the_updates_of_that_round_are_least_alike() -> None:
    experiment = graph_experiment("gcfl", EAGER["gcfl"])
    kept = learnt(experiment)
    models = models_of_versions(experiment)
    updates = np.stack([kept[2][c].parameters.astype(np.float64) - models[2][c] for c in range(5)])
    assert clusters_at(experiment, 3) == sorted(minimum_cut(split_similarity(updates)))
    (row,) = rows(experiment, "split_criterion", round=3)
    assert row["mean_norm"] == pytest.approx(np.linalg.norm(updates.mean(axis=0)))
    assert row["max_norm"] == pytest.approx(np.linalg.norm(updates, axis=1).max())


@pytest.mark.parametrize("norms", ["gradient", "update"])
@pytest.mark.parametrize("standardise", [False, True])
def test_gcfl_plus_cuts_where_the_sequences_of_norms_are_least_alike(norms: str, standardise: bool) -> None:
    experiment = graph_experiment("gcfl-plus", EAGER["gcfl-plus"] | {"norms": norms, "standardise": standardise})
    kept = learnt(experiment)
    models = models_of_versions(experiment)
    sequences = np.array(
        [
            [
                kept[t][c].gradient_norm
                if norms == "gradient"
                else np.linalg.norm(kept[t][c].parameters.astype(np.float64) - models[t][c])
                for t in range(3)
            ]
            for c in range(5)
        ]
    )
    assert len(np.unique(sequences)) == 15 and (sequences > 0).all()
    assert clusters_at(experiment, 3) == sorted(minimum_cut(warping_similarity(sequences, standardise)))


def test_gcfl_plus_forgets_all_sequences_after_a_split() -> None:
    experiment = graph_experiment("gcfl-plus", EAGER["gcfl-plus"], run__horizon_rounds=12)
    experiment.run()
    splits = sorted(row["round"] for row in rows(experiment, "split_criterion", split=1))
    assert len(splits) >= 2
    assert all(later - earlier >= 3 for earlier, later in itertools.pairwise(splits))


@every_kind
def test_after_a_split_every_part_has_the_weighted_mean_of_its_own_members(kind: str) -> None:
    experiment = graph_experiment(kind, EAGER[kind], **UNEQUAL)
    kept = learnt(experiment)
    models, sizes = models_of_versions(experiment), experiment.workload.data_sizes.astype(float)
    for version in range(1, 7):
        for members in clusters_at(experiment, version):
            of_part = list(members)
            step = np.average(
                [kept[version - 1][c].parameters.astype(np.float64) - models[version - 1][c] for c in members],
                axis=0,
                weights=sizes[of_part],
            )
            before = models[version - 1][of_part[0]]
            for client in members:
                np.testing.assert_allclose(models[version][client], before + step, atol=1e-6)


@every_kind
def test_the_same_seed_gives_the_same_clusters_and_models(kind: str) -> None:
    one, two = (graph_experiment(kind, EAGER[kind], seed=3) for _ in range(2))
    for ours, theirs in zip(models_of_versions(one), models_of_versions(two), strict=True):
        assert ours.tobytes() == theirs.tobytes()
    assert rows(one, "split_membership") == rows(two, "split_membership")


# -- messages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "extra_bytes"), [("gcfl", 0), ("gcfl-plus", 4)])
@pytest.mark.parametrize("access", ["tdma", "ofdma"])
def test_bytes_are_those_of_the_table(kind: str, extra_bytes: int, access: str) -> None:
    experiment = graph_experiment(kind, EAGER[kind] | {"access": access})
    experiment.run()
    payload = 4 * experiment.workload.num_entries  # P
    up = [row["bits"] / 8 for row in rows(experiment, "transfer", channel=access)]
    down = [row["bits"] / 8 for row in rows(experiment, "transfer", channel="unicast")]
    assert up == pytest.approx([payload + extra_bytes] * 30)
    assert down == pytest.approx([payload] * 30)


@every_kind
def test_a_broadcast_carries_one_model_a_cluster(kind: str) -> None:
    downlink = {"kind": "broadcast", "bandwidth_hz": "10 MHz", "power_w": 1.0, "noise_psd_w_per_hz": 2e-9}
    experiment = graph_experiment(kind, EAGER[kind], channel__downlink=downlink)
    experiment.run()
    payload = 32 * experiment.workload.num_entries
    sent = [row["bits"] / payload for row in rows(experiment, "transfer", channel="broadcast")]
    assert sent == pytest.approx([len(clusters_at(experiment, version)) for version in range(6)])
    assert sent[-1] > 1


# -- absences ----------------------------------------------------------------------------------------------------------


@every_kind
def test_absences_delay_splits_and_break_no_law(kind: str) -> None:
    experiment = graph_experiment(kind, EAGER[kind], **FAULTY)
    experiment.run()
    assert rows(experiment, "participation")
    for row in rows(experiment, "split_criterion"):
        assert row["split"] == 0 or row["num_delivered"] == row["num_members"]
    ends_s = {row["span_id"]: row["end_s"] for row in rows(experiment, "span")}
    for row in rows(experiment, "span"):
        assert row["cause_id"] < 0 or row["start_s"] == ends_s[row["cause_id"]]
    versions = [row["version"] for row in rows(experiment, "version")]
    assert versions == list(range(1, len(versions) + 1)) and len(versions) >= 30
