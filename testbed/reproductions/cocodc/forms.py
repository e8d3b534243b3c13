"""What the paper leaves open, tried: forms of the compensation, what chooses the fragment, what is sent."""

from typing import Any, Final

import numpy as np

from testbed.experiments.finding import Cell, Finding
from testbed.experiments.result import RunResult
from testbed.experiments.sweep import Variation, plan_sweep, prefixed
from testbed.reproductions.cocodc.methods import shipped
from testbed.reproductions.outline import Section, Setting

__all__ = ["SECTION"]

_FORMS: Final[dict[str, dict[str, Any]]] = {
    "B, norm-scaled, 0.2 (default)": {},
    "B, norm-scaled, 0.5": {"compensation": {"kind": "curvature-norm", "strength": 0.5}},
    "A, constant, 0.5": {"compensation": {"kind": "curvature-const", "strength": 0.5}},
    "C, rate, 0.2": {"compensation": {"kind": "curvature-rate", "strength": 0.2}},
    "carry (lam = 0)": {"compensation": "carry"},
    "blend 0.5": {"compensation": {"kind": "blend", "alpha": 0.5}},
    "wrong sign of B": {"compensation": {"kind": "curvature-norm", "strength": 0.2, "wrong_sign": True}},
    "outer learning rate 0.7": {"outer_optimizer": {"kind": "nesterov", "learning_rate": 0.7}},
    "payload e3m0": {"codec": "e3m0"},
    "payload int8": {"codec": "int8"},
}


def find(setting: Setting) -> Finding:
    """Return the loss at four fifths and at the end of runs of CoCoDC, and the traffic."""
    seeds = list(setting.seeds[:1] if setting.quick else setting.seeds)
    scenario = shipped(setting)
    planned = []
    for label, changes in _FORMS.items():
        changed = scenario
        for key, value in changes.items():
            changed = changed.set(f"algorithm.cocodc.{key}", value)
        planned += prefixed(plan_sweep(changed, [Variation("algorithm.kind", ("cocodc",))], seeds), label)
    results = setting.run("forms", planned)
    rows: list[tuple[Cell, ...]] = []
    for number, label in enumerate(_FORMS):
        runs = results[number * len(seeds) : (number + 1) * len(seeds)]
        rows.append((label, *(_median_final(runs, metric) for metric in ("loss", "loss_anchor")), _gigabytes(runs)))
    return Finding(
        title="CoCoDC by what its paper leaves open: final loss [nat], medians over seeds",
        columns=("form", "mean of replicas", "global model", "GB"),
        rows=tuple(rows),
        notes=(
            "With parameters of this size the quadratic term of form A is about a millionth of the rest: it is the "
            "carry. A difference between A and the blend is the carry's, not the compensation's.",
        ),
    )


def _median_final(runs: list[RunResult], metric: str) -> float | None:
    finals = [value for run in runs if not run.failed and (value := run.final(metric)) is not None]
    return float(np.median(finals)) if finals else None


def _gigabytes(runs: list[RunResult]) -> float | None:
    spent = [float(run.spent("bits_wan", np.array([np.inf]))[0]) / 8e9 for run in runs if not run.failed]
    return float(np.median(spent)) if spent else None


SECTION = Section("forms", "Which of the open choices matters?", 15.0, find)
