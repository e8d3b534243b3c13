"""The event core against bare SimPy: timeouts per second, with a span recorded after each.

Run it by `python tests/benchmarks/event_core.py [NUM_EVENTS]`: it prints both rates and their ratio, measured
by turns in one process, for events that stay within a block of rows and for events that go to disk.
"""

import statistics
import sys
import time
from collections.abc import Callable, Generator

import simpy

from testbed.records import BLOCK_ROWS, NO_CAUSE
from testbed.simulation import Simulation

NUM_TURNS = 5


def bare_rate(num_events: int) -> float:
    """Return the timeouts per second of processor time of SimPy alone."""
    env = simpy.Environment()

    def tick() -> Generator[simpy.Event]:
        for _ in range(num_events):
            yield env.timeout(1.0)

    env.process(tick())
    return _rate(env.run, num_events)


def recorded_rate(num_events: int) -> float:
    """Return the timeouts per second of processor time of a simulation that records a span after each."""
    simulation = Simulation(0)

    def tick() -> Generator[simpy.Event]:
        env, records = simulation.env, simulation.records
        started_s, cause_id = 0.0, NO_CAUSE
        for _ in range(num_events):
            yield env.timeout(1.0)
            cause_id = records.span("device-7", "compute", started_s, env.now, cause_id)
            started_s = env.now
        simulation.finish("ticked")

    simulation.start(tick(), "clock")
    rate = _rate(simulation.run, num_events)
    assert simulation.records.num_rows("span") == num_events
    return rate


def _rate(run: Callable[[], object], num_events: int) -> float:
    started = time.process_time()
    run()
    return num_events / (time.process_time() - started)


def rates(num_events: int) -> list[float]:
    """Return the recorded rate over the bare one, by turns."""
    recorded_rate(BLOCK_ROWS)  # what is imported once
    return [recorded_rate(num_events) / bare_rate(num_events) for _ in range(NUM_TURNS)]


if __name__ == "__main__":
    for count in (BLOCK_ROWS - 1, int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000):
        ratios = rates(count)
        print(  # noqa: T201 - what it is run for
            f"{count} events: {statistics.median(ratios):.2f} of bare SimPy's rate "
            f"(median of {NUM_TURNS}, {min(ratios):.2f} to {max(ratios):.2f})"
        )
