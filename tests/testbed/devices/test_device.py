import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.devices.availability import Absences, AlwaysAvailable, BernoulliBlocks, FaultSettings
from testbed.devices.device import ComputeOutcome, Device, OnLoss, plan_course
from testbed.devices.profiles import DeviceProfile
from testbed.errors import RunFailure
from testbed.records import NO_CAUSE
from testbed.simulation import Process, Simulation
from testbed.streams import Luck, Purpose

PROFILE = DeviceProfile(
    kind="custom",
    flop_per_s=10.0,
    memory_bytes=1.0,
    memory_bandwidth_bytes_per_s=1.0,
    idle_w=1.0,
    compute_w=5.0,
    transmit_w=2.0,
)
LOSSES: list[OnLoss] = ["pause", "restart", "abandon"]


def absences(*faults: tuple[float, float | None], law: Any = None) -> Absences:
    away = [FaultSettings(device=0, start_s=start, end_s=end) for start, end in faults]
    return Absences(law or AlwaysAvailable(), away, 1, Luck(0))


def build(simulation: Simulation, *faults: tuple[float, float | None], on_loss: OnLoss = "pause") -> Device:
    return Device(simulation, 0, PROFILE, PROFILE.flop_per_s, absences(*faults), on_loss)


Job = tuple[float, float, float]  # asked at, FLOP, given up at


def run_jobs(simulation: Simulation, device: Device, jobs: Iterable[Job]) -> list[ComputeOutcome]:
    outcomes: dict[int, ComputeOutcome] = {}
    jobs = list(jobs)

    def submit(number: int, asked_s: float, flop: float, give_up_s: float) -> Process:
        yield simulation.env.timeout(asked_s)
        arrival = simulation.records.span("server", "wait", 0.0, simulation.now_s, NO_CAUSE)
        outcomes[number] = yield from device.compute(flop, arrival, give_up_s)
        assert simulation.now_s == outcomes[number].end_s
        if len(outcomes) == len(jobs):
            simulation.finish("all jobs are over")

    for number, job in enumerate(jobs):
        simulation.start(submit(number, *job), f"job-{number}")
    simulation.run()
    return [outcomes[number] for number in range(len(jobs))]


def run_one(
    *faults: tuple[float, float | None], flop: float = 100.0, on_loss: OnLoss, give_up_s: float = math.inf
) -> tuple[ComputeOutcome, list[tuple[str, float, float]]]:
    simulation = Simulation(root_seed=0)
    outcome = run_jobs(simulation, build(simulation, *faults, on_loss=on_loss), [(0.0, flop, give_up_s)])[0]
    spans = [(row["kind"], row["start_s"], row["end_s"]) for row in simulation.records.rows("span")][1:]
    return outcome, spans


def assert_spans_start_when_their_causes_ended(simulation: Simulation) -> None:
    spans = list(simulation.records.rows("span"))
    ends = {row["span_id"]: row["end_s"] for row in spans}
    for row in spans:
        assert row["start_s"] < row["end_s"] or row["entity"] == "server"
        if row["cause_id"] != NO_CAUSE:
            assert row["start_s"] == ends[row["cause_id"]]


@settings(deadline=None)
@given(st.floats(1e-3, 1e6))
def test_twice_the_work_takes_twice_the_time_and_the_energy(flop: float) -> None:
    single, _ = run_one(flop=flop, on_loss="pause")
    double, _ = run_one(flop=2 * flop, on_loss="pause")
    assert single.end_s == flop / PROFILE.flop_per_s
    assert double.end_s == 2 * single.end_s
    assert double.energy_j == 2 * single.energy_j == 2 * PROFILE.compute_w * single.end_s
    assert single.flop == flop


def test_a_paused_job_goes_on_where_it_stopped() -> None:
    outcome, spans = run_one((4.0, 7.0), (9.0, 10.0), on_loss="pause")
    assert spans == [
        ("compute", 0.0, 4.0),
        ("absent", 4.0, 7.0),
        ("compute", 7.0, 9.0),
        ("absent", 9.0, 10.0),
        ("compute", 10.0, 14.0),
    ]
    assert outcome == ("completed", 5, 0.0, 14.0, 100.0, 50.0, 100.0)


