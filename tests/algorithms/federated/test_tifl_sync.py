"""TiFL, one tier a round: its limit, its credits, whom it asks, and that evaluating is free."""

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from small import small_experiment, small_scenario
from versions import run_and_keep_versions

from algorithms.worlds.group import Group
from testbed.experiments.estimate import estimate
from testbed.experiments.run import Experiment, execute


def tifl_sync(**settings: Any) -> Experiment:
    return small_experiment(algorithm__kind="tifl-sync", **settings)


def rows(experiment: Experiment, table: str, **where: Any) -> list[dict[str, Any]]:
    found = experiment.simulation.records.rows(table)
    return [row for row in found if all(row[key] == value for key, value in where.items())]


def test_one_tier_of_which_everybody_trains_is_fedavg() -> None:
    settings: dict[str, Any] = {"algorithm__grouping": "single", "algorithm__num_clients": 6}
    ours = run_and_keep_versions(tifl_sync(run__horizon_s=2000.0, **settings))
    fedavg = run_and_keep_versions(small_experiment(algorithm__kind="fedavg", run__horizon_s=2000.0))
    assert len(ours) == len(fedavg) > 3
    assert all(a == b and v.tobytes() == w.tobytes() for (a, v), (b, w) in zip(ours, fedavg, strict=True))


def test_credits_are_never_overspent_and_are_given_anew_when_all_are_spent() -> None:
    experiment = tifl_sync(
        algorithm__grouping={"kind": "tier", "num_groups": 3},
        algorithm__credits=2,
        algorithm__interval_rounds=1,
        algorithm__num_clients=1,
        run__horizon_s=2000.0,
    )
    experiment.run()
    chosen = [row["group"] for row in rows(experiment, "version")]
    assert len(chosen) >= 18
    for start in range(0, len(chosen) - 5, 6):
        assert Counter(chosen[start : start + 6]) == {0: 2, 1: 2, 2: 2}


def test_a_round_asks_c_members_of_one_tier_and_every_member_in_time() -> None:
    experiment = tifl_sync(
        algorithm__grouping={"kind": "tier", "num_groups": 2}, algorithm__num_clients=2, run__horizon_s=2000.0
    )
    experiment.run()
    tier_of = {row["client"]: row["group"] for row in rows(experiment, "membership")}
    versions = rows(experiment, "version")
    asked: dict[int, set[int]] = {}
    for row in rows(experiment, "training"):
        asked.setdefault(row["base_version"], set()).add(row["client"])
    for row in versions:
        members = asked[row["base_version"]]
        assert len(members) == row["num_active"] == 2
        assert {tier_of[client] for client in members} == {row["group"]}
        assert (row["staleness"], row["mixing_weight"]) == (0, 1.0)
    assert set().union(*asked.values()) == set(tier_of)


def test_a_tier_smaller_than_c_trains_whole() -> None:
    experiment = tifl_sync(algorithm__grouping={"kind": "tier", "num_groups": 3}, run__horizon_s=600.0)
    experiment.run()
    assert {row["num_active"] for row in rows(experiment, "version")} == {2}


def test_evaluating_costs_no_simulated_time_and_changes_no_evaluation() -> None:
    """With one tier the odds cannot matter."""
    runs = [
        tifl_sync(algorithm__grouping="single", algorithm__interval_rounds=interval, run__horizon_s=1000.0)
        for interval in (1, 1000)
    ]
    often, never = (run_and_keep_versions(run) for run in runs)
    assert len(often) > 3
    assert all(a == b and v.tobytes() == w.tobytes() for (a, v), (b, w) in zip(often, never, strict=True))
    assert rows(runs[0], "evaluation") == rows(runs[1], "evaluation")


def test_the_accuracy_of_a_tier_is_that_of_the_classes_in_the_pooled_mix_of_its_members() -> None:
    experiment = tifl_sync(run__horizon_s=1000.0, data__partition={"kind": "dirichlet", "alpha": 0.3})
    experiment.run()
    histograms = experiment.workload.label_histograms
    last_s = max(row["time_s"] for row in rows(experiment, "evaluation"))
    class_accuracies = np.array(
        [rows(experiment, "evaluation", time_s=last_s, metric=f"accuracy_class_{k}")[0]["value"] for k in range(10)]
    )
    tiers = [[0, 3], [1], [2, 4, 5]]
    groups = [Group(0, tuple(tier), experiment.workload.data_sizes) for tier in tiers]
    found = experiment.world.evaluate(groups)
    for tier, accuracy in zip(tiers, found, strict=True):
        mix = histograms[tier].sum(axis=0) / histograms[tier].sum()
        assert accuracy == pytest.approx(float(mix @ class_accuracies), abs=1e-12)
    assert len(set(found.round(6))) == 3


def test_the_worse_served_tier_is_chosen_more_often() -> None:
    """Every client has two classes of its own: whoever trains makes the model forget the others."""
    settings: dict[str, Any] = {"algorithm__interval_rounds": 1, "algorithm__credits": 1000, "run__horizon_s": 6000.0}
    experiment = tifl_sync(
        algorithm__grouping={"kind": "tier", "num_groups": 3},
        data__partition={"kind": "pathological", "classes_per_client": 2},
        **settings,
    )
    experiment.run()
    chosen = [row["group"] for row in rows(experiment, "version")]
    # Right after a tier has replaced the model, it is served best: choosing it again is rarer than by chance.
    repeats = sum(a == b for a, b in pairwise(chosen))
    num_pairs = len(chosen) - 1
    assert num_pairs > 60
    assert repeats < num_pairs / 3 - 4 * np.sqrt(num_pairs * 2 / 9)


def test_a_dry_run_says_that_its_timeline_is_not_exact() -> None:
    scenario = small_scenario(algorithm__kind="tifl-sync", run__horizon_s=200.0).resolve()
    assert estimate(scenario, 0, None).timeline_exact is False
    assert execute(scenario, 0, kernel="none").tables["version"].num_rows > 0
