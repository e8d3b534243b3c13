from itertools import pairwise
from typing import Any

import pytest
import simpy

from channels.turn import Medium
from testbed.records import NO_CAUSE
from testbed.simulation import Process, Simulation


def spans(simulation: Simulation) -> list[dict[str, Any]]:
    return list(simulation.records.rows("span"))


def assert_every_span_starts_exactly_when_its_cause_ended(simulation: Simulation) -> None:
    ends_s = {row["span_id"]: row["end_s"] for row in spans(simulation)}
    broken = [
        row for row in spans(simulation) if row["cause_id"] != NO_CAUSE and ends_s[row["cause_id"]] != row["start_s"]
    ]
    assert broken == []


def work_then_hold(
    simulation: Simulation, medium: Medium, holder: str, work_s: float, hold_s: float, rounds: int = 1
) -> Process:
    cause_id = NO_CAUSE
    for _ in range(rounds):
        start_s = simulation.now_s
        yield simulation.env.timeout(work_s)
        cause_id = simulation.records.span(holder, "compute", start_s, simulation.now_s, cause_id)
        with (yield from medium.take_turn(holder, cause_id)) as turn:
            start_s = simulation.now_s
            yield simulation.env.timeout(hold_s)
            turn.follow(simulation.records.span(holder, "transmit", start_s, simulation.now_s, turn.cause_id))
            cause_id = turn.cause_id


def test_turns_are_taken_in_the_order_of_asking_and_never_overlap() -> None:
    simulation = Simulation(root_seed=0)
    medium = Medium(simulation)
    for number, work_s in enumerate((0.3, 0.1, 0.2)):
        simulation.start(work_then_hold(simulation, medium, f"group-{number}", work_s, 1.0), f"group-{number}")
    simulation.env.run()
    held = [row for row in spans(simulation) if row["kind"] == "transmit"]
    assert [row["entity"] for row in held] == ["group-1", "group-2", "group-0"]
    assert all(one["end_s"] <= other["start_s"] for one, other in pairwise(held))


def test_every_span_starts_exactly_when_its_cause_ended_with_contention() -> None:
    simulation = Simulation(root_seed=0)
    medium = Medium(simulation)
    simulation.start(work_then_hold(simulation, medium, "group-0", 0.1, 0.7, rounds=20), "group-0")
    simulation.start(work_then_hold(simulation, medium, "group-1", 0.3, 0.9, rounds=20), "group-1")
    simulation.env.run()
    kinds = [row["kind"] for row in spans(simulation)]
    assert kinds.count("transmit") == 40
    assert kinds.count("queue") >= 30
    assert_every_span_starts_exactly_when_its_cause_ended(simulation)


def test_who_waited_is_released_by_the_transmission_of_the_holder_before() -> None:
    simulation = Simulation(root_seed=0)
    medium = Medium(simulation)
    simulation.start(work_then_hold(simulation, medium, "group-0", 0.1, 0.7), "group-0")
    simulation.start(work_then_hold(simulation, medium, "group-1", 0.2, 0.7), "group-1")
    simulation.env.run()
    rows = {(row["entity"], row["kind"]): row for row in spans(simulation)}
    assert rows["group-1", "transmit"]["cause_id"] == rows["group-0", "transmit"]["span_id"]
    assert rows["group-1", "queue"]["cause_id"] == rows["group-1", "compute"]["span_id"]
    assert ("group-0", "queue") not in rows


def test_a_holder_that_fails_gives_the_medium_back_and_leaves_its_idle_hold_behind() -> None:
    simulation = Simulation(root_seed=0)
    medium = Medium(simulation)

    def fail_after(hold_s: float) -> Process:
        try:
            with (yield from medium.take_turn("group-0", NO_CAUSE)):
                yield simulation.env.timeout(hold_s)
                raise KeyError("lost")
        except KeyError:
            pass

    simulation.start(fail_after(0.5), "group-0")
    simulation.start(work_then_hold(simulation, medium, "group-1", 0.2, 0.7), "group-1")
    simulation.env.run()
    rows = {(row["entity"], row["kind"]): row for row in spans(simulation)}
    assert (rows["group-0", "wait"]["start_s"], rows["group-0", "wait"]["end_s"]) == (0.0, 0.5)
    assert rows["group-1", "transmit"]["cause_id"] == rows["group-0", "wait"]["span_id"]
    assert_every_span_starts_exactly_when_its_cause_ended(simulation)


def test_who_abandons_the_line_does_not_swallow_the_medium() -> None:
    simulation = Simulation(root_seed=0)
    medium = Medium(simulation)

    def abandon() -> Process:
        yield simulation.env.timeout(0.15)
        try:
            yield from medium.take_turn("group-1", NO_CAUSE)
        except simpy.Interrupt:
            return

    simulation.start(work_then_hold(simulation, medium, "group-0", 0.1, 1.0), "group-0")
    in_line = simulation.start(abandon(), "group-1")

    def interrupt() -> Process:
        yield simulation.env.timeout(0.5)
        in_line.interrupt()

    simulation.start(interrupt(), "interrupt")
    simulation.start(work_then_hold(simulation, medium, "group-2", 0.2, 1.0), "group-2")
    simulation.env.run()
    held = [row["entity"] for row in spans(simulation) if row["kind"] == "transmit"]
    assert held == ["group-0", "group-2"]


def test_a_turn_that_is_thrown_away_frees_the_medium_and_adds_no_row() -> None:
    simulation = Simulation(root_seed=0)
    medium = Medium(simulation)

    def hold() -> Process:
        with (yield from medium.take_turn("group-0", NO_CAUSE)):
            yield simulation.env.event()

    held = hold()
    next(held)  # asks
    held.send(None)  # holds
    simulation.env.run(until=1.0)
    held.close()
    simulation.start(work_then_hold(simulation, medium, "group-1", 0.5, 1.0), "group-1")
    simulation.env.run()
    assert [(row["entity"], row["kind"]) for row in spans(simulation)] == [
        ("group-1", "compute"),
        ("group-1", "transmit"),
    ]


def test_closing_twice_gives_back_once_and_a_closed_turn_is_refused() -> None:
    simulation = Simulation(root_seed=0)
    medium = Medium(simulation)

    def close_twice() -> Process:
        turn = yield from medium.take_turn("group-0", NO_CAUSE)
        turn.require(medium)
        with pytest.raises(RuntimeError, match="without holding"):
            turn.require(Medium(simulation))
        turn.close()
        turn.close()
        with pytest.raises(RuntimeError, match="without holding"):
            turn.require(medium)
        simulation.finish("closed")

    simulation.start(close_twice(), "group-0")
    assert simulation.run() == "closed"