def test_a_restarted_job_begins_again_and_pays_for_both() -> None:
    outcome, spans = run_one((4.0, 7.0), on_loss="restart")
    assert spans == [("compute", 0.0, 4.0), ("absent", 4.0, 7.0), ("compute", 7.0, 17.0)]
    assert outcome == ("completed", 3, 0.0, 17.0, 140.0, 70.0, 100.0)


def test_an_abandoned_job_is_lost_when_its_device_leaves_and_stays_charged() -> None:
    outcome, spans = run_one((4.0, 7.0), on_loss="abandon")
    assert spans == [("compute", 0.0, 4.0)]
    assert outcome == ("lost", 1, 0.0, 4.0, 40.0, 20.0, 0.0)


@pytest.mark.parametrize("on_loss", LOSSES)
def test_a_device_that_is_away_starts_when_it_is_back(on_loss: OnLoss) -> None:
    outcome, spans = run_one((0.0, 7.0), on_loss=on_loss)
    assert spans == [("absent", 0.0, 7.0), ("compute", 7.0, 17.0)]
    assert outcome.outcome == "completed" and outcome.flop == 100.0


@pytest.mark.parametrize("on_loss", LOSSES)
def test_a_job_that_is_ready_when_its_device_leaves_is_ready(on_loss: OnLoss) -> None:
    outcome, _ = run_one((10.0, 20.0), on_loss=on_loss)
    assert outcome == ("completed", 1, 0.0, 10.0, 100.0, 50.0, 100.0)


@pytest.mark.parametrize("on_loss", LOSSES)
def test_a_device_that_never_comes_back_loses_its_job_at_once(on_loss: OnLoss) -> None:
    outcome, spans = run_one((4.0, None), on_loss=on_loss)
    assert spans == [("compute", 0.0, 4.0)]
    assert outcome == ("lost", 1, 0.0, 4.0, 40.0, 20.0, 0.0)


