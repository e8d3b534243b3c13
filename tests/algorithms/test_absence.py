"""What happens to a group when a member leaves: nobody waits for ever, and the records say who paid."""

from typing import Any

import pytest
from small import small_experiment

from testbed.experiments.run import Experiment

GONE_AT_5 = [{"device": 3, "start_s": 5.0}]
AWAY_5_TO_50 = [{"device": 3, "start_s": 5.0, "end_s": 50.0}]


def ran(**settings: Any) -> Experiment:
    experiment = small_experiment(algorithm__kind="air-fedavg", devices__slowdown="none", **settings)
    experiment.run()
    return experiment


def rows(experiment: Experiment, table: str, **where: Any) -> list[dict[str, Any]]:
    found = experiment.simulation.records.rows(table)
    return [row for row in found if all(row[key] == value for key, value in where.items())]


def slow_device_settings() -> dict[str, Any]:
    return {"devices__profile__flop_per_s": 2e5, "data__partition": "iid", "run__horizon_s": 300.0}


def test_a_member_that_leaves_for_good_is_lost_and_its_group_goes_on_without_it() -> None:
    experiment = ran(fault=GONE_AT_5, **slow_device_settings())
    versions = rows(experiment, "version")
    assert len(versions) > 3
    assert all(row["num_active"] == 5 for row in versions)
    (lost,) = rows(experiment, "participation", status="lost")
    assert (lost["client"], lost["time_s"] >= 5.0) == (3, True)
    (paid,) = rows(experiment, "training", client=3)
    profile = experiment.world.fleet.profile
    assert paid["outcome"] == "lost"
    assert paid["energy_compute_j"] == pytest.approx(profile.compute_w * 5.0)
    assert not rows(experiment, "transfer", source="device-3")


def test_a_member_that_comes_back_holds_its_group_and_both_sides_of_the_wait_are_recorded() -> None:
    experiment = ran(fault=AWAY_5_TO_50, devices__on_loss="pause", **slow_device_settings())
    world = experiment.world
    alone_s = world.fleet.training_time_s(experiment.workload.job_flop)[3]
    assert rows(experiment, "version")[0]["time_s"] == pytest.approx(alone_s + 45.0 + world.cell.airtime_s)
    assert rows(experiment, "version")[0]["num_active"] == 6
    (absent,) = rows(experiment, "span", entity="device-3", kind="absent")
    assert (absent["start_s"], absent["end_s"]) == (5.0, 50.0)
    waits = rows(experiment, "span", entity="device-0", kind="wait")
    assert waits[0]["end_s"] - waits[0]["start_s"] >= 44.0


def test_with_a_deadline_the_round_goes_on_without_the_late_member() -> None:
    experiment = ran(fault=AWAY_5_TO_50, algorithm__deadline_s=30.0, **slow_device_settings())
    first = rows(experiment, "version")[0]
    assert first["num_active"] == 5
    assert first["time_s"] == pytest.approx(30.0 + experiment.world.cell.airtime_s)
    assert [row["client"] for row in rows(experiment, "participation", status="late")] == [3]
    absent = rows(experiment, "participation", status="absent-at-broadcast")
    assert {row["client"] for row in absent} == {3}
    assert any(row["num_active"] == 6 for row in rows(experiment, "version"))


def test_weights_are_renormalised_over_those_who_transmit() -> None:
    everybody = rows(ran(**slow_device_settings()), "version")
    fewer = rows(ran(fault=GONE_AT_5, **slow_device_settings()), "version")
    assert all(row["mixing_weight"] == 1.0 for row in everybody + fewer)
    aggregations = rows(
        ran(
            fault=GONE_AT_5,
            channel__uplink__noise={"kind": "total", "energy_j": 0.0},
            **slow_device_settings(),
        ),
        "aggregation",
    )
    assert all(row["alignment"] == pytest.approx(1.0) and row["aggregation_nmse"] < 1e-12 for row in aggregations)


def test_a_member_away_at_the_transmission_is_left_out_of_it() -> None:
    settings = slow_device_settings() | {"devices__slowdown": {"kind": "uniform", "low": 1, "high": 10}}
    times = small_experiment(algorithm__kind="air-fedavg", **settings)
    training_s = times.world.fleet.training_time_s(times.workload.job_flop)
    fastest = int(training_s.argmin())
    fault = [{"device": fastest, "start_s": float(training_s.min()) + 1.0, "end_s": float(training_s.max()) + 5.0}]
    experiment = small_experiment(algorithm__kind="air-fedavg", fault=fault, **settings)
    experiment.run()
    first = rows(experiment, "participation")[0]
    assert (first["client"], first["status"]) == (fastest, "absent-at-transmission")
    assert rows(experiment, "version")[0]["num_active"] == 5
    (trained, *_) = rows(experiment, "training", client=fastest)
    assert trained["outcome"] == "completed" and trained["energy_compute_j"] > 0


def test_a_group_of_which_nobody_is_left_ends_and_the_others_go_on() -> None:
    everybody_leaves = [{"device": device, "start_s": 5.0} for device in (0, 1, 2, 3, 4)]
    experiment = ran(fault=everybody_leaves, **slow_device_settings())
    versions = rows(experiment, "version")
    assert versions and all(row["num_active"] == 1 for row in versions)


def test_when_everybody_is_gone_the_run_says_so_instead_of_hanging() -> None:
    from testbed.simulation import DeadlockError

    with pytest.raises(DeadlockError, match="no process is left"):
        ran(fault=[{"device": device, "start_s": 5.0} for device in range(6)], **slow_device_settings())


def test_a_deadline_bounds_the_round_even_while_a_unicast_downlink_waits_for_its_receiver() -> None:
    unicast = {"kind": "unicast", "bandwidth_hz": "1 MHz", "power_w": 1, "noise_psd_w_per_hz": 1e-9}
    fault = [{"device": 3, "start_s": 0.5, "end_s": 250.0}]
    slow = slow_device_settings() | {"channel__downlink": unicast, "algorithm__deadline_s": 30.0}
    experiment = ran(fault=fault, **(slow | {"channel__downlink": unicast | {"bandwidth_hz": 40e3}}))
    first = rows(experiment, "version")[0]
    assert first["time_s"] < 40.0 and first["num_active"] < 6
    assert 3 in {row["client"] for row in rows(experiment, "participation", status="late")}


def test_a_loss_is_recorded_when_it_happens_not_when_the_round_ends() -> None:
    experiment = ran(fault=GONE_AT_5, **slow_device_settings())
    (lost,) = rows(experiment, "participation", status="lost")
    assert lost["time_s"] == 5.0


@pytest.mark.parametrize("algorithm", ["fedasync", "fedsa", "fedbuff", "fedga", "tifl", "tifl-sync"])
def test_after_a_round_that_brought_nothing_the_next_one_has_no_cause_of_long_ago(algorithm: str) -> None:
    experiment = small_experiment(
        algorithm__kind=algorithm,
        availability={"kind": "bernoulli-blocks", "probability": 0.8, "block_s": 7.0},
        devices__on_loss="abandon",
        run__kernel="none",
        run__horizon_s=1000.0,
    )
    experiment.run()
    assert rows(experiment, "participation", status="lost") and rows(experiment, "version")
    ends_s = {row["span_id"]: row["end_s"] for row in rows(experiment, "span")}
    caused = [row for row in rows(experiment, "span") if row["cause_id"] >= 0]
    assert all(row["start_s"] == ends_s[row["cause_id"]] for row in caused)
