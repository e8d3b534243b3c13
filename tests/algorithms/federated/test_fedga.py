"""FedGA: a round takes the makespan of its orders, and its limits."""

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from small import small_experiment
from versions import run_and_keep_versions

from algorithms.schedules.magic_mirror import makespan_s, trained_s
from algorithms.worlds.group import Group
from algorithms.worlds.round import Base
from testbed.experiments.run import Experiment

# Nobody's channel changes, everybody's is another; transfers take about as long as training.
DETERMINISTIC: dict[str, Any] = {
    "algorithm__kind": "fedga",
    "algorithm__grouping": "single",
    "channel__uplink__fading": "static",
    "channel__uplink__bandwidth_hz": "10 kHz",
    "channel__uplink__path_loss": {"kind": "power-law", "gain_db_at_1_m": 30, "exponent": 3, "side_m": "20 m"},
    "channel__uplink__min_snr_db": -60,
    "channel__downlink": {
        "kind": "unicast", "bandwidth_hz": "20 kHz", "power_w": 10, "noise_psd_w_per_hz": 1e-3
    },
    "run__horizon_s": 1500.0,
}  # fmt: skip
SCHEDULERS = ["magic-mirror", "best-of-starts", "upload-only", "client-order"]


def fedga(**settings: Any) -> Experiment:
    return small_experiment(**(DETERMINISTIC | settings))


@cache
def finished(scheduler: str) -> Experiment:
    experiment = fedga(algorithm__scheduler=scheduler)
    experiment.run()
    return experiment


def rows(experiment: Experiment, table: str, **where: Any) -> list[dict[str, Any]]:
    found = experiment.simulation.records.rows(table)
    return [row for row in found if all(row[key] == value for key, value in where.items())]


def round_times_s(experiment: Experiment) -> np.ndarray:
    return np.diff([0.0, *(row["time_s"] for row in rows(experiment, "version"))])


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_alone_on_a_constant_channel_a_round_takes_the_makespan_of_its_orders(scheduler: str) -> None:
    experiment = finished(scheduler)
    fresh = fedga(algorithm__scheduler=scheduler)
    times = fresh.world.foresee_round(range(6))
    assert len(set(times.download_s.round(6))) == len(set(times.upload_s.round(6))) == 6
    orders = fresh.world.algorithm._orders(times)
    found_s = round_times_s(experiment)
    assert len(found_s) > 5
    np.testing.assert_allclose(found_s, makespan_s(times, orders), rtol=1e-9)


def test_the_transfers_of_a_round_are_in_the_orders_of_the_schedule() -> None:
    experiment = finished("magic-mirror")
    fresh = fedga(algorithm__scheduler="magic-mirror")
    orders = fresh.world.algorithm._orders(fresh.world.foresee_round(range(6)))
    down = sorted(rows(experiment, "transfer", source="server"), key=lambda row: row["start_s"])[:6]
    up = sorted(rows(experiment, "transfer", target="server"), key=lambda row: row["start_s"])[:6]
    assert [row["target"] for row in down] == [f"device-{client}" for client in orders.downloads]
    assert [row["source"] for row in up] == [f"device-{client}" for client in orders.uploads]
    assert orders.downloads != tuple(range(6)) != orders.uploads


def test_the_magic_mirror_is_never_longer_than_ordering_uploads_only_nor_that_than_no_order() -> None:
    best, mirror, uploads, none = (
        round_times_s(finished(name))[0] for name in ("best-of-starts", "magic-mirror", "upload-only", "client-order")
    )
    assert best < mirror < uploads <= none


def test_all_downloads_come_before_the_first_upload_and_no_upload_waits_for_the_slowest() -> None:
    experiment = finished("client-order")
    first_s = rows(experiment, "version")[0]["time_s"]
    down = [row for row in rows(experiment, "transfer", source="server") if row["end_s"] <= first_s]
    up = [row for row in rows(experiment, "transfer", target="server") if row["end_s"] <= first_s]
    trained = rows(experiment, "training", base_version=0)
    assert len(down) == len(up) == len(trained) == 6
    assert max(row["end_s"] for row in down) <= min(row["start_s"] for row in up)
    fast = fedga(channel__downlink="free")
    fast.run()
    starts_s = [row["start_s"] for row in rows(fast, "transfer", target="server")][:6]
    assert min(starts_s) < max(row["end_s"] for row in rows(fast, "training", base_version=0))


def test_with_a_free_downlink_one_group_uploads_first_trained_first_served() -> None:
    experiment = fedga(channel__downlink="free")
    experiment.run()
    fresh = fedga(channel__downlink="free")
    times = fresh.world.foresee_round(range(6))
    assert not times.download_s.any()
    first = [row["source"] for row in rows(experiment, "transfer", target="server")][:6]
    assert first == [f"device-{client}" for client in np.argsort(trained_s(times, range(6)))]


def test_one_group_has_the_models_of_fedavg_sooner() -> None:
    ours = run_and_keep_versions(small_experiment(algorithm__kind="fedga", algorithm__grouping="single"))
    fedavg = run_and_keep_versions(small_experiment(algorithm__kind="fedavg"))
    num_rounds = min(len(ours), len(fedavg))
    assert num_rounds > 1
    for (ours_s, model), (expected_s, expected) in zip(ours[1:num_rounds], fedavg[1:num_rounds], strict=True):
        assert ours_s < expected_s
        assert model.tobytes() == expected.tobytes()


