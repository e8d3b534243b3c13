"""Training across regions on quadratics, as plain loops in NumPy: what a method must come to, without a clock.

Written for the numbers of the specification, from its text and apart from the worlds. Region m has the loss
0.5 sum a_m (th - b_m)^2 and takes plain gradient steps. All functions are in double precision.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from algorithms.compensation import Compensation, Flight
from algorithms.outer_optimizer import Nesterov, OuterOptimizer
from algorithms.schedules import Schedule

Array = np.ndarray

START = np.array([0.2, -0.3, 0.4, 0.1])
CURVATURES = np.array([[1.0, 0.5, 2.0, 0.8], [0.6, 1.2, 0.7, 1.5]])
MINIMA = np.array([[1.0, -1.0, 0.5, 2.0], [-1.0, 2.0, 1.5, -0.5]])
RATE = 0.1
FRAGMENTS = (slice(0, 2), slice(2, 4))
OUTER = Nesterov()  # 0.7 and 0.9

Step = Callable[[int, Array], Array]  # region, its parameters -> its parameters after an inner step


def descend(region: int, parameters: Array) -> Array:
    """One inner step of a region on its quadratic."""
    return parameters - RATE * CURVATURES[region] * (parameters - MINIMA[region])


@dataclass
class Trace:
    """What a run of fragments went through; lists are of one entry a step or an event."""

    anchors: list[Array] = field(default_factory=list)  # G after every step
    locals: list[Array] = field(default_factory=list)  # (num_regions, num_entries) after every step
    sends: list[tuple[int, int]] = field(default_factory=list)  # (step, fragment)
    applies: list[tuple[int, int, Array]] = field(default_factory=list)  # (step, fragment, Delta)


def train_in_fragments(
    num_steps: int,
    schedule: Schedule,
    compensation: Compensation,
    *,
    sync_every: int,
    delay_steps: int,
    fragments: Sequence[slice] = FRAGMENTS,
    outer: OuterOptimizer = OUTER,
    start: Array = START,
    num_regions: int = 2,
    inner: Step = descend,
) -> Trace:
    """Streaming DiLoCo, and with another schedule and compensation CoCoDC (2.4 and 2.7 of the specification)."""
    calendar = schedule.start(len(fragments), sync_every, delay_steps)
    anchor = start.copy()
    states = [outer.start(piece.stop - piece.start) for piece in fragments]
    regions = [start.copy() for _ in range(num_regions)]
    previous = [0] * len(fragments)
    flights: dict[int, tuple[int, int, list[Array]]] = {}  # fragment -> apply step, interval, staged copies
    trace = Trace()

    def apply_due(step: int) -> None:
        for p in sorted(flights):
            due, interval, staged = flights[p]
            if due != step:
                continue
            del flights[p]
            piece = fragments[p]
            delta = np.mean([anchor[piece] - copy for copy in staged], axis=0)
            anchor[piece] = states[p].step(anchor[piece], delta)
            size = piece.stop - piece.start
            flight = Flight(
                delay_steps=delay_steps, interval_steps=interval, sync_every=sync_every, tensors=(slice(0, size),)
            )
            for parameters, copy in zip(regions, staged, strict=True):
                parameters[piece] = compensation.apply(parameters[piece].copy(), copy, anchor[piece].copy(), flight)
            calendar.received(step, p, delta, 1.0, 1.0)
            trace.applies.append((step, p, delta))

    for step in range(1, num_steps + 1):
        regions[:] = [inner(m, parameters) for m, parameters in enumerate(regions)]
        apply_due(step)
        for p in calendar.sends(step):
            assert p not in flights
            staged = [parameters[fragments[p]].copy() for parameters in regions]
            flights[p] = (step + delay_steps, step - previous[p], staged)
            previous[p] = step
            trace.sends.append((step, p))
        apply_due(step)  # with a delay of 0 what was just sent
        trace.anchors.append(anchor.copy())
        trace.locals.append(np.array(regions))
    return trace


def local_steps(region: int, parameters: Array, num_steps: int) -> Array:
    """The parameters after some inner steps."""
    for _ in range(num_steps):
        parameters = descend(region, parameters)
    return parameters


def diloco(num_rounds: int, num_steps: int, outer: OuterOptimizer = OUTER) -> tuple[list[Array], list[Array]]:
    """DiLoCo (2.2): G after each round, and the pseudo-gradients."""
    anchor, state = START.copy(), outer.start(START.size)
    anchors, deltas = [], []
    for _ in range(num_rounds):
        deltas.append(np.mean([anchor - local_steps(m, anchor, num_steps) for m in range(2)], axis=0))
        anchor = state.step(anchor, deltas[-1])
        anchors.append(anchor)
    return anchors, deltas


def delayed_diloco(num_rounds: int, num_steps: int, outer: OuterOptimizer = OUTER) -> list[Array]:
    """Naive overlap (4): the pseudo-gradient of a round is applied at the end of the next; G after each round."""
    anchor, state = START.copy(), outer.start(START.size)
    anchors, late = [], None
    for _ in range(num_rounds):
        delta = np.mean([anchor - local_steps(m, anchor, num_steps) for m in range(2)], axis=0)
        if late is not None:
            anchor = state.step(anchor, late)
        late = delta
        anchors.append(anchor)
    return anchors


def eager_diloco(
    num_rounds: int, num_steps: int, outer: OuterOptimizer = OUTER, num_regions: int = 2
) -> list[list[Array]]:
    """Eager updates (4): everybody's last pseudo-gradients and one's own fresh one; each region's G after a round."""
    anchors = [START.copy() for _ in range(num_regions)]
    states = [outer.start(START.size) for _ in range(num_regions)]
    rounds: list[list[Array]] = []
    late: list[Array] | None = None
    for _ in range(num_rounds):
        fresh = [anchors[m] - local_steps(m, anchors[m], num_steps) for m in range(num_regions)]
        eager = fresh
        if late is not None:
            mean = np.mean(late, axis=0)
            eager = [mean + (fresh[m] - late[m]) / num_regions for m in range(num_regions)]
        anchors = [states[m].step(anchors[m], eager[m]) for m in range(num_regions)]
        late = fresh
        rounds.append(anchors)
    return rounds
