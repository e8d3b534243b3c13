"""ParallelSFL on its world: what a cluster weighs, how long it works, who hosts, and that ratios of speeds matter."""

import itertools
from typing import Any

import numpy as np
import pytest
from small_split import split_experiment

from testbed.experiments.run import Experiment

UNEQUAL = {"devices__count": 8, "links__slowest_bit_per_s": 3e5, "links__fastest_bit_per_s": 4e6}


def dry_run(num_rounds: int, kind: str = "parallelsfl", **settings: Any) -> tuple[Experiment, list[Any]]:
    """Return a run in which nothing is computed, and the weights of each of its rounds."""
    settings = {"run__horizon_s": 1e6, "run__evaluation_interval_s": 1e6} | settings
    experiment = split_experiment(kernel="none", algorithm__kind=kind, run__horizon_rounds=num_rounds, **settings)
    weights: list[Any] = []
    mix = experiment.world.mix

    def watching(works: Any, shares: Any) -> None:
        weights.append(np.asarray(shares))
        mix(works, shares)

    experiment.world.mix = watching
    experiment.run()
    return experiment, weights


def column(experiment: Experiment, name: str, version: int = 0) -> Any:
    rows = [row for row in experiment.simulation.records.rows("cluster") if row["version"] == version]
    return np.array([row[name] for row in sorted(rows, key=lambda row: row["cluster"])])


def test_a_cluster_weighs_by_its_bottoms_times_its_iterations() -> None:
    experiment, (weights,) = dry_run(1, **UNEQUAL, algorithm__parallelsfl__max_iterations=20)
    bottoms, paces = column(experiment, "num_bottoms"), column(experiment, "num_iterations")
    work = bottoms * paces
    assert weights == pytest.approx(work / work.sum())
    assert len(set(bottoms)) > 1 < len(set(paces))  # so that neither alone would do


def test_the_fastest_cluster_makes_most_iterations_unless_paces_are_equal() -> None:
    own, _ = dry_run(1, **UNEQUAL, algorithm__parallelsfl__max_iterations=20)
    equal, _ = dry_run(1, **UNEQUAL, algorithm__parallelsfl__max_iterations=20, algorithm__parallelsfl__paces="equal")
    paces = column(own, "num_iterations")
    assert paces[column(own, "planned_iteration_s").argmin()] == paces.max() == 20 > paces.min()
    assert set(column(equal, "num_iterations")) == {20}


@pytest.mark.parametrize("rotates", [False, True])
def test_hosts_that_rotate_are_others_in_the_next_round_and_then_all_data_is_used(rotates: bool) -> None:
    links = {"devices__count": 8, "links__slowest_bit_per_s": 1e6, "links__fastest_bit_per_s": 1.2e6}
    experiment, _ = dry_run(6, **links, algorithm__parallelsfl__rotates=rotates)
    hosts = [set(column(experiment, "host", version)) for version in range(6)]
    flows = experiment.simulation.records.rows("flow")
    taught = {row["target"] for row in flows if row["what"] == "bottom down"}
    if rotates:
        assert not any(one & following for one, following in itertools.pairwise(hosts))
        assert len(taught) == 8
    else:
        assert all(each == hosts[0] for each in hosts)
        assert len(taught) == 8 - len(hosts[0])


@pytest.mark.parametrize("kind", ["parallelsfl", "splitfed"])
def test_machines_and_links_eight_times_as_fast_take_an_eighth_of_the_time(kind: str) -> None:
    times = []
    for scale in (1.0, 8.0):
        rates = {"slowest_bit_per_s": 3e5, "fastest_bit_per_s": 2e6, "server_bit_per_s": 4e6}
        settings = {f"links__{name}": rate * scale for name, rate in rates.items()} | {
            "devices__profile__flop_per_s": 1e6 * scale,
            "server_flop_per_s": 1e8 * scale,
            "algorithm__parallelsfl__bottom_rate_bit_per_s": 1e5 * scale,
        }
        experiment, _ = dry_run(1, kind, **settings)
        times.append([column(experiment, name) * scale for name in ("start_s", "end_s", "iteration_s", "waiting_s")])
    np.testing.assert_allclose(times[1], times[0], rtol=1e-9, atol=1e-9)


def test_a_top_that_takes_no_time_and_links_that_nobody_shares_leave_the_slowest_bottom() -> None:
    experiment, _ = dry_run(1, "splitfed", server_flop_per_s=1e18, links__server_bit_per_s=1e12)
    assert column(experiment, "iteration_s") == pytest.approx(column(experiment, "planned_iteration_s"), rel=1e-6)
    (times_s,) = column(experiment, "iteration_s")
    world = experiment.world
    alone_s = world.planned_times(4, 1e12).alone_s(range(6))
    assert times_s == pytest.approx(alone_s.max(), rel=1e-6)
