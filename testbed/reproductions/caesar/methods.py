"""All methods: traffic and time to one accuracy, and final accuracy against full precision, paired over seeds."""

from typing import Final

import numpy as np

from testbed.experiments.finding import Cell, Finding
from testbed.experiments.result import RunResult
from testbed.experiments.statistics import median_interval, t_interval
from testbed.reproductions.caesar.alternatives import (
    Changes,
    final_percent,
    less_percent,
    megabytes_to,
    run_all,
    seconds_to,
)
from testbed.reproductions.outline import Section, Setting

__all__ = ["SECTION"]

_TARGET: Final = 0.9
_OWN: Final = "caesar"
_FULL: Final = "full precision"


def _fic(down: float, up: float) -> Changes:
    return {
        "algorithm.kind": "fic",
        "algorithm.fic.download_fraction": down,
        "algorithm.fic.upload_fraction": up,
    }


_ALTERNATIVES: Final[dict[str, Changes]] = {
    _OWN: {"algorithm.kind": "caesar"},
    _FULL: _fic(0.0, 0.0),
    "fic 0.35": _fic(0.35, 0.35),
    "fic 0.6": _fic(0.6, 0.6),
    "gm-fic 0.6 (down only)": _fic(0.6, 0.0),
    "lg-fic 0.6 (up only)": _fic(0.0, 0.6),
    "cac": {"algorithm.kind": "cac"},
    "flexcom": {"algorithm.kind": "flexcom"},
    "prowd": {"algorithm.kind": "prowd"},
    "pyramidfl": {"algorithm.kind": "pyramidfl"},
    "fedavg (weighted)": {"algorithm.kind": "fedavg"},
}


def find(setting: Setting) -> Finding:
    """Return what each method had sent and how long it had taken at 90 %, and what it came to."""
    by_method = run_all("methods", setting, _ALTERNATIVES)
    own, full = by_method[_OWN], by_method[_FULL]
    return Finding(
        title=f"Traffic and time to {_TARGET:.0%}, and accuracy after the last round; {len(own)} seeds",
        columns=(
            "method",
            "reached",
            "MB to it",
            "s to it",
            "Caesar sends less",
            "Caesar is sooner",
            "accuracy [%]",
            "less than full precision [points]",
        ),
        rows=tuple(_row(label, runs, own, full) for label, runs in by_method.items()),
        notes=(
            "MB (up and down) and s: medians, by the smoothed rule. Differences are paired over seeds, with 95 % "
            "intervals; all runs meet the same data, devices and rates.",
            "The paper: 25.54 to 37.88 % less traffic than compression-based baselines at equal accuracy, and 0.68 % "
            "less accuracy than with full precision, on other data and devices.",
        ),
        left_out=("The paper's platforms, data sets and networks: 80 Jetson kits and 40 phones.",),
    )


def _row(label: str, runs: list[RunResult], own: list[RunResult], full: list[RunResult]) -> tuple[Cell, ...]:
    if any(run.failed for run in (*runs, *own, *full)):
        return (f"{label}: failed", *[None] * 7)
    megabytes, seconds = ([cost(run, _TARGET) for run in runs] for cost in (megabytes_to, seconds_to))
    finals = [final_percent(run) for run in runs]
    lost = np.subtract([final_percent(run) for run in full], finals)
    return (
        label,
        f"{sum(second is not None for second in seconds)}/{len(runs)}",
        median_interval(megabytes).median,
        median_interval(seconds).median,
        "" if label == _OWN else less_percent([megabytes_to(run, _TARGET) for run in own], megabytes),
        "" if label == _OWN else less_percent([seconds_to(run, _TARGET) for run in own], seconds),
        float(np.mean(finals)),
        "" if label == _FULL else _points(lost.tolist()),
    )


def _points(values: list[float]) -> str:
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:+.2f}"
    low, high = t_interval(np.array(values), 0.95)
    return f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"


SECTION: Final = Section("methods", "How much less traffic, and at what loss of accuracy?", 12.0, find)
