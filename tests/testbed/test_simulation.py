import gc
import math
import weakref

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.errors import RunFailure
from testbed.simulation import DeadlockError, Simulation

PATIENT = settings(deadline=None)

HORIZONS = [pytest.param(math.inf, id="no-horizon"), pytest.param(10.0, id="horizon-10-s")]


def sleep(simulation, times_s, seen, then=None):
    """Note the time after each wait, then do something."""
    for time_s in times_s:
        yield simulation.env.timeout(time_s)
        seen.append(simulation.now_s)
    if then is not None:
        then()


def wait(event):
    yield event


def deadlock_of(simulation):
    with pytest.raises(DeadlockError) as deadlock:
        simulation.run()
    return str(deadlock.value)


@pytest.mark.parametrize("horizon_s", HORIZONS)
def test_a_run_ends_when_it_is_declared_finished_and_not_later(horizon_s):
    simulation, seen = Simulation(0, horizon_s), []
    simulation.start(sleep(simulation, [3.0], [], lambda: simulation.finish("enough")), "referee")
    simulation.start(sleep(simulation, [1.0] * 20, seen), "clock")
    assert not simulation.finished
    assert simulation.run() == "enough"
    assert simulation.finished
    assert simulation.now_s == 3.0
    assert max(seen) <= 3.0


def test_the_first_reason_to_finish_stands():
    simulation = Simulation(0)
    simulation.start(sleep(simulation, [1.0], [], lambda: simulation.finish("first")), "one")
    simulation.start(sleep(simulation, [1.0], [], lambda: simulation.finish("second")), "two")
    assert simulation.run() == "first"
    simulation.finish("third")
    assert simulation.finished


def test_a_run_that_was_finished_before_it_began_ends_at_once():
    simulation, seen = Simulation(0, 10.0), []
    simulation.start(sleep(simulation, [1.0], seen), "clock")
    simulation.finish("nothing to do")
    assert (simulation.run(), simulation.now_s, seen) == ("nothing to do", 0.0, [])


def test_what_is_due_at_the_horizon_still_happens_and_what_follows_does_not():
    simulation, seen = Simulation(0, 10.0), []

    def cascade():
        yield simulation.env.timeout(10.0)
        seen.append("due")
        yield simulation.env.timeout(0.0)
        seen.append("due at once")
        yield simulation.env.timeout(math.ulp(10.0))
        seen.append("too late")

    # Started first and last: neither may depend on its place in the queue.
    simulation.start(cascade(), "one")
    simulation.start(sleep(simulation, [2.5] * 5, seen), "clock")
    assert simulation.run() == "horizon"
    assert simulation.now_s == 10.0
    assert sorted(map(str, seen)) == ["10.0", "2.5", "5.0", "7.5", "due", "due at once"]


def test_a_run_finished_exactly_at_the_horizon_keeps_its_own_reason():
    simulation = Simulation(0, 10.0)
    simulation.start(sleep(simulation, [10.0], [], lambda: simulation.finish("target reached")), "referee")
    assert simulation.run() == "target reached"


@PATIENT
@given(st.lists(st.floats(0.001, 20.0), min_size=1, max_size=8), st.floats(0.001, 100.0))
def test_exactly_the_events_up_to_the_horizon_happen(waits_s, horizon_s):
    simulation, seen, due, now_s = Simulation(0, horizon_s), [], [], 0.0
    for wait_s in waits_s:
        now_s += wait_s
        due.append(now_s)
    simulation.start(sleep(simulation, waits_s, seen), "clock")
    simulation.start(sleep(simulation, [200.0], []), "daemon")
    assert simulation.run() == "horizon"
    assert simulation.now_s == horizon_s
    assert seen == [time_s for time_s in due if time_s <= horizon_s]


@pytest.mark.parametrize("horizon_s", HORIZONS)
def test_a_deadlock_lists_who_waits_for_what(horizon_s):
    simulation = Simulation(0, horizon_s)
    upload = simulation.event("an upload of group 1")
    ready, quorum = simulation.event("device-0 to be ready"), simulation.event("a quorum")
    blocked = simulation.start(wait(upload), "server")
    simulation.start(wait(ready & quorum), "group 0")
    simulation.start(wait(ready | quorum), "group 1")
    simulation.start(wait(upload | (ready & quorum)), "group 2")
    simulation.start(wait(blocked), "observer")
    simulation.start(sleep(simulation, [3.0], []), "done")
    message = deadlock_of(simulation)
    assert message.splitlines()[1:] == [
        "  server waits for an upload of group 1",
        "  group 0 waits for device-0 to be ready and a quorum",
        "  group 1 waits for device-0 to be ready or a quorum",
        "  group 2 waits for an upload of group 1 or device-0 to be ready and a quorum",
        "  observer waits for the end of server",
    ]


