"""What alternatives are called: the words for the values of a varied setting."""

from collections.abc import Mapping, Sequence
from typing import Any

from testbed import catalogue
from testbed.experiments.result import RunResult

__all__ = ["setting_labels", "setting_name", "setting_words", "value_labels"]


def setting_name(key: str) -> str:
    """Return the short name of a setting.

    >>> setting_name("algorithm.grouping"), setting_name("algorithm.kind")
    ('grouping', 'algorithm')
    """
    return key.removesuffix(".kind").rpartition(".")[2]


def setting_labels(runs: Sequence[RunResult], key: str) -> list[str]:
    """Return the label of a setting's value in each run, as `value_labels` has it."""
    if key in ("algorithm", "algorithm.kind"):
        return [run.algorithm for run in runs]
    return value_labels([_setting(run, key) for run in runs])


def setting_words(runs: Sequence[RunResult], key: str, alone: bool) -> list[str]:
    """Return `name=label` for each run; a method, and a name or part that varies `alone`, by its label only."""
    method = key in ("algorithm", "algorithm.kind")
    return [
        label if method or (alone and isinstance(_setting(run, key), str | Mapping)) else f"{setting_name(key)}={label}"
        for run, label in zip(runs, setting_labels(runs, key), strict=True)
    ]


def _setting(run: RunResult, key: str) -> Any:
    table, _, rest = key.partition(".")
    method, _, inner = rest.partition(".")
    # A scenario has one table per method, a resolved one the selected method's settings alone.
    if table == "algorithm" and inner and catalogue.canonical(method) == run.algorithm:
        return run.setting(f"algorithm.{inner}")
    return run.setting(key)


def value_labels(values: Sequence[object]) -> list[str]:
    """Return a label for each value: a part by its kind, and by the settings in which parts of that kind differ.

    >>> value_labels(["single", {"kind": "tier", "num_groups": 4}, {"kind": "tier", "num_groups": 8}, 0.5])
    ['single', 'tier (num_groups=4)', 'tier (num_groups=8)', '0.5']
    """
    alike: dict[str, list[Mapping[str, Any]]] = {}
    for value in values:
        alike.setdefault(_kind(value), []).append(_settings(value))
    return [_kind(value) + _differing(_settings(value), alike[_kind(value)]) for value in values]


def _kind(value: object) -> str:
    return str(value.get("kind", value) if isinstance(value, Mapping) else value)


def _settings(value: object) -> Mapping[str, Any]:
    return {key: of for key, of in value.items() if key != "kind"} if isinstance(value, Mapping) else {}


def _differing(settings: Mapping[str, Any], alike: Sequence[Mapping[str, Any]]) -> str:
    words = [
        f"{key}={_kind(value)}" for key, value in settings.items() if any(other.get(key) != value for other in alike)
    ]
    return f" ({', '.join(words)})" if words else ""
