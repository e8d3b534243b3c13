"""A tiny simulation with one cell, for tests of the channels."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from channels.cell import Cell
from channels.downlink import BroadcastDownlink, Downlink, FreeDownlink
from channels.fading import RayleighFading
from channels.noise import TotalNoise
from channels.orthogonal import shannon_rate_bit_per_s
from channels.path_loss import UnitPathLoss
from channels.uplink import UplinkSettings
from testbed.records import NO_CAUSE
from testbed.simulation import Process, Simulation

__all__ = ["AIRTIME_S", "BROADCAST", "NUM_ENTRIES", "STATIC_RATE", "UPLINK", "Always", "Away", "World", "signals_of"]

NUM_ENTRIES = 20
AIRTIME_S = 0.2
UPLINK: dict[str, Any] = {
    "bandwidth_hz": 100.0,
    "num_subchannels": 4,
    "coherence_time_s": 0.3,
    "fading": RayleighFading(),
    "path_loss": UnitPathLoss(),
    "energy_budget_j": 10.0,
    "noise": TotalNoise(energy_j=1.0),
    "min_snr_db": -30.0,
}
# Static channel: P = 10 J / 0.2 s = 50 W, N0 = 2 * 1 J / 20 = 0.1 W/Hz, SNR = 50 / (0.1 * 100) = 5.
STATIC_RATE = shannon_rate_bit_per_s(100.0, 5.0)
BROADCAST = BroadcastDownlink(bandwidth_hz=100.0, power_w=2.0, noise_psd_w_per_hz=0.001)


class Always:
    def is_available(self, device: int, time_s: float) -> bool:
        return True

    def next_change_s(self, device: int, time_s: float) -> float:
        return math.inf


class Away(Always):
    """Every device is away from `start_s` to `end_s`."""

    def __init__(self, start_s: float, end_s: float) -> None:
        self.start_s, self.end_s = start_s, end_s

    def is_available(self, device: int, time_s: float) -> bool:
        return not self.start_s <= time_s < self.end_s

    def next_change_s(self, device: int, time_s: float) -> float:
        return min((t for t in (self.start_s, self.end_s) if t > time_s), default=math.inf)


class World:
    """A tiny simulation with one cell, and what a test asks of its records."""

    def __init__(
        self,
        absence: Always | None = None,
        downlink: Downlink | None = None,
        seed: int = 0,
        horizon_s: float = math.inf,
        **changes: Any,
    ) -> None:
        self.simulation = Simulation(seed, horizon_s)
        settings = UplinkSettings(**(UPLINK | changes))
        self.cell = Cell(self.simulation, settings, downlink or FreeDownlink(), 6, NUM_ENTRIES, absence or Always())

    def run(self, *processes: Process) -> None:
        for number, process in enumerate(processes):
            self.simulation.start(process, f"process {number}")
        self.simulation.env.run()

    def call(self, act: Callable[[Any], Process]) -> Any:
        """Return what `act(turn)` returns, in a turn of its own."""
        answers = []

        def hold() -> Process:
            with (yield from self.cell.take_turn("group-0", NO_CAUSE)) as turn:
                answers.append((yield from act(turn)))

        self.run(hold())
        return answers[0]

    def compute(self, entity: str, seconds: float, cause_id: int) -> Process:
        start_s = self.simulation.now_s
        yield self.simulation.env.timeout(seconds)
        return self.simulation.records.span(entity, "compute", start_s, self.simulation.now_s, cause_id)

    def rows(self, table: str) -> list[dict[str, Any]]:
        return list(self.simulation.records.rows(table))

    def assert_every_span_starts_exactly_when_its_cause_ended(self) -> None:
        ends_s = {row["span_id"]: row["end_s"] for row in self.rows("span")}
        caused = [row for row in self.rows("span") if row["cause_id"] != NO_CAUSE]
        assert [row for row in caused if row["start_s"] != ends_s[row["cause_id"]]] == []


def signals_of(num_senders: int) -> np.ndarray:
    return np.random.default_rng(num_senders).standard_normal((num_senders, NUM_ENTRIES))
