"""When devices are there: the question the channels ask, answered by whoever models availability."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

__all__ = ["Absence", "Window", "window_of"]

# time [s] -> (whether a device is there, until when that holds [s])
Window: TypeAlias = Callable[[float], tuple[bool, float]]


class Absence(Protocol):
    """Availability as a function of time; asking changes nothing."""

    def is_available(self, device: int, time_s: float) -> bool:
        """Return whether the device is there at `time_s`."""
        ...

    def next_change_s(self, device: int, time_s: float) -> float:
        """Return when, after `time_s`, that answer next changes [s]; infinity for never."""
        ...


def window_of(absence: Absence, device: int) -> Window:
    """Return the availability of one device as a function of time."""
    return lambda time_s: (absence.is_available(device, time_s), absence.next_change_s(device, time_s))
