"""A selection at work: who is asked in which order, and what is remembered of a round."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from small import small_experiment

from algorithms.selection import EnergyAware, Everybody, RandomSubset
from algorithms.worlds.group import Group
from algorithms.worlds.round import Base, RoundTurn
from algorithms.worlds.scheduler import Scheduler
from testbed.experiments.run import Experiment
from testbed.simulation import Process
from testbed.streams import Purpose, stream

RADIO = {"bandwidth_hz": "1 MHz", "power_w": 1, "noise_psd_w_per_hz": 1e-9}
EVERYBODY = tuple(range(6))


def rows(experiment: Experiment, table: str, **where: Any) -> list[dict[str, Any]]:
    found = experiment.simulation.records.rows(table)
    return [row for row in found if all(row[key] == value for key, value in where.items())]


def group_of(experiment: Experiment) -> Group:
    return Group(0, EVERYBODY, experiment.workload.data_sizes)


def one_round(experiment: Experiment, chosen: Sequence[int]) -> list[tuple[int, ...]]:
    """Broadcast to `chosen`, train there, and return who was said to be there."""
    fed, told = experiment.world, []

    def choose(present: tuple[int, ...]) -> Sequence[int]:
        told.append(present)
        return chosen

    def process() -> Process:
        base = yield from fed.broadcast(group_of(experiment), choose)
        yield from fed.train(base)
        fed.simulation.finish("one round")

    fed.simulation.start(process(), "round")
    fed.simulation.run()
    return told


# -- the broadcast -----------------------------------------------------------------------------------------------------


def test_unicast_serves_the_chosen_and_nobody_else_in_the_order_of_the_choice() -> None:
    experiment = small_experiment(channel__downlink={"kind": "unicast", **RADIO})
    assert one_round(experiment, [4, 1, 2]) == [EVERYBODY]
    assert [row["target"] for row in rows(experiment, "transfer")] == ["device-4", "device-1", "device-2"]
    assert sorted(row["client"] for row in rows(experiment, "training")) == [1, 2, 4]


@pytest.mark.parametrize("downlink", ["free", {"kind": "broadcast", **RADIO}])
def test_a_downlink_for_all_reaches_the_chosen_alone(downlink: Any) -> None:
    experiment = small_experiment(channel__downlink=downlink)
    one_round(experiment, (5, 0))
    assert [row["target"] for row in rows(experiment, "transfer")] == ["2 devices"]
    assert sorted(row["client"] for row in rows(experiment, "training")) == [0, 5]


def test_the_choice_is_among_those_who_are_there_and_who_is_not_chosen_is_not_left_out() -> None:
    experiment = small_experiment(fault=[{"device": 2, "start_s": 0.0, "end_s": 300.0}])
    assert one_round(experiment, (0,)) == [(0, 1, 3, 4, 5)]
    assert [(row["client"], row["status"]) for row in rows(experiment, "participation")] == [(2, "absent-at-broadcast")]


@pytest.mark.parametrize("chosen", [(), (2,), (0, 0), (7,)])
def test_a_choice_of_nobody_of_somebody_twice_or_of_somebody_absent_is_refused(chosen: tuple[int, ...]) -> None:
    experiment = small_experiment(fault=[{"device": 2, "start_s": 0.0, "end_s": 300.0}])
    with pytest.raises(ValueError, match="asked must be some of"):
        one_round(experiment, chosen)


# -- what is remembered ------------------------------------------------------------------------------------------------


def test_asking_twice_changes_nothing_and_every_round_draws_from_its_own_stream() -> None:
    experiment, rule = small_experiment(seed=3), RandomSubset(num_clients=3)
    scheduler = Scheduler(experiment.world, rule)
    asked = []
    for number in range(12):
        chosen = scheduler.choose(EVERYBODY)
        assert chosen == scheduler.choose(EVERYBODY)
        assert chosen == rule.select(EVERYBODY, scheduler.context, stream(3, Purpose.SELECTION, number))
        asked.append(chosen)
        scheduler.end_round(turn_of(experiment))
    assert len(set(asked)) > 3


def turn_of(experiment: Experiment, energies_j: Any = (), norms: Any = ()) -> RoundTurn:
    base = Base(group_of(experiment), 0, experiment.workload.initial_state, {}, -1)
    turn = RoundTurn(base, ())
    turn.energies_j, turn.norms = dict(energies_j), dict(norms)
    return turn


def test_queues_advance_by_what_was_spent_and_drain_where_nobody_transmits() -> None:
    experiment = small_experiment(channel__uplink__energy_budget_j=10.0)
    scheduler = Scheduler(experiment.world, EnergyAware(budget_fraction=0.5))
    expected = {0: [7.0, 2.0, 0.0, 0.0], 4: [25.0, 20.0, 15.0, 16.0], 1: [0.0, 0.0, 0.0, 0.0]}
    spent_j: list[dict[int, float]] = [{0: 12.0, 4: 30.0, 1: 2.0}, {}, {}, {4: 6.0}]
    for number, energies_j in enumerate(spent_j):
        scheduler.end_round(turn_of(experiment, energies_j))
        backlogs_j = scheduler.context.queues.backlogs_j
        assert [backlogs_j[client] for client in expected] == [run[number] for run in expected.values()]
    assert scheduler.round == 4


def test_the_last_norm_of_each_is_kept_and_unknown_until_it_sent() -> None:
    experiment = small_experiment()
    scheduler = Scheduler(experiment.world, EnergyAware())
    assert np.isnan(scheduler.context.last_norms).all()
    scheduler.end_round(turn_of(experiment, norms={1: 2.0, 3: 5.0}))
    scheduler.end_round(turn_of(experiment, norms={3: 4.0}))
    np.testing.assert_array_equal(scheduler.context.last_norms, [np.nan, 2.0, np.nan, 4.0, np.nan, np.nan])


def test_the_context_is_what_the_server_believes_of_all_clients_now() -> None:
    experiment = small_experiment(channel__uplink__csi_error_variance=0.2)
    world, scheduler = experiment.world, Scheduler(experiment.world, Everybody())
    before = scheduler.context
    world.simulation.env.run(until=37.0)
    after = scheduler.context
    np.testing.assert_array_equal(after.amplitudes, world.cell.believed_amplitudes(EVERYBODY, 37.0))
    assert not np.array_equal(before.amplitudes, after.amplitudes)
    np.testing.assert_array_equal(after.data_sizes, experiment.workload.data_sizes)
    np.testing.assert_array_equal(after.training_times_s, world.fleet.training_time_s(experiment.workload.job_flop))
    np.testing.assert_array_equal(after.energy_budgets_j, np.full(6, world.cell.uplink.energy_budget_j))


# -- over a run, from the records --------------------------------------------------------------------------------------

HARSH: dict[str, Any] = {
    "run__horizon_s": 600.0,
    "availability": {"kind": "bernoulli-blocks", "probability": 0.8, "block_s": 3.0},
    "channel__uplink__energy_budget_j": 2.0,
}


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("air-fedavg", {}),
        ("air-fedavg", {"deadline_s": 10.0, "payload": "delta"}),
        ("fedavg", {}),
        ("fedavg", {"access": "ofdma"}),
    ],
)
def test_the_queues_follow_the_energies_of_the_records(method: str, settings: dict[str, Any]) -> None:
    rule = {"kind": "energy-aware", "max_fraction": 0.5, "budget_fraction": 0.1}
    gone = [{"device": 1, "start_s": 40.0}] if method == "fedavg" else []
    algorithm = {"kind": method, method: {"selection": rule, **settings}}
    experiment = small_experiment(algorithm=algorithm, fault=gone, **HARSH)
    experiment.run()
    transfers = [row for row in rows(experiment, "transfer") if row["source"].startswith("device-")]
    backlogs_j, before_s = np.zeros(6), 0.0
    rounds = rows(experiment, "selection")
    assert [row["round"] for row in rounds] == list(range(len(rounds)))
    assert len(rounds) > 5
    for row in rounds:
        spent_j = np.zeros(6)
        for sent in transfers:
            if before_s < sent["end_s"] <= row["time_s"]:
                spent_j[int(sent["source"].removeprefix("device-"))] += sent["energy_tx_j"]
        backlogs_j = np.maximum(backlogs_j + spent_j - 0.1 * 2.0, 0.0)
        assert row["energy_tx_j"] == pytest.approx(spent_j.sum(), rel=1e-12)
        assert row["mean_backlog_j"] == pytest.approx(backlogs_j.mean(), rel=1e-9, abs=1e-12)
        assert row["longest_backlog_j"] == pytest.approx(backlogs_j.max(), rel=1e-9, abs=1e-12)
        before_s = row["time_s"]
    assert max(row["longest_backlog_j"] for row in rounds) > 0
    if "deadline_s" in settings:
        assert any(row["num_active"] == 0 == row["energy_tx_j"] for row in rounds)


def test_what_was_radiated_for_an_upload_that_never_arrives_counts() -> None:
    experiment = small_experiment(algorithm__kind="fedavg", algorithm__selection="energy-aware")
    experiment.run()
    (first, *_) = [row for row in rows(experiment, "transfer") if row["channel"] == "tdma"]
    client = int(first["source"].removeprefix("device-"))
    leaves_s = 0.5 * (first["start_s"] + first["end_s"])
    fault = [{"device": client, "start_s": leaves_s}]
    cut = small_experiment(algorithm__kind="fedavg", algorithm__selection="energy-aware", fault=fault)
    cut.run()
    (lost, *_) = [row for row in rows(cut, "transfer") if row["channel"] == "tdma"]
    assert 0 < lost["energy_tx_j"] < first["energy_tx_j"]
    row = rows(cut, "selection")[0]
    assert (row["num_asked"], row["num_active"]) == (1, 0)
    assert row["energy_tx_j"] == lost["energy_tx_j"]
