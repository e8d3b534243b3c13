"""The target of a comparison for which none was stated."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from testbed.errors import RequestError
from testbed.experiments.resolve import ResolvedScenario
from testbed.experiments.scenario import data_folder
from testbed.experiments.sweep import PlannedRun

__all__ = ["default_target"]

_OF_CLASSIFIERS: Final = "accuracy>=0.8"
_NONE: Final = "none"


def default_target(planned: Sequence[PlannedRun], data_dir: Path | None) -> tuple[str, str]:
    """Return a target, as `--target` has it, and a sentence that says why it is that one, or nothing.

    It is the one at which all runs stop (`run.stop`), if they state one; else `accuracy>=0.8`, but none where a
    language model is among them: how low its loss can get depends on the text and the tokens. Our choice.
    """
    scenarios = [scenario.resolve() for scenario in {id(run.scenario): run.scenario for run in planned}.values()]
    stated = {None if scenario.run.stop is None else scenario.run.stop.target for scenario in scenarios}
    if len(stated) == 1 and (target := stated.pop()) is not None:
        return target, f"no --target: it is the scenario's own, {target} (run.stop)"
    if any(_is_language(scenario, data_dir) for scenario in scenarios):
        return _NONE, (
            "no --target: for language models none is assumed, and final values are compared; "
            "state one like --target 'loss<=2.1'"
        )
    return _OF_CLASSIFIERS, ""


def _is_language(scenario: ResolvedScenario, data_dir: Path | None) -> bool:
    try:
        return scenario.data.dataset.load(data_folder(data_dir, scenario)).is_language
    except RequestError:
        return False  # the rehearsal refuses it, with every other alternative that cannot be run
