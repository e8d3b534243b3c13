"""Own links: every device has a line of its own to the server, whose rate differs between devices and over time.

    rate of device i at t = course_i(t),     capacity of i ~ U[low, high]

Wired or cellular access as federated systems papers model it: what one device sends takes nothing from the others, and
the server's side never fills. The capacity is drawn once; `bandwidth` (a law of the wide-area networks: constant,
redrawn in blocks, from a measured trace) says how it varies. Luck is addressed by direction, device and window of time.
"""

from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache, partial
from typing import Annotated, Self, TypeAlias

import numpy as np
from pydantic import model_validator

from channels.turn import Medium
from channels.wan.bandwidth import Bandwidth, ConstantBandwidth, Course, LinkNature
from channels.wan.data_folder import DataFolder
from testbed.settings import BitPerSecond, Settings, component
from testbed.simulation import Simulation
from testbed.streams import Purpose

__all__ = ["Direction", "Lines", "OwnLinks"]

Rate: TypeAlias = Callable[[float], tuple[float, float]]  # time [s] -> (rate [bit/s], until when it holds [s])


class Direction(IntEnum):
    """Which way; part of the address of a link's luck."""

    DOWN = 0
    UP = 1


class OwnLinks(Settings):
    """The law of the devices' own links in one direction."""

    low_bit_per_s: BitPerSecond  # the least capacity of a device
    high_bit_per_s: BitPerSecond  # the largest: uniform between the two
    bandwidth: Annotated[Bandwidth, component("bandwidth")] = ConstantBandwidth()  # how a capacity varies with time

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.low_bit_per_s > self.high_bit_per_s:
            raise ValueError(
                f"low_bit_per_s = {self.low_bit_per_s:g} must be at most high_bit_per_s = {self.high_bit_per_s:g}"
            )
        return self


class Lines:
    """The links of all devices in one direction: their rates, and a medium each, so that a link serves one at a time.

    Raises
    ------
    RequestError : a file that is missing or damaged, or a trace that ends before the run.
    """

    def __init__(
        self, simulation: Simulation, links: OwnLinks, num_devices: int, direction: Direction, files: DataFolder
    ) -> None:
        capacities = simulation.stream(Purpose.BANDWIDTH, direction).uniform(
            links.low_bit_per_s, links.high_bit_per_s, size=num_devices
        )
        self._courses: list[Course] = [
            links.bandwidth.course(
                LinkNature(
                    capacity_bit_per_s=float(capacity),
                    files=files,
                    stream=partial(simulation.stream, Purpose.BANDWIDTH, direction, device),
                    horizon_s=simulation.horizon_s,
                )
            )
            for device, capacity in enumerate(capacities)
        ]
        self.medium_of = lru_cache(maxsize=None)(lambda device: Medium(simulation))

    @classmethod
    def of(
        cls, simulation: Simulation, links: OwnLinks | None, num_devices: int, direction: Direction, files: DataFolder
    ) -> Self | None:
        """Return the lines of a law; None where devices have no links of their own."""
        return None if links is None else cls(simulation, links, num_devices, direction, files)

    def rate(self, device: int) -> Rate:
        """Return the rate of a device's link as a function of time."""
        return self._courses[device].at

    def rates_bit_per_s(self, devices: list[int], time_s: float) -> np.ndarray:
        """Return the rates at a time, `(num_devices,)` [bit/s]; what is nominal where nothing passes just then."""
        courses = [self._courses[device] for device in devices]
        return np.array([course.at(time_s)[0] or course.nominal_bit_per_s for course in courses])
