"""What split learning is compared with: AdaptSFL's cut and interval, PyramidFL's clients and how long they work."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from small_split import split_experiment

from algorithms.split.ada_sfl import AdaSFL
from algorithms.split.adapt_sfl import AdaptSFL
from testbed.experiments.run import Experiment


def rows(kind: str, table: str, **settings: Any) -> list[dict[str, Any]]:
    kernel = "none" if kind == "adaptsfl" else None
    experiment = split_experiment(algorithm__kind=kind, kernel=kernel, run__horizon_rounds=1, **settings)
    experiment.run()
    return list(experiment.simulation.records.rows(table))


@pytest.mark.parametrize(("drift", "interval", "num_bottom"), [(0.0, 5, None), (1e6, 1, 64 * 16 + 16)])
def test_adaptsfl_lets_bottoms_go_apart_for_long_or_hardly_at_all_by_what_that_costs(
    drift: float, interval: int, num_bottom: int | None
) -> None:
    settings = {"model": {"kind": "mlp", "hidden": [16, 4]}, "algorithm__adaptsfl__intervals": [1, 2, 5]}
    clusters = rows("adaptsfl", "cluster", **settings, algorithm__adaptsfl__drift=drift)
    assert {row["num_iterations"] for row in clusters} == {interval}
    world = split_experiment(**settings).world
    (cut,) = {row["cut"] for row in clusters}
    assert num_bottom in (None, world.messages_at(cut).halves.num_bottom)


def test_adaptsfl_cuts_where_links_allow_though_the_scenario_cuts_elsewhere() -> None:
    """Four activations cross the narrow cut instead of sixteen, at the price of a larger bottom."""
    settings = {"model": {"kind": "mlp", "hidden": [16, 4]}, "cut": 3, "algorithm__adaptsfl__drift": 0.0}
    slow = {"links__slowest_bit_per_s": 1e5, "links__fastest_bit_per_s": 1e5, "devices__profile__flop_per_s": 1e9}
    (cut,) = {row["cut"] for row in rows("adaptsfl", "cluster", **settings, **slow)}
    assert split_experiment(**settings).world.messages_at(cut).halves.num_smashed == 4
    experiment = split_experiment(algorithm__kind="adaptsfl", **settings, **slow)
    method: Any = AdaptSFL(drift=0.0)
    promised_s = {at: method.promised_s(experiment.world, at, 5) for at in (2, 3, 4, 5)}
    assert min(promised_s, key=lambda at: promised_s[at]) == cut


def pyramid(**settings: Any) -> dict[str, Any]:
    return {f"algorithm__pyramidfl-links__{key}": value for key, value in settings.items()}


def test_pyramidfl_asks_the_soonest_of_its_candidates() -> None:
    clusters = rows("pyramidfl-links", "training", **pyramid(num_clients=2, over_commit=3.0))
    asked = {row["client"] for row in clusters if row["base_version"] == 0}
    world = split_experiment().world
    sent_s = 2 * world.messages.model_bits / np.minimum(world.rates_bit_per_s, 4e6 / 2)
    times_s = sent_s + 4 * world.workload.cost.flop(4) / world.fleet.flop_per_s
    assert asked == set(np.argsort(times_s)[:2].tolist())


def test_pyramidfl_lets_who_would_wait_train_whole_jobs_longer() -> None:
    clusters = rows("pyramidfl-links", "cluster", **pyramid(num_clients=6, over_commit=1.0))
    first = [row for row in clusters if row["version"] == 0]
    assert len(first) == 6
    assert {row["cut"] for row in first} == {0}
    steps = np.array([row["num_iterations"] for row in first])
    assert (steps % 4 == 0).all()
    assert steps.min() == 4 < steps.max() <= 11 * 4
    plain = rows("pyramidfl-links", "cluster", **pyramid(num_clients=6, max_extra_jobs=0))
    assert {row["num_iterations"] for row in plain} == {4}


def mixed(**settings: Any) -> tuple[Experiment, list[Any], Any]:
    """Return a run of one round, and the works and weights that its server mixed."""
    experiment = split_experiment(run__horizon_rounds=1, **settings)
    seen: list[Any] = []
    mix = experiment.world.mix

    def watching(works: Any, weights: Any) -> None:
        seen.append((works, weights))
        mix(works, weights)

    experiment.world.mix = watching
    experiment.run()
    ((works, weights),) = seen
    return experiment, works, weights


def test_what_is_learnt_is_cut_where_messages_are() -> None:
    experiment, (work,), _ = mixed(algorithm__kind="adaptsfl", model={"kind": "mlp", "hidden": [4, 16]}, cut=5)
    (row,) = experiment.simulation.records.rows("cluster")
    assert work.handle.value().bits.sum() == row["bits"]
    assert (
        experiment.world.messages_at(row["cut"]).halves.num_smashed == 4 < experiment.world.messages.halves.num_smashed
    )


def test_pyramidfl_takes_the_plain_mean_of_those_it_asked() -> None:
    experiment, works, weights = mixed(algorithm__kind="pyramidfl-links")
    assert np.allclose(weights, 1 / len(works))
    assert len({work.update_norm for work in works}) == len(works)
    mean = np.mean([work.parameters.astype(np.float64) for work in works], axis=0)
    np.testing.assert_allclose(experiment.world.server.vector, mean, atol=1e-6)


def test_fedavg_weighs_clients_by_their_data() -> None:
    experiment, _, weights = mixed(algorithm__kind="fedavg-links")
    sizes = experiment.workload.data_sizes
    assert weights == pytest.approx(sizes / sizes.sum())
    assert len(set(sizes.tolist())) > 1


def test_mergesfl_returns_no_gradient_before_all_activations_are_there() -> None:
    experiment, (work,), _ = mixed(algorithm__kind="mergesfl")
    num_clients = len(work.task.clients)
    assert num_clients > 1
    flows = sorted(experiment.simulation.records.rows("flow"), key=lambda row: row["start_s"])
    sent_s = [row["end_s"] for row in flows if row["what"] == "activations"][:num_clients]
    assert min(row["start_s"] for row in flows if row["what"] == "gradient") >= max(sent_s) > min(sent_s)


def test_adasfl_comes_to_make_the_rounds_that_lower_the_loss_most_a_second() -> None:
    """Rounds of 20 iterations lower it more, rounds of 5 more a second."""
    gains, lasts_s = {5: 0.2, 20: 0.5}, {5: 1.0, 20: 10.0}
    made: list[int] = []

    def run_round(tasks: Any) -> Any:
        loss, now_s = 9.0 - sum(gains[tau] for tau in made), sum(lasts_s[tau] for tau in made)
        made.append(tasks[0].num_iterations)
        yield
        return [SimpleNamespace(train_loss=loss, start_s=now_s, end_s=now_s + lasts_s[made[-1]])]

    world: Any = SimpleNamespace(
        num_clients=2,
        batch_sizes=np.array([4, 4]),
        server_share_bit_per_s=1e6,
        planned_times=lambda most, share: SimpleNamespace(alone_s=lambda clients: np.ones(2)),
        serves=True,
        run_round=run_round,
        mix=lambda works, weights: None,
    )
    rounds = AdaSFL(iterations=(20, 5)).serve(world)
    for _ in range(8):
        next(rounds)
    assert made[:2] == [20, 5]
    assert made[3:] == [5] * 5
