"""A path through the spans of a run, backwards in time, and what each part of it is blamed on."""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = ["AFTER", "BLAMED", "UNEXPLAINED", "Path", "Step"]

AFTER: Final = "after-last-update"
UNEXPLAINED: Final = "unexplained"

# What time can be blamed on.
BLAMED: Final = (
    "compute",  # the server computes, or a device while another member of its round is not ready either
    "straggling",  # the last member computes while all others of its round are ready
    "absent",  # a device that was needed was away
    "queue-device",  # a job waits for the device's processor
    "queue-uplink",  # a round waits for the uplink
    "queue-downlink",  # the server waits for the downlink
    "queue-collective",  # a collective waits for its turn on the WAN
    "up",  # transmission to the server
    "down",  # transmission to the devices
    "wan",  # a flow over the WAN puts its bits on the way, at whatever rate it gets
    "propagation",  # the last of these bits travel
    "stall",  # a region stands still, and no transfer says for what: a server's answer
    "wait",  # a round or the server held on without any of these
    AFTER,  # from the last update to the end of the run
    UNEXPLAINED,  # no span accounts for it: the records have a gap
)


class Step(NamedTuple):
    """A part of a path: what it is blamed on (one of `BLAMED`), the entity, from when to when [s]."""

    what: str
    entity: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Path:
    """Steps from the latest to the earliest, each starting where the next one ends.

    `last_ready` : the device that completed the latest round on it, if others of that round had waited for it.
    """

    start_s: float
    end_s: float
    steps: tuple[Step, ...]
    last_ready: str | None = None

    @property
    def elapsed_s(self) -> float:
        """The time between the two ends [s]."""
        return self.end_s - self.start_s

    def seconds(self) -> dict[str, float]:
        """Return the time blamed on each of `BLAMED` [s]; they add up to `elapsed_s`."""
        return {what: math.fsum(s.end_s - s.start_s for s in self.steps if s.what == what) for what in BLAMED}

    def by_entity(self, what: str) -> dict[str, float]:
        """Return the time blamed on one of `BLAMED` per entity, most first [s]."""
        spent: dict[str, float] = {}
        for step in self.steps:
            if step.what == what:
                spent[step.entity] = spent.get(step.entity, 0.0) + step.end_s - step.start_s
        return dict(sorted(spent.items(), key=lambda item: (-item[1], item[0])))
