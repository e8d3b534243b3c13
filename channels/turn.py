"""Turns on a shared medium: one holder at a time, first come first served, and every wait with its cause.

The law of the records: a span starts exactly when its cause ended. Hence whoever had to wait is released by
the last span of the holder before, and a holder that keeps the medium without using it leaves a `wait` span
behind.
"""

from collections.abc import Generator, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeAlias

import simpy

from channels.orthogonal import Piece
from testbed.records import NO_CAUSE
from testbed.simulation import Simulation

__all__ = ["Medium", "Turn"]

Waiting: TypeAlias = Generator[simpy.Event, Any, Any]


class Medium:
    """A medium that one holder at a time may use: the multiple-access channel, or the downlink."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self._resource = simpy.Resource(simulation.env, capacity=1)
        self._released_by = NO_CAUSE

    def take_turn(self, holder: str, cause_id: int) -> Generator[simpy.Event, Any, "Turn"]:
        """Wait for the medium and return the turn; close it, or use it in a `with` block.

        Parameters
        ----------
        holder : entity on whose line the waiting is recorded.
        cause_id : the span that ended now and made the holder ask.
        """
        requested_s = self.simulation.now_s
        request = self._resource.request()
        try:
            yield request
        except BaseException:
            # An abandoned request would stay in line and swallow the medium.
            request.cancel()
            self._resource.release(request)
            raise
        now_s = self.simulation.now_s
        if now_s > requested_s:
            self.simulation.records.span(holder, "queue", requested_s, now_s, cause_id)
            cause_id = self._released_by
        return Turn(self, request, holder, now_s, cause_id)

    def release(self, request: simpy.resources.resource.Request, last_span_id: int) -> None:
        """Give the medium to the next in line, released by the span `last_span_id`; for `Turn` only."""
        self._released_by = last_span_id
        self._resource.release(request)


class Turn:
    """The right to use a medium from `start_s` until closed.

    `cause_id` is the span whose end released whatever happens next in this turn: at first what released the
    turn itself, later the last transmission.
    """

    def __init__(
        self,
        medium: Medium,
        request: simpy.resources.resource.Request,
        holder: str,
        start_s: float,
        cause_id: int,
    ) -> None:
        self.medium = medium
        self.holder = holder
        self.start_s = start_s
        self.cause_id = cause_id
        self.is_open = True
        self._request = request
        self._caused_s = start_s

    def follow(self, span_id: int) -> None:
        """Let the span `span_id`, which ended now, be the cause of what happens next."""
        self.cause_id = span_id
        self._caused_s = self.medium.simulation.now_s

    def catch_up(self) -> int:
        """Return the cause of what happens now; time for which the medium was held idle becomes a span."""
        now_s = self.medium.simulation.now_s
        if now_s > self._caused_s:
            records = self.medium.simulation.records
            self.follow(records.span(self.holder, "wait", self._caused_s, now_s, self.cause_id))
        return self.cause_id

    def play(self, entity: str, pieces: Sequence[Piece], cause_id: int, paused_kind: str = "absent") -> Waiting:
        """Let the pieces of a transmission pass, each a span of `entity`; return the last span's id."""
        ends = yield from self.play_together({entity: pieces}, cause_id, paused_kind)
        return ends[entity][0]

    def play_together(
        self, pieces: Mapping[str, Sequence[Piece]], cause_id: int, paused_kind: str = "absent"
    ) -> Waiting:
        """Let transmissions that start now pass side by side; return entity -> (last span's id, when it ended [s])."""
        simulation = self.medium.simulation
        ends = dict.fromkeys(pieces, (cause_id, simulation.now_s))
        # The sort is stable: what ends at one instant is recorded in the order given.
        due = sorted(((piece, entity) for entity, run in pieces.items() for piece in run), key=lambda p: p[0].end_s)
        for piece, entity in due:
            released_by, start_s = ends[entity]
            # The clock may reach a planned end one rounding away from it; the record says where the clock
            # was.
            yield simulation.env.timeout(max(piece.end_s - simulation.now_s, 0.0))
            kind = "transmit" if piece.kind == "transmit" else paused_kind
            span_id = simulation.records.span(entity, kind, start_s, simulation.now_s, released_by)
            ends[entity] = (span_id, simulation.now_s)
        return ends

    def require(self, medium: Medium) -> None:
        """Refuse a turn that is over or belongs to another medium."""
        if not self.is_open or self.medium is not medium:
            raise RuntimeError(f"{self.holder} transmits without holding the medium")

    def close(self) -> None:
        """Give the medium back; closing twice does nothing."""
        if self.is_open:
            self.is_open = False
            self.medium.release(self._request, self.catch_up())

    def __enter__(self) -> "Turn":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is GeneratorExit and self.is_open:
            # The generator is being thrown away, perhaps after the run: free the medium, but add no row to
            # the records.
            self.is_open = False
            self.medium.release(self._request, NO_CAUSE)
        else:
            self.close()
