"""The scenario of the comparisons, changed to one alternative, and what a run of it had spent at an accuracy."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from testbed.experiments.result import RunResult
from testbed.experiments.scenario import Scenario
from testbed.experiments.statistics import ratio_interval
from testbed.experiments.sweep import PlannedRun, Variation, plan_sweep, prefixed
from testbed.experiments.target import DEFAULT_RULE, Target, time_to
from testbed.reproductions.outline import Setting
from testbed.streams import Purpose, stream

__all__ = ["Changes", "final_percent", "less_percent", "megabytes_to", "run_all", "seconds_to"]

Changes = Mapping[str, Any]  # dotted setting -> value

_BITS_PER_MEGABYTE: Final = 8e6
_LEVEL: Final = 0.95
_QUICK: Final[Changes] = {"run.horizon_rounds": 8, "devices.count": 10, "model.hidden": [16]}


def run_all(section: str, setting: Setting, alternatives: Mapping[str, Changes]) -> dict[str, list[RunResult]]:
    """Return the runs of each alternative to the shipped scenario, one a seed, in the order of the seeds.

    An alternative names its method in `algorithm.kind`.
    """
    seeds = list(setting.seeds[:2] if setting.quick else setting.seeds)
    planned: list[PlannedRun] = []
    for label, changes in alternatives.items():
        scenario = Scenario.load("caesar")
        for key, value in {**(_QUICK if setting.quick else {}), **changes}.items():
            scenario = scenario.set(key, value)
        method = [Variation("algorithm.kind", (changes["algorithm.kind"],))]
        planned += prefixed(plan_sweep(scenario, method, seeds), label)
    results = setting.run(section, planned)
    return {label: results[k * len(seeds) : (k + 1) * len(seeds)] for k, label in enumerate(alternatives)}


def seconds_to(run: RunResult, accuracy: float) -> float | None:
    """Return when the mean of the last five evaluations was at least an accuracy [s]; None if it never was."""
    times_s, values = run.series("accuracy")
    return time_to(Target("accuracy", ">=", accuracy), times_s.tolist(), values.tolist(), DEFAULT_RULE)


def megabytes_to(run: RunResult, accuracy: float) -> float | None:
    """Return what had been sent, up and down, when that was so [MB]."""
    time_s = seconds_to(run, accuracy)
    if time_s is None:
        return None
    sent = run.column("transfer", "end_s") <= time_s
    return float(run.column("transfer", "bits")[sent].sum()) / _BITS_PER_MEGABYTE


def final_percent(run: RunResult) -> float:
    """Return the accuracy over the last five evaluations [%]."""
    return 100.0 * (run.final("accuracy") or 0.0)


def less_percent(own: Sequence[float | None], others: Sequence[float | None]) -> str:
    """Return how much less `own` spent than `others`, paired over seeds: `31 % [24, 37]`, or why there is no figure."""
    ratios = [mine / theirs for mine, theirs in zip(own, others, strict=True) if mine and theirs]
    if len(ratios) < len(own):
        return f"{len(ratios)} of {len(own)} pairs"
    found = ratio_interval(ratios, _LEVEL, stream(0, Purpose.SELECTION))
    less = 100.0 * (1.0 - found.ratio)
    if found.low is None or found.high is None:
        return f"{less:.0f} %"
    low, high = (100.0 * (1.0 - bound) for bound in (found.high, found.low))
    return f"{less:.0f} % [{low:.0f}, {high:.0f}]"
