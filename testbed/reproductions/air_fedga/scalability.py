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
    variations = [Variation("algorithm.kind", tuple(_PAPER)), Variation("devices.count", workers)]
    results = setting.run("scalability", plan_sweep(base, variations, list(seeds)))
    rows: list[tuple[Cell, ...]] = []
    for number, (method, paper_s) in enumerate(_PAPER.items()):
        of_method = results[number * len(workers) * len(seeds) : (number + 1) * len(workers) * len(seeds)]
        by_size = [of_method[size * len(seeds) : (size + 1) * len(seeds)] for size in range(len(workers))]
        rows.append((method, *(_round_s(runs) for runs in by_size), paper_s, median_time_to(by_size[-1], 0.8)))
    return Finding(
        title="Mean time between global updates by number of workers N [s], and time to 80 % at the largest N [s]",
        columns=("method", *(f"N = {size}" for size in workers), "paper, to 80 %", "ours, to 80 %"),
        rows=tuple(rows),
        notes=(
            "As in the paper: FedAvg's rounds grow with N (uploads one after another), those over the air do not, and "
            "groups update more often as there are more of them.",
            "Times to 80 % are of different problems (paper: LR on 6000 MNIST images a class; ours: 1437 digits in "
            "all, dealt to N workers), so only their order can be compared.",
        ),
        left_out=("The energy of reaching 55 % on CIFAR-10 (28432 to 42343 J): a CNN, hours on a small machine.",),
    )


def _round_s(runs: Sequence[RunResult]) -> float | None:
    intervals_s = [run.elapsed_s / updates for run in runs if (updates := len(run.column("version", "version")))]
    return float(np.mean(intervals_s)) if intervals_s else None


SECTION = Section("scalability", "What does the number of workers do to the time of a round?", 6.0, find)
