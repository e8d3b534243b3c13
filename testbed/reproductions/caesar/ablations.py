"""Which part of Caesar earns what: each replaced, against the whole, paired over seeds."""

from typing import Any, Final

import numpy as np

from testbed.experiments.finding import Cell, Finding
from testbed.experiments.result import RunResult
from testbed.experiments.statistics import median_interval
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
_WHOLE: Final = "as it is"


def _changed(**settings: Any) -> Changes:
    return {"algorithm.kind": "caesar"} | {f"algorithm.caesar.{key}": value for key, value in settings.items()}


_ALTERNATIVES: Final[dict[str, Changes]] = {
    _WHOLE: _changed(),
    "no staleness: the round's mean for all": _changed(download="mean"),
    "no recovery: signs times a mean": _changed(side_info="none"),
    "the copy is what was received": _changed(side_info="received-model"),
    "no importance: the mean for all": _changed(upload="mean"),
    "no batch optimisation": _changed(batches="equal"),
    "error feedback": _changed(error_feedback=True),
    "staleness over 20 rounds": _changed(staleness_window=20),
    "8 levels down": _changed(num_levels=8),
    "largest over all tensors": _changed(per="vector"),
}


def find(setting: Setting) -> Finding:
    """Return costs and accuracy with each part replaced, beside those of the whole."""
    by_label = run_all("ablations", setting, _ALTERNATIVES)
    whole = by_label[_WHOLE]
    return Finding(
        title=f"Caesar with one part replaced: costs to {_TARGET:.0%} and final accuracy; {len(whole)} seeds",
        columns=("Caesar", "MB", "s", "less traffic as it is", "accuracy [%]", "model error"),
        rows=tuple(_row(label, runs, whole) for label, runs in by_label.items()),
        notes=("MB and s: medians. The model error is the mean relative squared error of what clients recovered.",),
    )


def _row(label: str, runs: list[RunResult], whole: list[RunResult]) -> tuple[Cell, ...]:
    megabytes = [megabytes_to(run, _TARGET) for run in runs]
    error = float(np.mean([_model_error(run) for run in runs]))
    return (
        label,
        median_interval(megabytes).median,
        median_interval([seconds_to(run, _TARGET) for run in runs]).median,
        "" if label == _WHOLE else less_percent([megabytes_to(run, _TARGET) for run in whole], megabytes),
        float(np.mean([final_percent(run) for run in runs])),
        f"{error:.5f}",
    )


def _model_error(run: RunResult) -> float:
    return float(run.column("packet", "nmse")[run.column("packet", "direction") == "down"].mean())


SECTION: Final = Section("ablations", "Which part of Caesar earns what?", 10.0, find)
