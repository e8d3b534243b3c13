"""The world of split learning against the specification's limits: who shares a cluster, who hosts, what is sent."""

from typing import Any

import numpy as np
import pytest
from small_split import small_split, split_experiment

from algorithms.worlds.split_task import Task
from testbed.errors import RequestError
from testbed.experiments.run import Experiment


def rows(experiment: Experiment, table: str) -> list[dict[str, Any]]:
    return list(experiment.simulation.records.rows(table))


def after_one_round(tasks: list[Task], weights: list[float], **settings: Any) -> Experiment:
    """Return the small world after these tasks, done once."""
    experiment = split_experiment(run__horizon_s=100.0, **settings)
    world = experiment.world

    class Once:
        def start(self, fed: Any) -> None:
            fed.simulation.start(self.serve(fed), "once")

        def serve(self, fed: Any) -> Any:
            works = yield from fed.run_round(tasks)
            fed.mix(works, weights)
            yield fed.simulation.env.timeout(fed.simulation.horizon_s)

    world.settings = world.settings.model_copy(update={"algorithm": Once()})
    experiment.run()
    return experiment


def test_one_iteration_of_any_clustering_is_one_step_on_the_mean_gradient_of_all_bottoms() -> None:
    clusterings = [[(0, 1, 2, 3)], [(0, 1), (2, 3)], [(0, 3), (1,), (2,)]]
    models = []
    for clusters in clusterings:
        hosts = [4, 5, None]
        tasks = [
            Task(clients=bottoms, num_iterations=1, batch_sizes=(4,) * len(bottoms), host=host)
            for bottoms, host in zip(clusters, hosts, strict=False)
        ]
        weights = [len(bottoms) / 4 for bottoms in clusters]
        models.append(after_one_round(tasks, weights).world.server.vector)
    for other in models[1:]:
        np.testing.assert_allclose(other, models[0], atol=1e-6)


def test_a_cluster_learns_the_same_whoever_hosts_its_top() -> None:
    tasks = [Task(clients=(0, 1), num_iterations=5, batch_sizes=(4, 4), host=host) for host in (None, 5)]
    one, other = (after_one_round([task], [1.0]).world.server.vector for task in tasks)
    assert one.tobytes() == other.tobytes()


def test_splitting_a_client_off_changes_nothing_it_learns() -> None:
    whole, split = (
        after_one_round([Task(clients=(2,), num_iterations=6, batch_sizes=(4,), whole=whole)], [1.0])
        for whole in (True, False)
    )
    np.testing.assert_allclose(split.world.server.vector, whole.world.server.vector, atol=1e-6)
    assert rows(whole, "cluster")[0]["bits"] == 0 < rows(split, "cluster")[0]["bits"]


def test_merging_equal_batches_learns_what_a_shared_top_does_and_waits_for_everybody_first() -> None:
    tasks = [
        Task(clients=(0, 1, 2), num_iterations=3, batch_sizes=(4, 4, 4), merges=merges) for merges in (False, True)
    ]
    apart, merged = (after_one_round([task], [1.0]) for task in tasks)
    assert apart.world.server.vector.tobytes() == merged.world.server.vector.tobytes()
    assert rows(merged, "cluster")[0]["iteration_s"] >= rows(apart, "cluster")[0]["iteration_s"]
    by_start = sorted(rows(merged, "flow"), key=lambda row: row["start_s"])
    sent_s = [row["end_s"] for row in by_start if row["what"] == "activations"][:3]
    assert min(row["start_s"] for row in by_start if row["what"] == "gradient") >= max(sent_s)


def test_clients_of_larger_minibatches_weigh_more_in_the_top_and_in_the_mean_of_bottoms() -> None:
    job = split_experiment().world._job(Task(clients=(0, 3), num_iterations=2, batch_sizes=(2, 6)))
    assert job.top_weights.tolist() == job.mean_weights.tolist() == [0.25, 0.75]
    assert job.counts.tolist() == [2, 6]


def test_a_sequential_top_takes_clients_in_an_order_of_its_own_in_every_iteration() -> None:
    clients = tuple(range(6))
    job = split_experiment().world._job(
        Task(clients=clients, num_iterations=20, batch_sizes=(4,) * 6, top="sequential")
    )
    assert job.orders is not None
    assert (np.sort(job.orders, axis=1) == clients).all()
    assert {row[0] for row in job.orders.tolist()} == set(clients)  # each is first at some time


def test_bottoms_stand_in_line_at_their_host_and_no_longer_than_all_of_them_take() -> None:
    settings = {"devices__slowdown": "none", "links__slowest_bit_per_s": 2e6, "devices__profile__flop_per_s": 1e5}
    task = Task(clients=(0, 1, 2, 3), num_iterations=2, batch_sizes=(4,) * 4, host=5)
    (row,) = rows(crowded := after_one_round([task], [1.0], **settings), "cluster")
    top_s = crowded.world.messages.halves.top.flop(4) / 1e5
    assert row["planned_iteration_s"] + 2.5 * top_s < row["iteration_s"]
    assert row["iteration_s"] <= row["planned_iteration_s"] + 3 * top_s + 0.05  # four flows share the host's link
    (alone,) = rows(after_one_round([Task(clients=(0,), num_iterations=2, batch_sizes=(4,), host=5)], [1.0]), "cluster")
    assert alone["iteration_s"] == pytest.approx(alone["planned_iteration_s"])


def test_traffic_of_parallelsfl_passes_the_server_as_whole_models_alone() -> None:
    experiment = split_experiment(algorithm__kind="parallelsfl")
    experiment.run()
    flows = rows(experiment, "flow")
    at_server = {row["what"] for row in flows if "server" in (row["source"], row["target"])}
    assert at_server == {"model down", "model up"}
    assert {"activations", "gradient", "bottom down", "bottom up"} <= {row["what"] for row in flows}
    first = [row for row in rows(experiment, "cluster") if row["version"] == 0]
    assert len(first) < 6
    whole_models = [row for row in flows if row["what"] == "model up" and row["outcome"] == "delivered"]
    assert len(whole_models) >= len(first)


def test_what_is_lost_on_the_way_is_cheaper_and_learns_something_else() -> None:
    task = Task(clients=(0, 1), num_iterations=4, batch_sizes=(4, 4))
    exact, coarse = (after_one_round([task], [1.0], codec=codec) for codec in ("fp32", "int8"))
    bits = [rows(experiment, "cluster")[0]["bits"] for experiment in (exact, coarse)]
    assert bits[1] < 0.3 * bits[0]
    assert not np.array_equal(exact.world.server.vector, coarse.world.server.vector)


def test_an_impossible_cut_is_refused_and_so_is_momentum() -> None:
    with pytest.raises(RequestError, match=r"cut = 4: both halves need parameters"):
        split_experiment(cut=4)
    with pytest.raises(RequestError, match="plain sgd"):
        split_experiment(training__momentum=0.9)
    with pytest.raises(RequestError, match="fastest_bit_per_s"):
        small_split(links__fastest_bit_per_s=1.0).resolve()