def test_a_deadlock_leaves_out_what_has_already_come():
    simulation = Simulation(0)
    ready, quorum = simulation.event("device-0 to be ready"), simulation.event("a quorum")
    simulation.start(wait(ready & quorum), "group 0")
    simulation.start(sleep(simulation, [1.0], [], ready.succeed), "device-0")
    assert deadlock_of(simulation).splitlines()[1:] == ["  group 0 waits for a quorum"]


def test_a_deadlock_without_horizon_tells_when_the_last_thing_happened():
    simulation = Simulation(0)
    simulation.start(sleep(simulation, [3.0], []), "clock")
    simulation.start(wait(simulation.event("godot")), "vladimir")
    assert "after t = 3 s" in deadlock_of(simulation)


@pytest.mark.parametrize("horizon_s", HORIZONS)
def test_a_run_whose_processes_all_ended_without_finishing_it_is_a_deadlock(horizon_s):
    simulation = Simulation(0, horizon_s)
    simulation.start(sleep(simulation, [1.0], []), "clock")
    assert "no process is left" in deadlock_of(simulation)


def test_a_daemon_with_work_beyond_the_horizon_is_not_a_deadlock():
    simulation = Simulation(0, 10.0)
    simulation.start(sleep(simulation, [11.0], []), "daemon")
    simulation.start(wait(simulation.event("godot")), "vladimir")
    assert simulation.run() == "horizon"


def test_a_request_left_waiting_is_named_in_the_deadlock():
    simulation = Simulation(0)
    medium = simpy.Resource(simulation.env)

    def take():
        yield medium.request()  # and never gives it back
        yield simulation.event("godot")

    simulation.start(take(), "holder")
    simulation.start(take(), "waiter")
    assert [line.split(" waits ")[0].strip() for line in deadlock_of(simulation).splitlines()[1:]] == [
        "holder",
        "waiter",
    ]


@pytest.mark.parametrize("horizon_s", HORIZONS)
@pytest.mark.parametrize("error", [ZeroDivisionError("broken"), RuntimeError("broken"), RunFailure("broken")], ids=repr)
def test_a_failing_process_stops_the_run_with_its_own_error(horizon_s, error):
    simulation, seen = Simulation(0, horizon_s), []

    def fail():
        raise error

    simulation.start(sleep(simulation, [1.0] * 5, seen), "clock")
    simulation.start(sleep(simulation, [2.5], [], fail), "broken")
    with pytest.raises(type(error), match="broken") as raised:
        simulation.run()
    assert raised.value is error or raised.value.__cause__ is error
    assert not isinstance(raised.value, DeadlockError)
    assert seen == [1.0, 2.0]


def test_a_deadlock_is_a_failed_run():
    assert issubclass(DeadlockError, RunFailure)


def test_an_event_carries_its_value_to_every_waiter():
    simulation, got = Simulation(0), []
    event = simulation.event("news")

    def listen():
        got.append((yield event))
        if len(got) == 2:
            simulation.finish("told")

    simulation.start(listen(), "one")
    simulation.start(listen(), "two")
    simulation.start(sleep(simulation, [1.0], [], lambda: event.succeed(42)), "speaker")
    assert simulation.run() == "told"
    assert got == [42, 42]


def test_a_constructed_simulation_has_scheduled_nothing():
    assert Simulation(0, 10.0).env.peek() == math.inf


def test_two_runs_share_nothing():
    one, other = Simulation(0), Simulation(0)
    one.records.span("device-0", "compute", 0.0, 1.0, -1)
    one.finish("over")
    assert other.records.num_rows("span") == 0
    assert not other.finished


def test_what_a_process_returned_is_not_kept_when_nobody_else_does() -> None:
    class Model:
        pass

    simulation = Simulation(root_seed=0)
    seen: list[weakref.ref[Model]] = []

    def train():
        yield simulation.env.timeout(1.0)
        model = Model()
        seen.append(weakref.ref(model))
        return model

    def serve():
        for _ in range(3):
            yield simulation.start(train(), "a client")
        simulation.finish("served")

    simulation.start(serve(), "the server")
    simulation.run()
    gc.collect()
    assert [model() for model in seen] == [None, None, None]


def test_a_description_may_be_a_function_that_is_asked_when_the_report_is_written():
    simulation, words = Simulation(0), ["too early"]
    event = simulation.event(lambda: words[-1])
    simulation.start(sleep(simulation, [1.0], [], lambda: words.append("a link that is down by now")), "clock")
    simulation.start(wait(event), "flow")
    assert "flow waits for a link that is down by now" in deadlock_of(simulation)
