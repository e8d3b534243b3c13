"""The sweep of N: the mean time between global updates by the number of workers, for every method."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from testbed.experiments.finding import Cell, Finding
from testbed.experiments.result import RunResult
from testbed.experiments.scenario import Scenario
from testbed.experiments.sweep import Variation, plan_sweep
from testbed.reproductions.air_fedga.times import median_time_to
from testbed.reproductions.outline import Section, Setting

__all__ = ["SECTION"]

# The paper's time to 80 % with 100 workers [s]: its scalability figure.
_PAPER: Final = {"fedavg": 13755.0, "tifl": 3319.0, "dynamic": 3799.0, "air-fedavg": 1536.0, "air-fedga": 1077.0}
_WORKERS: Final = (20, 40, 60, 80, 100)


def find(setting: Setting) -> Finding:
    """Return the mean round time by N for each method, and the time to 80 % at the largest N."""
    workers = (10, 20) if setting.quick else _WORKERS
    seeds = setting.seeds[:1] if setting.quick else setting.seeds
    base = Scenario.load("air-fedga-single-class")
    if setting.quick:
        base = base.set("run.horizon_s", 400.0).set("run.evaluation_interval_s", 50.0)
    planned = [run for size in workers for run in plan_sweep(_of_size(base, size), _variations(size), list(seeds))]
    results = setting.run("scalability", planned)
    rows: list[tuple[Cell, ...]] = []
    for method, paper_s in _PAPER.items():
        by_size = [
            [run for run in results if (run.algorithm, run.setting("devices.count")) == (method, size)]
            for size in workers
        ]
        rows.append((method, *(_round_s(runs) for runs in by_size), paper_s, median_time_to(by_size[-1], 0.8)))
    return Finding(
        title="Mean time between global updates by number of workers N [s], and time to 80 % at the largest N [s]",
        columns=("method", *(f"N = {size}" for size in workers), "paper, to 80 %", "ours, to 80 %"),
        rows=tuple(rows),
        notes=(
            "Devices are paced so that one training takes kappa times 6 s at every N, as in the paper.",
            "As in the paper: FedAvg's rounds grow with N (uploads one after another), those of Air-FedAvg and Dynamic "
            "stay, and Air-FedGA's groups update a little more often. TiFL's do not, as they do in the paper: its "
            "uploads share one uplink with those of all other tiers, so they add up.",
            "Times to 80 % are of different problems (paper: LR on 6000 MNIST images a class; ours: 1437 digits in "
            "all, dealt to N workers, for 6000 s), so only their order can be compared; the rate is tuned at N = 40.",
        ),
        left_out=("The energy of reaching 55 % on CIFAR-10 (28432 to 42343 J): a CNN, hours on a small machine.",),
    )


def _of_size(base: Scenario, num_workers: int) -> Scenario:
    """Return the scenario for N workers that train as long as the shipped one's 40 do, with less data each."""
    speed = float(base.resolve().document["devices"]["profile"]["flop_per_s"])
    shipped = int(base.resolve().document["devices"]["count"])
    return base.set("devices.profile.flop_per_s", speed * shipped / num_workers)


def _variations(num_workers: int) -> list[Variation]:
    return [Variation("devices.count", (num_workers,)), Variation("algorithm.kind", tuple(_PAPER))]


def _round_s(runs: Sequence[RunResult]) -> float | None:
    intervals_s = [run.elapsed_s / updates for run in runs if (updates := len(run.column("version", "version")))]
    return float(np.mean(intervals_s)) if intervals_s else None


SECTION = Section("scalability", "What does the number of workers do to the time of a round?", 6.0, find)
