"""The scenario of the comparisons, changed to one alternative, and its runs."""

from collections.abc import Mapping
from typing import Any, Final

from testbed.experiments.result import RunResult
from testbed.experiments.scenario import Scenario
from testbed.experiments.sweep import PlannedRun, Variation, plan_sweep, prefixed
from testbed.reproductions.outline import Setting

__all__ = ["NOTHING", "Changes", "caesar", "run_all"]

Changes = Mapping[str, Any]  # dotted setting -> value

NOTHING: Final[Changes] = {}
_QUICK: Final[Changes] = {"run.horizon_rounds": 8, "devices.count": 10, "model.hidden": [16]}


def caesar(**settings: Any) -> Changes:
    """Return the changes that make the method Caesar with these settings of its own."""
    return {"algorithm.kind": "caesar"} | {f"algorithm.caesar.{key}": value for key, value in settings.items()}


def run_all(
    section: str, setting: Setting, alternatives: Mapping[str, Changes], common: Changes = NOTHING
) -> dict[str, list[RunResult]]:
    """Return the runs of each alternative to the shipped scenario, one a seed, in the order of the seeds.

    An alternative names its method in `algorithm.kind`; `common` is changed for all of them.
    """
    seeds = list(setting.seeds[:2] if setting.quick else setting.seeds)
    planned: list[PlannedRun] = []
    for label, changes in alternatives.items():
        scenario = Scenario.load("caesar")
        for key, value in {**common, **(_QUICK if setting.quick else {}), **changes}.items():
            scenario = scenario.set(key, value)
        method = [Variation("algorithm.kind", (changes["algorithm.kind"],))]
        planned += prefixed(plan_sweep(scenario, method, seeds), label)
    results = setting.run(section, planned)
    return {label: results[k * len(seeds) : (k + 1) * len(seeds)] for k, label in enumerate(alternatives)}
