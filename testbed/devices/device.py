"""A device: a queue of computing jobs, one after another, each charged in time and energy.

    computing time = FLOP / (FLOP per second)        energy = compute_w * computing time

A job that loses its device does what `on_loss` says: `pause` goes on where it stopped, `restart` begins
again, and `abandon` is lost. A job whose device never comes back is lost at the moment the device leaves; one
that is not ready at its `give_up_s` is late. What was spent stays charged. Our choice: a device that is away
when it takes a job up starts when it is back, whatever `on_loss` says.

Availability is a function of time, so the whole course of a job is known when the device takes it up: no
interrupts, one event a job.
"""

import math
from collections.abc import Generator
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias

import simpy

from testbed.devices.energy import compute_energy_j
from testbed.devices.profiles import DeviceProfile
from testbed.errors import RunFailure
from testbed.line import Line
from testbed.simulation import Simulation

__all__ = ["ComputeOutcome", "Course", "Device", "OnLoss", "Outcome", "Piece", "Presence", "plan_course"]

OnLoss: TypeAlias = Literal["pause", "restart", "abandon"]
Outcome: TypeAlias = Literal["completed", "late", "lost"]

_MOST_PIECES: Final = 100_000


class Presence(Protocol):
    """Whoever knows when devices are there."""

    def is_available(self, device: int, time_s: float) -> bool:
        """Return whether a device is there at a time."""
        ...

    def next_change_s(self, device: int, time_s: float, until_s: float = ...) -> float:
        """Return when a device next comes or goes [s]; infinity if not before `until_s`."""
        ...

    def is_gone_for_good(self, device: int, time_s: float) -> bool:
        """Return whether a device is away and never comes back."""
        ...


class Piece(NamedTuple):
    """A part of a job's course: `kind` is compute or absent."""

    kind: str
    start_s: float
    end_s: float


class Course(NamedTuple):
    """What becomes of a job: pieces that each start where the one before ended, and when it is over and how.

    `wasted_s` is the computing time that restarts threw away [s].
    """

    pieces: tuple[Piece, ...]
    end_s: float
    outcome: Outcome
    wasted_s: float = 0.0

    @property
    def computing_s(self) -> float:
        """The time spent computing [s]."""
        return sum(piece.end_s - piece.start_s for piece in self.pieces if piece.kind == "compute")


class ComputeOutcome(NamedTuple):
    """What came of a job.

    `span_id` : the last span of the job; the cause it was given if nothing was recorded.
    `start_s`, `end_s` : when the device took it up and when it was over; equal if it never ran [s].
    `flop` : operations spent, in vain or not [FLOP]. `energy_j` : energy spent computing [J].
    `kept_flop` : operations the job had behind it when it was over, without those a restart threw away; none if
    it was lost [FLOP].
    """

    outcome: Outcome
    span_id: int
    start_s: float
    end_s: float
    flop: float
    energy_j: float
    kept_flop: float


def plan_course(
    start_s: float, work_s: float, presence: Presence, device: int, on_loss: OnLoss, limit_s: float = math.inf
) -> Course:
    """Return the course of a job of `work_s` seconds of computing that is taken up at `start_s`.

    `limit_s` : the job is late if it is not over by then [s].

    Raises
    ------
    RunFailure : a job without a limit was interrupted until its course had 100,000 pieces.
    """
    pieces: list[Piece] = []
    now_s, remaining_s, wasted_s = start_s, work_s, 0.0
    while math.isfinite(limit_s) or len(pieces) < _MOST_PIECES:
        if not presence.is_available(device, now_s):
            if presence.is_gone_for_good(device, now_s):
                return _ending(start_s, pieces, now_s, "lost", wasted_s)
            end_s = min(presence.next_change_s(device, now_s, limit_s), limit_s)
            pieces.append(Piece("absent", now_s, end_s))
        else:
            ready_s = now_s + remaining_s
            stop_s = min(ready_s, limit_s)
            end_s = min(presence.next_change_s(device, now_s, stop_s), stop_s)
            pieces.append(Piece("compute", now_s, end_s))
            if end_s >= ready_s:
                return _ending(start_s, pieces, end_s, "completed", wasted_s)
            if end_s < stop_s and on_loss == "abandon":
                return _ending(start_s, pieces, end_s, "lost", wasted_s)
            if on_loss == "restart" and end_s < stop_s:
                wasted_s += end_s - now_s
            else:
                remaining_s = max(0.0, remaining_s - (end_s - now_s))
        now_s = end_s
        if now_s >= limit_s:
            return _ending(start_s, pieces, now_s, "late", wasted_s)
    raise RunFailure(f"device-{device}: a job taken up at t = {start_s:g} s is interrupted without end")


