"""Lanes: which device stands where in a timeline, and which stretch of time it shows.

Lanes are sorted by group, so that the groups' rhythms, the waiting for the slowest member and the queueing for
the uplink show. Every drawing of a timeline uses these.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.views.quantities import time_unit

__all__ = ["GROUP_GAP", "Lanes", "Window", "owners", "shown_window"]

Window: TypeAlias = tuple[float, float]

GROUP_GAP: Final = 0.7  # lanes left free between two groups
_NUM_PERIODS: Final = 4


@dataclass(frozen=True)
class Lanes:
    """The groups in order, each with its name and devices, and every device's lane; `y` grows downwards."""

    names: tuple[str, ...]
    numbers: tuple[int, ...]
    members: tuple[tuple[int, ...], ...]
    y: Mapping[int, float]

    @property
    def position_of(self) -> dict[int, int]:
        """Device -> position of its group."""
        return {device: position for position, devices in enumerate(self.members) for device in devices}

    @property
    def bottom(self) -> float:
        """Where the last lane ends."""
        return max(self.y.values()) + 0.5

    @classmethod
    def of(cls, run: RunResult) -> "Lanes":
        """Return the lanes of all devices, by group and number; those in no group come last.

        Raises
        ------
        RequestError : a run without devices.
        """
        devices = {int(client) for client in run.column("client", "client")} | set(owners(run, "device-")[0].tolist())
        group_of = dict(zip(run.column("membership", "client"), run.column("membership", "group"), strict=True))
        devices |= {int(client) for client in group_of}
        if not devices:
            raise RequestError("nothing to draw: the run has no spans of devices")
        groups: dict[int, list[int]] = {}
        for device in sorted(devices):
            groups.setdefault(int(group_of.get(device, -1)), []).append(device)
        numbers = sorted(groups, key=lambda number: (number < 0, number))
        names = [f"group {number}" if number >= 0 and len(numbers) > 1 else "devices" for number in numbers]
        y: dict[int, float] = {}
        for position, number in enumerate(numbers):
            for device in groups[number]:
                y[device] = len(y) + GROUP_GAP * position
        return cls(tuple(names), tuple(numbers), tuple(tuple(groups[number]) for number in numbers), y)


def owners(run: RunResult, prefix: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return the numbers of the entities whose name is `prefix` and a number, and which spans are theirs."""
    entities = run.column("span", "entity")
    names, inverse = np.unique(entities.astype(str), return_inverse=True)
    numbers = np.array([int(n[len(prefix) :]) if n.startswith(prefix) else -1 for n in names], dtype=np.int64)
    found = numbers[inverse] if len(names) else np.empty(0, dtype=np.int64)
    return found[found >= 0], found >= 0


def shown_window(run: RunResult, start_s: float | None, end_s: float | None) -> tuple[Window, str]:
    """Return the window to show and, in words, how it was chosen.

    Parameters
    ----------
    start_s : its beginning [s]; without it the beginning of the run.
    end_s : its end [s]; without it about four periods later: of the slowest group, or between regions of synchronising
        a fragment.

    Raises
    ------
    RequestError : a window that is empty or outside the run.
    """
    elapsed_s = run.elapsed_s
    first_s = 0.0 if start_s is None else start_s
    unit = time_unit([elapsed_s])
    about = f"of {unit.words(elapsed_s)} simulated"
    period = _sync_period(run) if run.between_regions else _slowest_period(run)
    if end_s is None and period is not None:
        whose, period_s = period
        end_s = first_s + _NUM_PERIODS * period_s
        if end_s < elapsed_s:
            about += f", about {_NUM_PERIODS} periods of {whose}{period_s:.3g} s)"
    last_s = elapsed_s if end_s is None else min(end_s, elapsed_s)
    if not 0 <= first_s < last_s:
        raise RequestError(
            f"no timeline from {first_s:g} s to {last_s:g} s: the run lasted from 0 s to {elapsed_s:g} s"
        )
    return (first_s, last_s), about


def _sync_period(run: RunResult) -> tuple[str, float] | None:
    """Return, in words and in seconds, how long it is on average from one synchronisation of a fragment to its next."""
    fragments, asked_s = run.column("sync", "fragment"), run.column("sync", "asked_s")
    if not len(asked_s):  # a method that keeps no such rows: from one collective to the next
        collective = (run.column("span", "entity") == "collective") & (run.column("span", "kind") == "all-reduce")
        asked_s = run.column("span", "start_s")[np.asarray(collective, dtype=bool)]
        fragments = np.zeros(len(asked_s))
    between_s = [np.diff(np.sort(asked_s[fragments == fragment])) for fragment in np.unique(fragments)]
    means_s = [float(np.mean(own_s)) for own_s in between_s if len(own_s)]
    return ("synchronising a fragment (", max(means_s)) if means_s else None


def _slowest_period(run: RunResult) -> tuple[str, float] | None:
    """Return the slowest group and its period [s]: as it was, or as planned if it made fewer than two updates."""
    groups, times_s = run.column("version", "group"), run.column("version", "time_s")
    periods = dict(zip(run.column("group", "group"), run.column("group", "planned_period_s"), strict=True))
    for group in np.unique(groups):
        own_s = times_s[groups == group]
        if len(own_s) > 1:
            periods[group] = float(np.mean(np.diff(own_s)))
    if not periods:
        return None
    group, period_s = max(((int(g), float(p)) for g, p in periods.items()), key=lambda item: item[1])
    return f"the slowest group ({group}: ", period_s
