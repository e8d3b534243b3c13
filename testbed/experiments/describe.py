"""One saved run in a document, and how the settings of several differ."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from testbed import catalogue
from testbed.errors import RequestError
from testbed.experiments.explanation import explain
from testbed.experiments.result import COSTS, RunResult
from testbed.settings import Part

__all__ = [
    "describe",
    "final_metrics",
    "median_explanation",
    "part_line",
    "part_settings",
    "setting_differences",
    "shared_settings",
    "varied_settings",
]

_OF_CLASSIFIERS: Final = ("accuracy", "loss", "client_accuracy_p10")
_OF_LANGUAGE_MODELS: Final = ("perplexity", "loss", "accuracy")


def describe(run: RunResult) -> dict[str, Any]:
    """Return what a person asks first of a run, as JSON has it: outcome, final metrics, costs, explanation."""
    totals = {name: run.cost(name)[1] for name in COSTS}
    return {
        "run_id": run.run_id,
        "scenario": run.name,
        "algorithm": run.algorithm,
        "downlink": run.setting("channel.downlink.kind"),
        "seed": run.seed,
        "status": run.meta.get("status"),
        "error": run.meta.get("error"),
        "simulated_s": run.elapsed_s,
        "num_versions": run.num_versions,
        "final": {name: run.final(name) for name in final_metrics(run)},
        "total": {name: float(total[-1]) if len(total) else 0.0 for name, total in totals.items()},
        "explanation": explain(run),
    }


def final_metrics(run: RunResult) -> list[str]:
    """Return the metrics whose final values sum a run up, those of single classes left out."""
    evaluated = sorted({str(name) for name in run.column("evaluation", "metric")})
    first = _OF_LANGUAGE_MODELS if "perplexity" in evaluated else _OF_CLASSIFIERS
    others = [name for name in evaluated if name not in first and not name.startswith("accuracy_class_")]
    return [*first, *others]


def median_explanation(runs: Sequence[RunResult]) -> dict[str, float | None]:
    """Return the median over runs of every indicator of `explain`; None where no run has it."""
    explanations = [explain(run) for run in runs]
    medians: dict[str, float | None] = {}
    for name in explanations[0]:
        values = [value for e in explanations if (value := e[name]) is not None]
        medians[name] = float(np.median(values)) if values else None
    return medians


def part_line(entry: catalogue.Entry) -> dict[str, str]:
    """Return what a list says of a part, as JSON has it; `problem` is there for one that is broken."""
    line = {"name": entry.name, "help": entry.help, "source": entry.source, "origin": entry.origin}
    return line | ({"problem": entry.problem} if entry.problem else {})


def part_settings(kind: str, name: str) -> list[dict[str, str]]:
    """Return the settings of a part: name, type and default as a scenario would write it ("required" if it has none).

    Raises
    ------
    RequestError : no such part, or one that has no settings of its own (a scenario).
    """
    entry = catalogue.find(kind, name)
    part = None if entry.kind == "scenario" else catalogue.load(entry.kind, entry.name)
    if not (isinstance(part, type) and issubclass(part, Part)):
        raise RequestError(f"the {kind} {name!r} is not a part with settings")
    fields = {key: field for key, field in part.model_fields.items() if key != "kind"}
    return [
        {
            "setting": key,
            "type": getattr(field.annotation, "__name__", str(field.annotation)).replace("typing.", ""),
            "default": "required" if field.is_required() else str(field.get_default(call_default_factory=True)),
        }
        for key, field in fields.items()
    ]


def setting_differences(runs: Sequence[RunResult]) -> dict[str, list[Any]]:
    """Return the settings in which runs differ, with the seed: dotted key -> the value in each run (None: absent)."""
    flat = [dict(_flatten(run.scenario)) | {"seed": run.seed} for run in runs]
    keys = sorted({key for settings in flat for key in settings})
    values = {key: [settings.get(key) for settings in flat] for key in keys}
    return {key: row for key, row in values.items() if any(value != row[0] for value in row)}


def shared_settings(runs: Sequence[RunResult]) -> dict[str, Any]:
    """Return the settings that all runs have in common: dotted key -> value."""
    flat = [dict(_flatten(run.scenario)) for run in runs]
    first = flat[0] if flat else {}
    return {key: value for key, value in first.items() if all(key in s and s[key] == value for s in flat)}


def varied_settings(runs: Sequence[RunResult]) -> list[str]:
    """Return the fewest settings found that tell apart all runs of different settings, whatever their seed.

    A setting that follows from those before it (the grouping, once the method is known) is left out. The method comes
    first, then other kinds, then values; the name of the scenario and what it asks come last.
    """

    def rank(key: str) -> tuple[int, str]:
        if key == "algorithm.kind":
            return 0, key
        return (3 if key.startswith("scenario.") else 1 if key.endswith(".kind") else 2), key

    chosen: list[str] = []
    classes = [""] * len(runs)
    differences = setting_differences(runs)
    for key in sorted(differences.keys() - {"seed"}, key=rank):
        finer = [json.dumps([old, value]) for old, value in zip(classes, differences[key], strict=True)]
        if len(set(finer)) > len(set(classes)):
            chosen.append(key)
            numbers = {name: str(number) for number, name in enumerate(dict.fromkeys(finer))}
            classes = [numbers[name] for name in finer]
    return chosen


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
