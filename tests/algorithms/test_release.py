"""Rounds that fail hand on their cause: whatever happens, walking causes backwards ends at time zero without a gap."""

from typing import Any

import numpy as np
import pytest
from small import small_experiment

from algorithms.worlds.group import Group
from algorithms.worlds.release import Releases
from testbed.experiments.blame import blame
from testbed.experiments.result import RunResult
from testbed.experiments.run import Experiment
from testbed.records import NO_CAUSE
from testbed.simulation import Process, Simulation

SLOW_LINK: dict[str, Any] = {"bandwidth_hz": "3 kHz", "power_w": 1, "noise_psd_w_per_hz": 1e-9}
SELDOM_THERE: dict[str, Any] = {
    "run__horizon_s": 300.0,
    "run__kernel": "none",
    "availability": {"kind": "bernoulli-blocks", "probability": 0.3, "block_s": 3.0},
    "fault": [{"device": 4, "start_s": 100.0}, {"device": 1, "start_s": 200.0}],
}
HARD_TIMES: dict[str, dict[str, Any]] = {
    "rounds end at a deadline": {"algorithm__kind": "air-fedavg", "algorithm__deadline_s": 8.0},
    "deliveries end at a deadline": {
        "algorithm__kind": "fedavg", "algorithm__deadline_s": 8.0, "channel__downlink": SLOW_LINK | {"kind": "unicast"}
    },
    "whole groups lose their jobs": {"algorithm__kind": "air-fedga", "devices__on_loss": "abandon"},
    "jobs are lost and delivered one by one": {
        "algorithm__kind": "tifl", "devices__on_loss": "abandon", "channel__downlink": SLOW_LINK | {"kind": "unicast"}
    },
    "broadcasts wait for who is away": {
        "algorithm__kind": "fedasync", "channel__downlink": SLOW_LINK | {"kind": "broadcast"}
    },
}  # fmt: skip


@pytest.fixture(params=HARD_TIMES)
def experiment(request: pytest.FixtureRequest) -> Experiment:
    finished = small_experiment(**(SELDOM_THERE | HARD_TIMES[request.param]))
    finished.run()
    return finished


def test_in_hard_times_too_a_span_starts_when_its_cause_ended_or_at_time_zero(experiment: Experiment) -> None:
    spans = list(experiment.simulation.records.rows("span"))
    ends_s = [row["end_s"] for row in spans]
    assert len(spans) > 30
    assert [row for row in spans if row["start_s"] != (ends_s[row["cause_id"]] if row["cause_id"] >= 0 else 0.0)] == []


def test_in_hard_times_too_nothing_that_an_update_waited_for_is_unexplained(experiment: Experiment) -> None:
    blamed = blame(RunResult("", {}, 0, {}, experiment.simulation.records.tables()))
    assert blamed.run.seconds()["unexplained"] == 0
    assert all(update.path.seconds()["unexplained"] == 0 for update in blamed.updates)


@pytest.mark.parametrize("case", ["rounds end at a deadline", "whole groups lose their jobs"])
def test_a_round_after_one_without_an_update_is_released_by_what_the_devices_did_in_it(case: str) -> None:
    experiment = small_experiment(**(SELDOM_THERE | HARD_TIMES[case]))
    experiment.run()
    spans = list(experiment.simulation.records.rows("span"))
    assert [row for row in spans if row["entity"].startswith("group-") and row["kind"] == "wait"] == []
    made = {row["span_id"] for row in experiment.simulation.records.rows("version")}
    starts = [row for row in spans if row["kind"] == "compute" and row["cause_id"] not in made | {NO_CAUSE}]
    assert any(spans[row["cause_id"]]["entity"].startswith("device-") for row in starts)


def test_a_group_whose_last_delivery_never_came_waited_for_it() -> None:
    experiment = small_experiment(
        algorithm__kind="fedavg", run__kernel="none", run__horizon_s=50.0, devices__profile__flop_per_s=1e9,
        channel__downlink=SLOW_LINK | {"kind": "unicast"}, fault=[{"device": 5, "start_s": 8.0}],
    )  # fmt: skip
    experiment.run()
    records = experiment.simulation.records
    (lost,) = [row for row in records.rows("participation") if row["status"] == "lost"]
    waits = [row for row in records.rows("span") if row["entity"] == "group-0" and row["kind"] == "wait"]
    assert [(row["start_s"], row["end_s"], row["cause_id"]) for row in waits[:1]] == [(0.0, lost["time_s"], NO_CAUSE)]
    first = next(row for row in records.rows("span") if row["entity"] == "uplink")
    assert (first["cause_id"], first["start_s"]) == (waits[0]["span_id"], lost["time_s"])


class Updated:
    """A server whose current version was made by the span `cause_id`."""

    cause_id = NO_CAUSE


def test_a_round_is_released_by_the_latest_of_update_and_own_round_and_time_in_between_is_a_wait() -> None:
    simulation, server, causes = Simulation(root_seed=0), Updated(), list[int]()
    releases = Releases(simulation, server)  # type: ignore[arg-type]
    group, other = (Group(index, (index,), np.ones(2, dtype=np.int64)) for index in (0, 1))

    def act() -> Process:
        causes.append(releases.next_cause(group))
        yield simulation.env.timeout(2.0)
        releases.follow(group, simulation.records.span("device-0", "compute", 0.0, 2.0, NO_CAUSE))
        causes.append(releases.next_cause(group))  # nothing was mixed in: its own round
        yield simulation.env.timeout(1.0)
        server.cause_id = simulation.records.span("uplink", "transmit", 2.0, 3.0, 0)
        causes.append(releases.next_cause(group))  # an update came since
        yield simulation.env.timeout(4.0)
        causes.append(releases.next_cause(other))  # the update was at 3 s, and it is 7 s

    simulation.start(act(), "test")
    simulation.env.run()
    assert causes == [NO_CAUSE, 0, 1, 2]
    assert list(simulation.records.rows("span"))[2] == {
        "span_id": 2, "entity": "group-1", "kind": "wait", "start_s": 3.0, "end_s": 7.0, "cause_id": 1
    }  # fmt: skip