def test_a_device_that_is_gone_from_the_start_spends_nothing_and_waits_for_nothing() -> None:
    outcome, spans = run_one((0.0, None), on_loss="pause")
    assert spans == []
    assert outcome == ("lost", 0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_a_job_is_late_at_its_deadline_and_pays_for_what_it_computed() -> None:
    assert run_one(on_loss="pause", give_up_s=6.0)[0] == ("late", 1, 0.0, 6.0, 60.0, 30.0, 60.0)
    assert run_one((4.0, 9.0), on_loss="pause", give_up_s=6.0)[0] == ("late", 2, 0.0, 6.0, 40.0, 20.0, 40.0)
    assert run_one((4.0, 5.0), on_loss="restart", give_up_s=6.0)[0] == ("late", 3, 0.0, 6.0, 50.0, 25.0, 10.0)


def test_a_job_that_is_ready_at_its_deadline_is_in_time() -> None:
    assert run_one(on_loss="pause", give_up_s=10.0)[0].outcome == "completed"


def test_jobs_are_served_one_after_another_in_the_order_of_asking() -> None:
    simulation = Simulation(root_seed=0)
    first, second, third = run_jobs(
        simulation, build(simulation), [(0.0, 100.0, math.inf), (1.0, 50.0, math.inf), (2.0, 10.0, math.inf)]
    )
    assert (first.end_s, second.start_s, second.end_s, third.start_s, third.end_s) == (
        10.0,
        10.0,
        15.0,
        15.0,
        16.0,
    )
    assert_spans_start_when_their_causes_ended(simulation)
    rows = {row["span_id"]: row for row in simulation.records.rows("span")}
    assert rows[second.span_id]["cause_id"] == first.span_id
    assert rows[third.span_id]["cause_id"] == second.span_id
    waits = [(row["start_s"], row["end_s"]) for row in rows.values() if row["kind"] == "queue"]
    assert waits == [(1.0, 10.0), (2.0, 15.0)]


def test_a_job_given_up_in_the_queue_never_runs_and_does_not_block_the_next() -> None:
    simulation = Simulation(root_seed=0)
    device = build(simulation)
    _, given_up, next_one = run_jobs(
        simulation, device, [(0.0, 100.0, math.inf), (1.0, 50.0, 4.0), (2.0, 10.0, math.inf)]
    )
    assert given_up.outcome == "late"
    assert (given_up.start_s, given_up.end_s, given_up.flop, given_up.energy_j) == (4.0, 4.0, 0.0, 0.0)
    assert (next_one.start_s, next_one.end_s) == (10.0, 11.0)
    assert device.num_waiting == 0
    assert_spans_start_when_their_causes_ended(simulation)
    (last_span,) = (row for row in simulation.records.rows("span") if row["span_id"] == given_up.span_id)
    assert (last_span["kind"], last_span["start_s"], last_span["end_s"]) == ("queue", 1.0, 4.0)


# The device is free at 10 s. With one job before, that is known before the other's time is up, with two after it.
@pytest.mark.parametrize("before", [[(0.0, 100.0, math.inf)], [(0.0, 50.0, math.inf), (0.0, 50.0, math.inf)]])
def test_a_job_whose_turn_comes_as_its_time_is_up_is_late_and_the_next_goes_on(before: list[Job]) -> None:
    simulation = Simulation(root_seed=0)
    device = build(simulation)
    jobs = [*before, (1.0, 50.0, 10.0), (2.0, 10.0, math.inf)]
    *_, last_before, late, next_one = run_jobs(simulation, device, jobs)
    assert (late.outcome, late.start_s, late.end_s, late.flop) == ("late", 10.0, 10.0, 0.0)
    assert late.span_id == last_before.span_id
    assert (next_one.start_s, next_one.end_s) == (10.0, 11.0)
    assert device.num_waiting == 0
    assert_spans_start_when_their_causes_ended(simulation)


def test_a_job_whose_time_is_up_when_it_asks_does_not_wait() -> None:
    simulation = Simulation(root_seed=0)
    device = build(simulation)
    _, late, next_one = run_jobs(simulation, device, [(0.0, 100.0, math.inf), (1.0, 50.0, 0.5), (2.0, 10.0, math.inf)])
    assert (late.outcome, late.start_s, late.end_s, late.flop) == ("late", 1.0, 1.0, 0.0)
    assert [row["start_s"] for row in simulation.records.rows("span") if row["kind"] == "queue"] == [2.0]
    assert next_one.start_s == 10.0


def test_the_queue_behind_a_device_that_is_gone_is_lost_with_it() -> None:
    simulation = Simulation(root_seed=0)
    outcomes = run_jobs(simulation, build(simulation, (4.0, None)), [(float(k), 100.0, math.inf) for k in range(3)])
    assert [(o.outcome, o.end_s) for o in outcomes] == [("lost", 4.0)] * 3
    assert_spans_start_when_their_causes_ended(simulation)


@pytest.mark.parametrize("on_loss", LOSSES)
@pytest.mark.parametrize("seed", range(3))
def test_every_span_starts_exactly_when_its_cause_ended_whatever_happens(on_loss: OnLoss, seed: int) -> None:
    rng = np.random.default_rng(seed)
    simulation = Simulation(root_seed=seed)
    law = BernoulliBlocks(probability=0.7, block_s=0.1 + rng.random())
    device = Device(simulation, 0, PROFILE, 7.3, absences((20.0, 23.3), law=law), on_loss)
    asked_s = np.cumsum(rng.exponential(1.0, 200))
    jobs = [(float(t), float(rng.exponential(5.0)), float(t + rng.exponential(20.0))) for t in asked_s]
    outcomes = run_jobs(simulation, device, jobs)
    assert_spans_start_when_their_causes_ended(simulation)
    assert {o.outcome for o in outcomes} >= {"completed", "late"}
    computing_s = sum(r["end_s"] - r["start_s"] for r in simulation.records.rows("span") if r["kind"] == "compute")
    assert sum(o.energy_j for o in outcomes) == pytest.approx(PROFILE.compute_w * computing_s)
    assert sum(o.flop for o in outcomes) == pytest.approx(7.3 * computing_s)
    assert all(0.0 <= o.kept_flop <= o.flop for o in outcomes)


@settings(deadline=None)
@given(st.floats(0, 100), st.floats(0.01, 50), st.integers(0, 50), st.sampled_from(LOSSES))
def test_a_course_computes_only_while_the_device_is_there(
    start_s: float, work_s: float, seed: int, on_loss: OnLoss
) -> None:
    law = BernoulliBlocks(probability=0.8, block_s=7.0)
    presence = Absences(law, [], 1, Luck(seed))
    course = plan_course(start_s, work_s, presence, 0, on_loss, limit_s=start_s + 500.0)
    for kind, piece_start_s, piece_end_s in course.pieces:
        middle_s = (piece_start_s + piece_end_s) / 2
        assert presence.is_available(0, middle_s) == (kind == "compute")
    if course.outcome == "completed":
        assert course.computing_s - course.wasted_s == pytest.approx(work_s)
    starts = [piece.start_s for piece in course.pieces]
    assert starts == [start_s, *(piece.end_s for piece in course.pieces)][: len(starts)]
    assert not course.pieces or course.pieces[-1].end_s == course.end_s


def test_a_run_ends_at_its_horizon_though_a_restarting_job_never_would() -> None:
    simulation = Simulation(root_seed=0, horizon_s=100.0)
    law = BernoulliBlocks(probability=0.5, block_s=1.0)
    device = Device(simulation, 0, PROFILE, 1.0, absences(law=law), "restart")
    simulation.start(device.compute(1e6, NO_CAUSE), "hopeless")
    assert simulation.run() == "horizon"
    device.close(100.0)
    rows = list(simulation.records.rows("span"))
    assert rows[0]["start_s"] == 0.0 and rows[-1]["end_s"] == 100.0
    assert_spans_start_when_their_causes_ended(simulation)


def test_a_job_cut_off_by_the_end_of_the_run_is_recorded_up_to_there() -> None:
    simulation = Simulation(root_seed=0, horizon_s=6.0)
    device = build(simulation, (2.0, 3.0))
    simulation.start(device.compute(1000.0, NO_CAUSE), "long")
    simulation.run()
    device.close(6.0)
    spans = [(row["kind"], row["start_s"], row["end_s"]) for row in simulation.records.rows("span")]
    assert spans == [("compute", 0.0, 2.0), ("absent", 2.0, 3.0), ("compute", 3.0, 6.0)]


@pytest.mark.parametrize("flop", [0.0, -1.0, math.inf, math.nan])
def test_work_that_is_none_or_endless_is_refused(flop: float) -> None:
    simulation = Simulation(root_seed=0)
    with pytest.raises(ValueError, match="must be above 0 and finite"):
        next(build(simulation).compute(flop, NO_CAUSE))


def mean_waits_s(utilisation: float, exponential: bool, num_replications: int, num_jobs: int) -> list[float]:
    """Return the mean wait of each replication without its warm-up: Poisson arrivals, mean service 1 s."""
    waits = []
    for replication in range(num_replications):
        simulation = Simulation(root_seed=replication)
        gaps_s = simulation.stream(Purpose.ARRIVALS).exponential(1 / utilisation, num_jobs)
        service = simulation.stream(Purpose.SERVICE)
        work_s = service.exponential(1.0, num_jobs) if exponential else np.ones(num_jobs)
        jobs = zip(np.cumsum(gaps_s).tolist(), (PROFILE.flop_per_s * work_s).tolist(), strict=True)
        outcomes = run_jobs(simulation, build(simulation), [(at, flop, math.inf) for at, flop in jobs])
        each_s = np.array([o.start_s for o in outcomes]) - np.cumsum(gaps_s)
        waits.append(float(each_s[num_jobs // 10 :].mean()))
    return waits


@pytest.mark.parametrize("exponential", [True, False], ids=["M/M/1", "M/D/1"])
def test_the_mean_wait_is_that_of_pollaczek_and_khinchine(exponential: bool) -> None:
    # W = rho E[S^2] / (2 (1 - rho) E[S]); E[S] = 1 s, E[S^2] = 2 s^2 or 1 s^2.
    rho, num_replications = 0.6, 20
    expected_s = rho * (2.0 if exponential else 1.0) / (2 * (1 - rho))
    waits_s = mean_waits_s(rho, exponential, num_replications, num_jobs=1000)
    error_s = np.std(waits_s, ddof=1) / math.sqrt(num_replications)
    assert error_s < 0.08 * expected_s
    assert np.mean(waits_s) == pytest.approx(expected_s, abs=4 * error_s)


def test_a_job_that_can_never_be_done_and_has_no_limit_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testbed.devices.device._MOST_PIECES", 100)
    presence = absences(law=BernoulliBlocks(probability=0.5, block_s=1.0))
    with pytest.raises(RunFailure, match="device-0: a job taken up at t = 3 s is interrupted without end"):
        plan_course(3.0, 1e6, presence, 0, "restart")
