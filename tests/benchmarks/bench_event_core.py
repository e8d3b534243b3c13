"""The event core: events a second with a span recorded for each, beside timeouts of SimPy alone."""

import simpy

from testbed.records import NO_CAUSE
from testbed.simulation import Simulation

NUM_PROCESSES = 100
NUM_STEPS = 200


def timeouts_alone():
    env = simpy.Environment()

    def tick(interval_s):
        for _ in range(NUM_STEPS):
            yield env.timeout(interval_s)

    for number in range(NUM_PROCESSES):
        env.process(tick(1.0 + number / NUM_PROCESSES))
    env.run()


def recorded():
    simulation = Simulation(root_seed=0)

    def tick(number):
        entity, cause_id = f"device-{number}", NO_CAUSE
        for _ in range(NUM_STEPS):
            start_s = simulation.now_s
            yield simulation.env.timeout(1.0 + number / NUM_PROCESSES)
            cause_id = simulation.records.span(entity, "compute", start_s, simulation.now_s, cause_id)

    def referee():
        yield simulation.env.all_of(ticking)
        simulation.finish("ticked")

    ticking = [simulation.start(tick(number), f"tick {number}") for number in range(NUM_PROCESSES)]
    simulation.start(referee(), "referee")
    simulation.run()
    assert simulation.records.num_rows("span") == NUM_PROCESSES * NUM_STEPS


def test_simpy_timeouts_alone(benchmark):
    benchmark(timeouts_alone)


def test_timeouts_that_leave_a_span_each(benchmark):
    benchmark(recorded)