def test_one_client_per_group_is_asynchronous_tiers_of_one_client_bit_for_bit() -> None:
    ours, tiers = (
        run_and_keep_versions(small_experiment(algorithm__kind=kind, algorithm__grouping="singleton"))
        for kind in ("fedga", "tifl")
    )
    assert len(ours) == len(tiers) > 10
    assert all(a == b and v.tobytes() == w.tobytes() for (a, v), (b, w) in zip(ours, tiers, strict=True))


def test_versions_increase_by_one_and_groups_miss_those_of_the_others() -> None:
    experiment = small_experiment(algorithm__kind="fedga", algorithm__grouping={"kind": "tier", "num_groups": 3})
    experiment.run()
    versions = rows(experiment, "version")
    assert [row["version"] for row in versions] == list(range(1, len(versions) + 1))
    assert all(row["staleness"] == row["version"] - 1 - row["base_version"] >= 0 for row in versions)
    assert max(row["staleness"] for row in versions) > 0
    shares = {row["group"]: row["share"] for row in rows(experiment, "group")}
    assert all(row["mixing_weight"] == pytest.approx(shares[row["group"]]) for row in versions)


def test_between_two_uploads_of_a_group_another_group_may_use_the_uplink() -> None:
    experiment = fedga(algorithm__grouping={"kind": "random", "num_groups": 2}, channel__downlink="free")
    experiment.run()
    group_of = {f"device-{row['client']}": row["group"] for row in rows(experiment, "membership")}
    order = [group_of[row["source"]] for row in rows(experiment, "transfer", target="server")]
    changes = sum(a != b for a, b in pairwise(order))
    assert changes > len(rows(experiment, "version"))  # more often than once a round


def test_a_member_that_is_lost_or_away_is_left_out_and_the_others_upload() -> None:
    """Device 2 leaves for good while it trains, device 3 for a while after it has trained and before its turn."""
    undisturbed = finished("magic-mirror")
    (training,) = rows(undisturbed, "training", client=2, job=0)
    (early,) = rows(undisturbed, "training", client=3, job=0)
    turn_s = rows(undisturbed, "transfer", source="device-3")[0]["start_s"]
    assert early["end_s"] < turn_s - 1.0
    experiment = fedga(
        fault=[
            {"device": 2, "start_s": (training["start_s"] + training["end_s"]) / 2},
            {"device": 3, "start_s": early["end_s"] + 0.1, "end_s": turn_s + 1.0},
        ]
    )
    experiment.run()
    versions = rows(experiment, "version")
    assert (versions[0]["num_active"], versions[-1]["num_active"]) == (4, 5)
    assert [row["client"] for row in rows(experiment, "participation", status="lost")] == [2]
    assert [row["client"] for row in rows(experiment, "participation", status="absent-at-transmission")] == [3]
    ends_s = {row["span_id"]: row["end_s"] for row in rows(experiment, "span")}
    caused = [row for row in rows(experiment, "span") if row["cause_id"] >= 0]
    assert all(row["start_s"] == ends_s[row["cause_id"]] for row in caused)


def test_when_the_last_in_order_is_lost_the_round_ends_there_and_the_next_one_has_its_cause() -> None:
    fresh = fedga(channel__downlink="free", channel__uplink__bandwidth_hz="1 MHz")
    training_s = fresh.world.foresee_round(range(6)).train_s
    slowest, lost_s = int(training_s.argmax()), float(training_s.max()) - 0.5
    assert float(np.sort(training_s)[-2]) < lost_s - 1.0
    experiment = fedga(
        channel__downlink="free",
        channel__uplink__bandwidth_hz="1 MHz",
        fault=[{"device": slowest, "start_s": lost_s}],
    )
    experiment.run()
    first = rows(experiment, "version")[0]
    assert (first["num_active"], first["time_s"]) == (5, pytest.approx(lost_s))
    (lost,) = rows(experiment, "training", client=slowest)
    began = [row for row in rows(experiment, "span", kind="compute") if row["start_s"] == first["time_s"]]
    assert len(began) == 5
    assert {row["cause_id"] for row in began} == {lost["span_id"]}


def test_the_planned_period_is_the_slowest_training_and_one_digital_upload() -> None:
    experiment = fedga()
    experiment.run()
    (group,) = rows(experiment, "group")
    times = fedga().world.foresee_round(range(6))
    assert group["planned_period_s"] == pytest.approx(times.train_s.max() + times.upload_s.mean())


def test_an_order_that_leaves_somebody_out_is_refused() -> None:
    experiment = fedga()
    world = experiment.world
    group = Group(0, (0, 1, 2), experiment.workload.data_sizes)
    base = Base(group, 0, world.server.vector, dict.fromkeys(group.members, -1), -1)
    with pytest.raises(ValueError, match=r"leaves out \[2\]"):
        next(world.train_and_upload(base, [0, 1]))
