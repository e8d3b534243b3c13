"""The sweep of xi: how alike in speed the members of a group have to be."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from testbed.experiments.explanation import explain
from testbed.experiments.finding import Cell, Finding
from testbed.experiments.result import RunResult
from testbed.experiments.scenario import Scenario
from testbed.experiments.sweep import Variation, plan_sweep
from testbed.reproductions.air_fedga.times import median_time_to
from testbed.reproductions.outline import Section, Setting

__all__ = ["SECTION"]

# The paper's times to 80, 85 and 90 % [s], for a CNN on MNIST.
_PAPER: Final = {0.0: "14213 / 22426 / 51334", 0.3: "485 / 765 / 1834", 1.0: "823 / 1288 / 3110"}
_TARGETS: Final = (0.8, 0.85)


def find(setting: Setting) -> Finding:
    """Return times to the targets by xi, with what the groups are like."""
    similarities = (0.0, 0.3, 1.0) if setting.quick else tuple(number / 10 for number in range(11))
    seeds = setting.seeds[:1] if setting.quick else setting.seeds
    base = Scenario.load("air-fedga-single-class")
    if setting.quick:
        base = base.set("run.horizon_s", 200.0).set("run.evaluation_interval_s", 20.0)
    planned = plan_sweep(base, [Variation("algorithm.grouping.xi", similarities)], list(seeds))
    results = setting.run("xi", planned)
    rows = [
        _row(xi, results[number * len(seeds) : (number + 1) * len(seeds)]) for number, xi in enumerate(similarities)
    ]
    return Finding(
        title="Time to accuracy by xi [s]; paper: CNN on MNIST to 80 / 85 / 90 %, ours: MLP on digits, 40 workers",
        columns=(
            "xi",
            "paper",
            *(f"ours, {target:.0%}" for target in _TARGETS),
            "groups",
            "label distance",
            "updates per ks",
            "uplink in use",
        ),
        rows=tuple(rows),
        notes=(
            "The paper's optimum near 0.3 needs groups that can cover the classes at that xi. Here 40 workers cannot: "
            "label distance falls, and speed grows, with xi all the way to a single group.",
            "xi = 0 is the worst in both: every worker is alone, so nothing adds up over the air, the uplink is busy "
            "most of the time, and the noise on each model is largest.",
        ),
        left_out=("The CNN on MNIST: at these numbers of updates it takes hours on a small machine.",),
    )


def _row(xi: float, runs: Sequence[RunResult]) -> tuple[Cell, ...]:
    causes = [explain(run) for run in runs]

    def mean(name: str) -> float:
        return float(np.mean([value for cause in causes if (value := cause[name]) is not None]))

    return (
        f"{xi:g}",
        _PAPER.get(xi),
        *(median_time_to(runs, target) for target in _TARGETS),
        mean("num_groups"),
        mean("label_distance_mean"),
        mean("updates_per_1000_s"),
        f"{mean('mac_utilisation_fraction'):.0%}",
    )


SECTION = Section("xi", "How alike in speed should the members of a group be?", 4.0, find)
