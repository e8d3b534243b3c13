"""The whole population of devices: columns for everybody, an object only for a device that is used.

A million registered clients cost a few arrays; `fleet[7]` makes device 7 when somebody first asks for it.
"""

from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field

from testbed.devices.availability import Absences
from testbed.devices.device import Device, OnLoss
from testbed.devices.energy import compute_energy_j, standing_energy_j
from testbed.devices.profiles import DeviceProfile
from testbed.devices.slowdown import Slowdown
from testbed.devices.time_account import ABSENT, COMPUTING, TRANSMITTING, Edges, SortedEdges, TimeSweep
from testbed.records import Schema
from testbed.settings import Settings, component
from testbed.simulation import Simulation
from testbed.streams import Purpose

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["DEVICE", "Fleet", "FleetSettings"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.integer[Any]]

DEVICE: Final = Schema.of(
    "device",
    "The account of one device over the run. Its four times are disjoint and add up to the time elapsed.",
    device=("int", "device id = client id"),
    profile=("str", "name of its profile"),
    elapsed_s=("float", "simulated time covered [s]"),
    computing_s=("float", "time computing [s]"),
    transmitting_s=("float", "time transmitting and not computing [s]"),
    absent_s=("float", "time away, neither computing nor transmitting [s]"),
    idle_s=("float", "the rest: there, with nothing to do [s]"),
    energy_compute_j=("float", "compute_w times computing_s [J]"),
    energy_tx_j=("float", "radiated energy, the sum over its transfers [J]"),
    energy_idle_j=(
        "float",
        "the board while not computing: idle_w times idle_s plus transmit_w times transmitting_s [J]",
    ),
)


class FleetSettings(Settings):
    """Who there is: how many devices, of which kind, how speeds differ, and what a loss does to a job."""

    count: Annotated[int, Field(ge=1)]  # how many there are
    profile: Annotated[DeviceProfile, component("device")]  # what each can do and what it draws
    slowdown: Annotated[Slowdown, component("slowdown")]  # the factor by which each is slower than the profile
    on_loss: OnLoss  # what becomes of a job whose device goes away: it waits, starts again, or is given up


class Fleet:
    """The devices of a run.

    Parameters
    ----------
    simulation : the run's clock, luck and records.
    settings : who there is.
    absences : when they are there.
    """

    def __init__(self, simulation: Simulation, settings: FleetSettings, absences: Absences) -> None:
        if absences.num_devices != settings.count:
            raise ValueError(f"absences of {absences.num_devices} devices do not fit a fleet of {settings.count}")
        self.profile = settings.profile
        self.absences = absences
        self.slowdown_factors = settings.slowdown.factors(settings.count, simulation.stream(Purpose.DEVICE))
        self.flop_per_s: FloatArray = settings.profile.flop_per_s / self.slowdown_factors
        self._simulation = simulation
        self._settings = settings
        self._devices: dict[int, Device] = {}
        self._closed = False

    def __len__(self) -> int:
        return self._settings.count

    def __getitem__(self, index: int) -> Device:
        device = self._devices.get(index)
        if device is None:
            if not 0 <= index < len(self):
                raise IndexError(f"device {index} of a fleet of {len(self)}")
            speed = float(self.flop_per_s[index])
            device = Device(self._simulation, index, self.profile, speed, self.absences, self._settings.on_loss)
            self._devices[index] = device
        return device

    @property
    def profile_name(self) -> str:
        """The name of the devices' profile."""
        return self.profile.kind

    def training_time_s(self, flop: float | FloatArray) -> FloatArray:
        """Return how long each device computes `flop`, one number for all or one each: (num_devices,) [s]."""
        times_s: FloatArray = flop / self.flop_per_s
        return times_s

    def close(self, elapsed_s: float) -> None:
        """Record jobs in progress up to `elapsed_s` and one row a device in the table `device`.

        Raises
        ------
        RuntimeError : closed twice.
        """
        if self._closed:
            raise RuntimeError("the fleet's accounts are closed already")
        self._closed = True
        for index in sorted(self._devices):
            self._devices[index].close(elapsed_s)
        times_s = self._time_accounts(elapsed_s)
        computing_s, transmitting_s, _, idle_s = times_s
        energy_compute_j = compute_energy_j(self.profile.compute_w, computing_s)
        energy_idle_j = standing_energy_j(self.profile.idle_w, idle_s, self.profile.transmit_w, transmitting_s)
        energies_j = (energy_compute_j, self._radiated_energy_j(), energy_idle_j)
        self._simulation.records.extend(
            DEVICE, np.arange(len(self)), self.profile_name, elapsed_s, *times_s, *energies_j
        )

    def _time_accounts(self, elapsed_s: float) -> FloatArray:
        """Return the rows computing, transmitting, absent and idle, (4, num_devices) [s]."""
        # Most of a large population did nothing: one vector serves them all, a sweep through time only the others.
        absent_s = self.absences.absent_s(elapsed_s)
        none_s = np.zeros(len(self))
        accounts = np.stack([none_s, none_s, absent_s, elapsed_s - absent_s])
        edges = SortedEdges()
        active = self._add_activities(edges, elapsed_s)
        for devices, start_s, end_s in self.absences.parts(active, elapsed_s):
            edges.add(Edges.of(ABSENT, devices, start_s, end_s, elapsed_s))
        sweep = TimeSweep(len(active))
        for window in edges.windows():
            sweep.advance(window._replace(device=np.searchsorted(active, window.device)))
        accounts[:, active] = sweep.accounts(elapsed_s)
        return accounts

    def _add_activities(self, edges: SortedEdges, elapsed_s: float) -> IntArray:
        """Add when devices computed and transmitted to `edges`; return who did, in order."""
        import pyarrow.compute as pc

        active: set[int] = set()
        for block in self._simulation.records.blocks("span"):
            devices = _device_numbers(block.column("entity"))
            starts_s, ends_s = block.column("start_s").to_numpy(), block.column("end_s").to_numpy()
            for kind, part in (("compute", COMPUTING), ("transmit", TRANSMITTING)):
                theirs = (devices >= 0) & pc.equal(block.column("kind"), kind).to_numpy(zero_copy_only=False)
                active.update(np.unique(devices[theirs]).tolist())
                edges.add(Edges.of(part, devices[theirs], starts_s[theirs], ends_s[theirs], elapsed_s))
        return np.array(sorted(active), dtype=np.intp)

    def _radiated_energy_j(self) -> FloatArray:
        energy_j = np.zeros(len(self))
        for block in self._simulation.records.blocks("transfer"):
            devices = _device_numbers(block.column("source"))
            theirs = devices >= 0
            # Row by row, so that the sum is that of a loop.
            np.add.at(energy_j, devices[theirs], block.column("energy_tx_j").to_numpy()[theirs])
        return energy_j


def _device_numbers(entities: "pa.Array") -> IntArray:
    """Return the number of the device that each entity is, -1 for any other, (num_rows,)."""
    names = entities.dictionary_encode()
    numbers = [int(name[7:]) if name.startswith("device-") else -1 for name in names.dictionary.to_pylist()]
    devices: IntArray = np.array([*numbers, -1])[names.indices.to_numpy()]
    return devices
