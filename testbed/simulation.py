"""The simulated clock: one SimPy environment, the run's luck and its records.

A run ends on an explicit *finished* event or at its horizon, never because the event queue happened to run
dry: if nothing can happen any more while processes still wait, that is a deadlock, and the error lists who
waits for what.
"""

import math
from collections.abc import Callable, Generator
from typing import Any, Final, TypeAlias

import simpy
from simpy.events import EventPriority

from testbed.errors import RunFailure
from testbed.records import Recorder
from testbed.streams import Luck

__all__ = ["DeadlockError", "Process", "Simulation"]

Process: TypeAlias = Generator[simpy.Event, Any, Any]

# SimPy has the priorities 0 (urgent) and 1 (normal): whatever is due at the horizon itself comes first.
_AFTER_EVERYTHING: Final = EventPriority(2)


class DeadlockError(RunFailure):
    """Nothing can happen any more, but the scenario has not finished."""


class Simulation:
    """One run's clock, luck and records.

    Parameters
    ----------
    root_seed : the seed every stream descends from.
    horizon_s : simulated time at which the run ends if nobody finished it before; infinity for none.

    >>> simulation = Simulation(root_seed=0, horizon_s=10.0)
    >>> def tick():
    ...     yield simulation.env.timeout(3.0)
    ...     simulation.finish("ticked")
    >>> _ = simulation.start(tick(), "clock")
    >>> simulation.run(), simulation.now_s
    ('ticked', 3.0)
    """

    def __init__(self, root_seed: int, horizon_s: float = math.inf) -> None:
        self.env = simpy.Environment()
        self.records = Recorder()
        self.root_seed = root_seed
        self.stream = Luck(root_seed)  # purpose, *ids -> the generator at that address
        self.horizon_s = horizon_s
        self._finished = self.env.event()
        # Only those that go on: what a process returned may be a whole model, and is its reader's to keep.
        self._processes: dict[simpy.Process, str] = {}
        self._expected_waits: dict[simpy.Event, str | Callable[[], str]] = {}

    @property
    def now_s(self) -> float:
        """The simulated time [s]."""
        return float(self.env.now)

    @property
    def finished(self) -> bool:
        """Whether the run has been declared over."""
        return bool(self._finished.triggered)

    def start(self, process: Process, name: str) -> simpy.Process:
        """Start a process under a name that a deadlock report can show."""
        started = self.env.process(process)
        self._processes[started] = name
        assert started.callbacks is not None
        started.callbacks.append(self._end)
        return started

    def _end(self, process: simpy.Event) -> None:
        del self._processes[process]  # type: ignore[arg-type]  # it is one

    def event(self, description: str | Callable[[], str]) -> simpy.Event:
        """Return a new event; the description says, in a deadlock report, what its waiters wait for.

        A function is asked when the report is written.
        """
        event = self.env.event()
        self._expected_waits[event] = description
        event.callbacks.append(self._forget)
        return event

    def after_everything(self, delay_s: float) -> simpy.Event:
        """Return an event that happens in `delay_s`, after whatever else is due at that time."""
        event = self.env.event()
        event._ok, event._value = True, None
        self.env.schedule(event, priority=_AFTER_EVERYTHING, delay=delay_s)
        return event

    def _forget(self, event: simpy.Event) -> None:
        del self._expected_waits[event]

    def finish(self, reason: str) -> None:
        """Declare the run over; the first reason stands."""
        if not self._finished.triggered:
            self._finished.succeed(reason)

    def run(self) -> str:
        """Run until finished and return the reason.

        Raises
        ------
        DeadlockError : nothing can happen any more before the run was finished.
        """
        if math.isfinite(self.horizon_s):
            at_horizon = self.after_everything(self.horizon_s - self.now_s)
            at_horizon.callbacks.append(self._reach_horizon)
        try:
            return str(self.env.run(until=self._finished))
        except RuntimeError as error:
            if "No scheduled events left" not in str(error):
                raise
            raise self._deadlock() from None

    def _reach_horizon(self, _event: simpy.Event) -> None:
        if not self.finished and self.env.peek() == math.inf:
            raise self._deadlock()
        self.finish("horizon")

    def _deadlock(self) -> DeadlockError:
        waiting = [
            f"  {name} waits for {self._describe(p.target)}" for p, name in self._processes.items() if p.is_alive
        ]
        listing = "\n".join(waiting) if waiting else "  no process is left, and none finished the run"
        return DeadlockError(f"deadlock: nothing can happen after t = {self._last_event_s():g} s\n{listing}")

    def _last_event_s(self) -> float:
        return min(self.now_s, self.horizon_s)

    def _describe(self, target: simpy.Event | None) -> str:
        if target is None:
            return "nothing"
        if isinstance(target, simpy.events.Condition):
            word = " or " if target._evaluate is simpy.events.Condition.any_events else " and "
            return word.join(self._describe(event) for event in target._events if not event.processed)
        if isinstance(target, simpy.Process) and target in self._processes:
            return f"the end of {self._processes[target]}"
        description = self._expected_waits.get(target)
        return (description() if callable(description) else description) or repr(target)
