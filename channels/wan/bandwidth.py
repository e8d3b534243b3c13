"""How the capacity of a link varies with time.

A law of bandwidth gives each link a *course*: its capacity as a function of time, constant in pieces. Asking changes
nothing. Chance is addressed by the link and a window of time, so every alternative under one root seed meets the same
course, however often it looks.
"""

import bisect
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol, Self, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from channels.wan.data_folder import DataFolder
from testbed.settings import Part, Seconds, Settings

__all__ = ["Bandwidth", "ConstantBandwidth", "Course", "LinkNature", "Steps", "StepsBandwidth"]

WindowStream: TypeAlias = Callable[[int], np.random.Generator]


@dataclass(frozen=True, kw_only=True)
class LinkNature:
    """What a law of bandwidth may use: the link's own capacity, files, and the link's luck in window k of time."""

    capacity_bit_per_s: float
    files: DataFolder
    stream: WindowStream
    horizon_s: float = math.inf


class Course(Protocol):
    """The capacity of one link over time."""

    @property
    def nominal_bit_per_s(self) -> float:
        """What is expected of it, for planning [bit/s]; above 0."""
        ...

    def at(self, time_s: float) -> tuple[float, float]:
        """Return the capacity at a time [bit/s], and until when it holds [s], which is later."""
        ...


class Bandwidth(Protocol):
    """A law by which capacities vary."""

    def course(self, link: LinkNature) -> Course:
        """Return the course of one link.

        Raises
        ------
        RequestError : a file that is missing or damaged, or a run that it does not reach to the end of.
        """
        ...


class Steps:
    """A course that is known beforehand: value k holds from `starts_s[k]` on; with a length it starts again.

    Parameters
    ----------
    starts_s : ascending, the first one 0.
    rates_bit_per_s : as many, at least 0.
    length_s : after which it starts again; infinity: the last value holds for ever.
    offset_s : how far into it the run begins.
    """

    def __init__(
        self,
        starts_s: list[float],
        rates_bit_per_s: list[float],
        *,
        nominal_bit_per_s: float,
        length_s: float = math.inf,
        offset_s: float = 0.0,
    ) -> None:
        self.nominal_bit_per_s = nominal_bit_per_s
        self._starts_s = starts_s
        self._rates = rates_bit_per_s
        self._length_s = length_s
        self._offset_s = offset_s

    def at(self, time_s: float) -> tuple[float, float]:
        """Return the capacity at a time [bit/s], and until when it holds [s]."""
        turn = 0 if math.isinf(self._length_s) else math.floor((time_s + self._offset_s) / self._length_s)
        within_s = time_s + self._offset_s - self._turn_s(turn)
        piece = max(bisect.bisect_right(self._starts_s, within_s) - 1, 0)
        # Quotient and difference are rounded; what holds at a time must end after it.
        while self._end_s(turn, piece) <= time_s:
            turn, piece = (turn, piece + 1) if piece + 1 < len(self._starts_s) else (turn + 1, 0)
        return self._rates[piece], self._end_s(turn, piece)

    def _turn_s(self, turn: int) -> float:
        return turn * self._length_s if turn else 0.0

    def _end_s(self, turn: int, piece: int) -> float:
        if piece + 1 == len(self._starts_s):
            return self._turn_s(turn + 1) - self._offset_s
        return self._turn_s(turn) + self._starts_s[piece + 1] - self._offset_s


class ConstantBandwidth(Part):
    """The link's own capacity, all the time; draws nothing."""

    kind: str = "constant"

    def course(self, link: LinkNature) -> Steps:
        """Return the course of one piece."""
        return Steps([0.0], [link.capacity_bit_per_s], nominal_bit_per_s=link.capacity_bit_per_s)


class Step(Settings):
    """From `start_s` on the link has this fraction of its capacity."""

    start_s: Seconds  # from then on
    fraction: Annotated[float, Field(ge=0)]  # of the link's capacity; 0: nothing passes


class StepsBandwidth(Part):
    """The link's capacity times the fractions written in the scenario; before the first step it is whole.

    With `period_s` the steps start again. Planning expects the whole capacity.
    """

    kind: str = "steps"
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]  # in order of their start
    period_s: Annotated[Seconds, Field(gt=0)] | None = None  # after which they start again; none: never

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        starts_s = [step.start_s for step in self.steps]
        if any(after <= before for before, after in itertools.pairwise(starts_s)):
            raise ValueError(f"steps start one after the other, got {starts_s}")
        if self.period_s is not None and starts_s[-1] >= self.period_s:
            raise ValueError(f"period_s = {self.period_s:g} must be after the last step, at {starts_s[-1]:g} s")
        if self.period_s is not None and all(step.fraction == 0 for step in self.steps) and starts_s[0] == 0:
            raise ValueError("a link needs a fraction above 0 at some time")
        return self

    def course(self, link: LinkNature) -> Steps:
        """Return the steps of this link."""
        steps = [(step.start_s, step.fraction * link.capacity_bit_per_s) for step in self.steps]
        if steps[0][0] > 0:
            steps.insert(0, (0.0, link.capacity_bit_per_s))
        starts_s, rates = [start_s for start_s, _ in steps], [rate for _, rate in steps]
        length_s = math.inf if self.period_s is None else self.period_s
        return Steps(starts_s, rates, nominal_bit_per_s=link.capacity_bit_per_s, length_s=length_s)
