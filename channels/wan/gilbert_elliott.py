"""Bandwidth that is good or bad: a Markov chain of two states, with random access.

With exponential times (`block_s` absent) the chain leaves the good state at the rate 1 / mean_good_s and the bad one
at 1 / mean_bad_s. The same chain in other words: events come at the sum of the two rates, and each draws the state
anew, good with the stationary probability. So the state at a time is that of the latest event before it, whatever
came earlier, and the events of a window of time are drawn at the address of that window: nothing must be played from
the start.

With blocks the state changes at multiples of `block_s` alone; events then come with a fixed probability a block, and
the numbers of blocks are geometric with the same means.

References
----------
Gilbert, Capacity of a burst-noise channel, 1960; Elliott, Estimates of error rates for codes on burst-noise channels,
1963.
"""

import bisect
import math
from collections.abc import Callable
from typing import Annotated, Final, Self

import numpy as np
from pydantic import Field, model_validator

from channels.wan.bandwidth import LinkNature
from testbed.settings import Fraction, Part, PositiveSeconds

__all__ = ["GilbertElliottBandwidth", "TwoStateCourse"]

_EVENTS_A_WINDOW: Final = 32
_WINDOWS_KEPT: Final = 64
# A list of the events of a window in order: when [s], and whether the link is good from then on.
Events = tuple[list[float], list[bool]]


class GilbertElliottBandwidth(Part):
    """The link's capacity times one fraction in the good state and another in the bad one.

    Planning expects the mean over the stationary states. The run begins with a state drawn from them.
    """

    kind: str = "gilbert-elliott"
    mean_good_s: PositiveSeconds  # how long it is good at a time, on average
    mean_bad_s: PositiveSeconds  # how long it is bad at a time, on average
    bad_fraction: Fraction  # of the link's capacity, in the bad state; 0: nothing passes
    good_fraction: Annotated[Fraction, Field(gt=0)] = 1.0  # of the link's capacity, in the good state
    block_s: PositiveSeconds | None = None  # the state changes at multiples of it; none: at any time

    @model_validator(mode="after")
    def _check_block(self) -> Self:
        if self.block_s is not None and self.block_s * self._event_rate_per_s > 1:
            raise ValueError(
                f"block_s = {self.block_s:g} is too long: 1 / mean_good_s + 1 / mean_bad_s must be at most 1 / block_s"
            )
        return self

    @property
    def _event_rate_per_s(self) -> float:
        return 1.0 / self.mean_good_s + 1.0 / self.mean_bad_s

    @property
    def good_probability(self) -> float:
        """The share of time in the good state."""
        return self.mean_good_s / (self.mean_good_s + self.mean_bad_s)

    def course(self, link: LinkNature) -> "TwoStateCourse":
        """Return the course of one link, with luck of its own."""
        window_s = _EVENTS_A_WINDOW / self._event_rate_per_s
        if self.block_s is not None:
            window_s = self.block_s * math.ceil(window_s / self.block_s)

        def events(window: int) -> Events:
            return self._events(window, window_s, link.stream(window))

        rates = (self.bad_fraction * link.capacity_bit_per_s, self.good_fraction * link.capacity_bit_per_s)
        return TwoStateCourse(events, window_s, rates, self.good_probability)

    def _events(self, window: int, window_s: float, rng: np.random.Generator) -> Events:
        first_s = window * window_s
        if self.block_s is None:
            shares = np.sort(rng.random(rng.poisson(_EVENTS_A_WINDOW)))
            times_s = list(first_s + shares * window_s)
        else:
            first_block = window * round(window_s / self.block_s)
            drawn = rng.random(round(window_s / self.block_s)) < self.block_s * self._event_rate_per_s
            times_s = [(first_block + int(block)) * self.block_s for block in np.flatnonzero(drawn)]
        good = list(rng.random(len(times_s) + 1) < self.good_probability)
        # The first state of a run is drawn too; other windows go on with what the one before ended in.
        if window == 0:
            times_s.insert(0, 0.0)
        else:
            good.pop()
        return [float(time_s) for time_s in times_s], [bool(state) for state in good]


class TwoStateCourse:
    """The capacity of a link that is good or bad.

    Parameters
    ----------
    events : window -> its events, by chance but always the same; that of window 0 has one at time 0.
    window_s : the length of a window [s].
    rates_bit_per_s : of the bad and of the good state.
    good_probability : the share of time in the good state.
    """

    def __init__(
        self,
        events: Callable[[int], Events],
        window_s: float,
        rates_bit_per_s: tuple[float, float],
        good_probability: float,
    ) -> None:
        bad, good = rates_bit_per_s
        self.nominal_bit_per_s = good_probability * good + (1.0 - good_probability) * bad
        self._rates = rates_bit_per_s
        self._draw = events
        self._window_s = window_s
        self._kept: dict[int, Events] = {}

    def _events(self, window: int) -> Events:
        if window not in self._kept:
            if len(self._kept) >= _WINDOWS_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[window] = self._draw(window)
        return self._kept[window]

    def at(self, time_s: float) -> tuple[float, float]:
        """Return the capacity at a time [bit/s], and until when it holds [s]."""
        here = max(0, math.floor(time_s / self._window_s))
        window, past = here, bisect.bisect_right(self._events(here)[0], time_s)
        while past == 0:  # nothing has happened in this window yet
            window -= 1
            past = len(self._events(window)[0])
        state = self._events(window)[1][past - 1]
        window, past = (here, past) if window == here else (here, 0)
        while True:
            times_s, states = self._events(window)
            for event in range(past, len(times_s)):
                if states[event] != state and times_s[event] > time_s:
                    return self._rates[state], times_s[event]
            window, past = window + 1, 0