def _ending(start_s: float, pieces: list[Piece], end_s: float, outcome: Outcome, wasted_s: float) -> Course:
    # The clock is told a delay, not a time. The end is rounded as the clock will round it, so that the last
    # span ends exactly when whoever waits for it goes on.
    end_s = start_s + (end_s - start_s)
    lasting = [piece for piece in pieces if piece.start_s < piece.end_s]
    if lasting:
        kind, last_start_s, _ = lasting[-1]
        lasting[-1] = Piece(kind, last_start_s, end_s)
    return Course(tuple(lasting), end_s, outcome, wasted_s)


class Device:
    """One device of the population.

    Parameters
    ----------
    simulation : the run's clock and records.
    index : its number, its client's id and its position in the population's columns.
    profile : what it draws.
    flop_per_s : its own effective speed [FLOP/s].
    presence : when it is there.
    on_loss : what becomes of a job when the device leaves.
    """

    def __init__(
        self,
        simulation: Simulation,
        index: int,
        profile: DeviceProfile,
        flop_per_s: float,
        presence: Presence,
        on_loss: OnLoss,
    ) -> None:
        self.index = index
        self.entity = f"device-{index}"
        self.profile = profile
        self.flop_per_s = flop_per_s
        self._simulation = simulation
        self._presence = presence
        self._on_loss: OnLoss = on_loss
        self._line = Line(simulation.env)
        self._running: tuple[Course, int] | None = None
        self._releasing_span_id = -1

    @property
    def num_waiting(self) -> int:
        """The number of jobs that wait for the device, without the one it is at."""
        return self._line.num_waiting

    def compute(
        self, flop: float, cause_id: int, give_up_s: float = math.inf
    ) -> Generator[simpy.Event, Any, ComputeOutcome]:
        """Wait for the device, spend `flop` on it and return the outcome when the job is over.

        Records a queue span if it had to wait, then compute and absent spans. After a wait the job's cause is
        the last span of the job before it.

        Parameters
        ----------
        flop : work, above 0 [FLOP].
        cause_id : the span whose end released the job.
        give_up_s : the simulated time at which the job is given up if it is not ready [s].

        Raises
        ------
        ValueError : no work, or work without end.
        """
        if not 0.0 < flop < math.inf:
            raise ValueError(f"flop = {flop!r}: must be above 0 and finite")
        simulation = self._simulation
        asked_s = start_s = simulation.now_s
        turn = self._line.ask()
        if turn is not None:
            in_time_s = max(0.0, give_up_s - asked_s)
            yield turn if math.isinf(in_time_s) else turn | simulation.env.timeout(in_time_s)
            start_s = simulation.now_s
            if start_s > asked_s:
                queued_id = simulation.records.span(self.entity, "queue", asked_s, start_s, cause_id)
                cause_id = self._releasing_span_id if turn.triggered else queued_id
            if not turn.triggered:
                self._line.leave(turn)
                return ComputeOutcome("late", cause_id, start_s, start_s, 0.0, 0.0, 0.0)
        course = self._plan(flop, start_s, give_up_s)
        self._running = course, cause_id
        if course.end_s > start_s:
            yield simulation.env.timeout(course.end_s - start_s)
        self._running = None
        span_id = self._record(course.pieces, cause_id)
        self._line.release()
        return self._outcome(course, flop, span_id, start_s)

    def close(self, elapsed_s: float) -> None:
        """Record the part of a job in progress that lies before `elapsed_s`, the end of the run [s]."""
        if self._running is None:
            return
        course, cause_id = self._running
        self._running = None
        cut = (piece._replace(end_s=min(piece.end_s, elapsed_s)) for piece in course.pieces)
        self._record(tuple(piece for piece in cut if piece.start_s < piece.end_s), cause_id)

    def _plan(self, flop: float, start_s: float, give_up_s: float) -> Course:
        # Nobody sees what happens after the run's horizon, and looking for a job's end can take for ever.
        beyond_s = 1.01 * self._simulation.horizon_s + 1.0
        limit_s = max(start_s, min(give_up_s, beyond_s))
        work_s = flop / self.flop_per_s
        return plan_course(start_s, work_s, self._presence, self.index, self._on_loss, limit_s)

    def _record(self, pieces: tuple[Piece, ...], cause_id: int) -> int:
        for kind, start_s, end_s in pieces:
            cause_id = self._simulation.records.span(self.entity, kind, start_s, end_s, cause_id)
            self._releasing_span_id = cause_id
        return cause_id

    def _outcome(self, course: Course, flop: float, span_id: int, start_s: float) -> ComputeOutcome:
        computing_s = course.computing_s
        energy_j = compute_energy_j(self.profile.compute_w, computing_s)
        if course.outcome == "completed":
            spent, kept = course.wasted_s * self.flop_per_s + flop, flop
        else:
            spent = computing_s * self.flop_per_s
            kept = (computing_s - course.wasted_s) * self.flop_per_s if course.outcome == "late" else 0.0
        return ComputeOutcome(course.outcome, span_id, start_s, course.end_s, spent, energy_j, kept)
