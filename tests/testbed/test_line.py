"""Laws of a line: as a resource of capacity one, without an event for whoever finds it free."""

import simpy
from hypothesis import given
from hypothesis import strategies as st

from testbed.line import Line

VISITS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=8)  # when each comes, how long it stays [s]


def in_a_line(env, log, name, come_s, stay_s, line):
    yield env.timeout(come_s)
    turn = line.ask()
    if turn is not None:
        yield turn
    log.append((name, env.now))
    yield env.timeout(stay_s)
    line.release()


def at_a_resource(env, log, name, come_s, stay_s, resource):
    yield env.timeout(come_s)
    with resource.request() as turn:
        if not turn.triggered:
            yield turn
        log.append((name, env.now))
        yield env.timeout(stay_s)


def served(visits, visit, make):
    env, log = simpy.Environment(), []
    shared = make(env)
    for name, (come_s, stay_s) in enumerate(visits):
        env.process(visit(env, log, name, come_s, stay_s, shared))
    env.run()
    return log


@given(VISITS)
def test_everybody_is_served_when_and_in_the_order_in_which_a_resource_serves(visits):
    assert served(visits, in_a_line, Line) == served(visits, at_a_resource, simpy.Resource)


def test_who_finds_it_free_costs_no_event():
    env = simpy.Environment()
    line = Line(env)
    assert line.ask() is None
    line.release()
    assert line.ask() is None
    assert env.peek() == float("inf")


def test_who_leaves_is_passed_over():
    line = Line(simpy.Environment())
    line.ask()
    gone, next_one = line.ask(), line.ask()
    assert line.num_waiting == 2
    line.leave(gone)
    line.release()
    assert (gone.triggered, next_one.triggered, line.num_waiting) == (False, True, 0)
    assert line.ask() is not None
