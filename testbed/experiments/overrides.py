"""Overrides: `key=value` from a command line, applied to a scenario's tables before they are checked."""

import copy
import datetime
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from testbed import catalogue
from testbed.errors import RequestError

__all__ = ["Override", "apply_overrides", "override_text", "parse_override", "parse_value"]

Override: TypeAlias = tuple[str, Any]

_SELECTING: Final = ("algorithm", "algorithm.kind")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


def parse_value(text: str) -> Any:
    """Return a TOML value if `text` is one, else the text itself.

    >>> parse_value("0.3"), parse_value("[1, 2]"), parse_value("10 Mbit/s"), parse_value("true")
    (0.3, [1, 2], '10 Mbit/s', True)
    """
    try:
        # Inside an inline table a comment or a second line cannot swallow part of the text.
        table = tomllib.loads(f"table = {{ value = {text} }}")["table"]
    except ValueError:  # not TOML, or a number of more digits than Python reads
        return text
    value = table.pop("value")
    # No setting is a date or a time of day: such a text is a name that looks like one.
    return text if table or isinstance(value, datetime.date | datetime.time) else value


def parse_override(text: str) -> Override:
    """Return (key, value) of `key=value`.

    Raises
    ------
    RequestError : no '=' or no key.

    >>> parse_override("training.learning_rate=0.1")
    ('training.learning_rate', 0.1)
    """
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise RequestError(f"{text!r} is not an override: write table.key=value")
    return key.strip(), parse_value(value.strip())


def override_text(override: Override) -> str:
    """Return `key=value` as a command line has it, so that `parse_override` gives the override back.

    >>> override_text(("algorithm.grouping", {"kind": "tier", "num_groups": 5}))
    'algorithm.grouping={kind = "tier", num_groups = 5}'
    """
    key, value = override
    plain = isinstance(value, str) and value == value.strip() and parse_value(value) == value
    return f"{key}={value if plain else _toml(value)}"


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{name if _BARE_KEY.fullmatch(name) else _toml(name)} = {_toml(v)}" for name, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, str):  # the escapes of JSON are escapes of TOML, which wants one more letter escaped
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value).lower()  # true, false, inf, nan, 1e-05


def apply_overrides(document: Mapping[str, Any], overrides: Sequence[Override]) -> dict[str, Any]:
    """Return a copy of the scenario's tables with the overrides applied in order.

    What selects the algorithm is applied first, for `algorithm.x` means the setting x of the selected one.
    A bare name for `algorithm` selects as `algorithm.kind` does: the tables of all methods stay. Elsewhere,
    overriding under a component that is given as a bare name turns the name into the table it stands for.

    Raises
    ------
    RequestError : a key that leads through something that is not a table.
    """
    changed: dict[str, Any] = copy.deepcopy(dict(document))
    for key, value in sorted(overrides, key=lambda override: override[0] not in _SELECTING):
        path = key.split(".")
        if path[0] == "algorithm":
            path = _algorithm_path(changed, path, value)
        _set(changed, path, copy.deepcopy(value), key)
    return changed


def _algorithm_path(document: dict[str, Any], path: list[str], value: Any) -> list[str]:
    """Return `algorithm.x` as `algorithm.<selected>.x`; a path that names a method leads to its table."""
    table = document.get("algorithm", {})
    if isinstance(table, str):
        document["algorithm"] = table = {"kind": table}
    if len(path) == 1:
        return ["algorithm", "kind"] if isinstance(value, str) else path
    if path[1] == "kind":
        return path
    named = catalogue.canonical(path[1]) in catalogue.entries("algorithm")
    kind = path[1] if named else table.get("kind") if isinstance(table, Mapping) else None
    if not isinstance(kind, str):
        raise RequestError(f"{'.'.join(path)} needs a selected algorithm: set algorithm.kind first")
    return ["algorithm", _as_spelt_in(table, kind), *path[2 if named else 1 :]]


def _as_spelt_in(table: Any, name: str) -> str:
    """Return the key by which `table` knows a name of the catalogue, so that no method gets two tables."""
    wanted = catalogue.canonical(name)
    keys = table if isinstance(table, Mapping) else ()
    return next((key for key in keys if catalogue.canonical(key) == wanted), wanted)


def _set(document: dict[str, Any], path: list[str], value: Any, key: str) -> None:
    table = document
    for depth, name in enumerate(path[:-1]):
        inner = table.setdefault(name, {})
        if isinstance(inner, str):
            inner = table[name] = {"kind": inner}
        if not isinstance(inner, dict):
            raise RequestError(f"{key}: {'.'.join(path[: depth + 1])} is {inner!r}, not a table")
        table = inner
    table[path[-1]] = value
