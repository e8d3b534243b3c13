"""The reference of settings: every table of a scenario and every shipped part, from the schemas that check them.

Whatever the page says of a setting is read off its class: the type and the bounds off the annotation, the default off
the field, the meaning off the comment beside it, the unit off its name (the name of a setting carries its SI unit).
"""

import ast
import inspect
import re
import types
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from testbed import catalogue
from testbed.errors import RequestError
from testbed.experiments.resolve import DataSettings, Header, RunSettings, TrainingSettings
from testbed.settings import Part, Settings, component

__all__ = ["Setting", "reference_page", "settings_of", "unit_of"]

_INTRODUCTION: Final = """\
# Settings

Every table of a scenario and every shipped part with its settings. This page is made from the schemas that check a
scenario, by `make reference`; do not edit it. How they are written is on the page
[write a scenario](../how-to/write-a-scenario.md). A quantity may be a number in its unit or text with another, such as
`"20 ms"`.
"""

# How the name of a setting ends -> unit; the first that fits.
_UNITS: Final = {
    r"bytes_per_s": "byte/s",
    r"bit_per_s": "bit/s",
    r"flop_per_s": "FLOP/s",
    r"w_per_hz": "W/Hz",
    r"j_per_use": "J",
    r"j_per_gbyte": "J/GB",
    r"db(_at_1_m)?": "dB",
    r"bytes": "byte",
    r"hz": "Hz",
    r"rad": "rad",
    r"s": "s",
    r"j": "J",
    r"w": "W",
    r"m": "m",
}
_MOST_ITEMS: Final = 4  # of a list that are written out
_BOUNDS: Final = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}


class Setting(NamedTuple):
    """What the reference says of one setting; `default` is as a scenario would write it."""

    name: str
    type: str
    unit: str
    default: str
    meaning: str


def unit_of(name: str) -> str:
    """Return the unit that the name of a setting carries; empty if it carries none, and for a bare letter.

    >>> unit_of("horizon_s"), unit_of("gain_db_at_1_m"), unit_of("classes")
    ('s', 'dB', '')
    """
    if "_" not in name:
        return ""
    return next((unit for ending, unit in _UNITS.items() if re.search(rf"(^|_){ending}$", name)), "")


def settings_of(settings: type[Settings], prefix: str = "") -> Iterator[Setting]:
    """Yield the settings of a class in order; those of a table within it follow under dotted names."""
    meanings = _meanings(settings)
    for name, field in settings.model_fields.items():
        if name == "kind":
            continue
        words = _type_words(field.annotation, field.metadata)
        yield Setting(prefix + name, words, unit_of(name), _default_words(field), meanings.get(name, ""))
        for table in _tables_in(field.annotation):
            yield from settings_of(table, f"{prefix}{name}.")


def reference_page() -> str:
    """Return the page, in Markdown: the tables of a scenario, then the parts, kind by kind."""
    tables: dict[str, type[Settings]] = {
        "`[scenario]`": Header,
        "`[run]`": RunSettings,
        "`[data]`": DataSettings,
        "`[training]`": TrainingSettings,
    }
    for name in _shipped("world"):
        for field, info in catalogue.load("world", name).Settings.model_fields.items():
            for table in _tables_in(info.annotation):
                written = f"[[{field}]]" if get_origin(info.annotation) is tuple else f"[{field}]"
                tables[f"`{written}` of the world {name}"] = table
    pieces = [_INTRODUCTION, "## Tables of a scenario\n"]
    pieces += [f"### {name}\n\n{_settings_table(settings_of(table))}" for name, table in tables.items()]
    pieces += [_kind_section(kind) for kind in catalogue.KINDS]
    return "\n".join(pieces)


def _kind_section(kind: str) -> str:
    shipped = _shipped(kind)
    lines = [(f"`{name}`", _without_source(entry), entry.source) for name, entry in shipped.items()]
    pieces = [f"## {kind}\n\n{catalogue.KINDS[kind].capitalize()}.\n", _table(("name", "what it is", "source"), lines)]
    named: dict[type[Part], list[str]] = {}
    for name in shipped:
        part = None if kind == "scenario" else catalogue.load(kind, name)
        if isinstance(part, type) and issubclass(part, Part):
            named.setdefault(part, []).append(name)
    for part, names in named.items():
        settings = [*settings_of(part)]
        if len(names) > 1:
            pieces.append(f"### Settings of every {kind}\n\n{_table_of_values(kind, names, settings)}")
        elif settings:
            page = f"See [its page](../methods/{names[0]}.md).\n\n" if kind == "algorithm" else ""
            pieces.append(f"### {kind} {names[0]}\n\n{page}{_settings_table(settings)}")
    return "\n".join(pieces)


def _shipped(kind: str) -> dict[str, catalogue.Entry]:
    return {name: entry for name, entry in catalogue.entries(kind).items() if entry.origin == catalogue.OWN}


def _without_source(entry: catalogue.Entry) -> str:
    return entry.help.removesuffix(f" ({entry.source})") if entry.source else entry.help


def _settings_table(settings: Iterable[Setting]) -> str:
    rows = [(f"`{s.name}`", s.type, s.unit, s.default, s.meaning) for s in settings]
    return _table(("setting", "type", "unit", "default", "meaning"), rows)


def _table_of_values(kind: str, names: Sequence[str], settings: Sequence[Setting]) -> str:
    """Return the table of a class of many names: a row a name, a column a setting, in it the default of that name."""
    heads = [f"`{setting.name}`" + (f" [{setting.unit}]" if setting.unit else "") for setting in settings]
    rows = []
    for name in names:
        try:
            part = component(kind).read(name)
        except (RequestError, ValueError):  # one that the scenario describes in full
            rows.append((f"`{name}`", *("required" for _ in settings)))
            continue
        rows.append((f"`{name}`", *(_value_words(getattr(part, setting.name)) for setting in settings)))
    return _table(("name", *heads), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown without the columns in which nothing stands."""
    kept = [column for column in range(len(heads)) if any(row[column] for row in rows)]
    lines = [[heads[column] for column in kept], ["---"] * len(kept)]
    lines += [[row[column].replace("|", "\\|") for column in kept] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# -- what a class says of its fields -----------------------------------------------------------------------------------


def _meanings(settings: type[Settings]) -> dict[str, str]:
    """Return the comments that stand beside the fields of a class, in it or in a base."""
    found: dict[str, str] = {}
    for owner in reversed(settings.__mro__):
        if not issubclass(owner, Settings) or owner in (Settings, Part):
            continue
        source = inspect.cleandoc("\n" + inspect.getsource(owner))
        lines = source.splitlines()
        (body,) = ast.parse(source).body
        for node in getattr(body, "body", ()):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.end_lineno is not None:
                rest = lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode()
                comments = [text.strip() for text in rest.split("#")[1:]]
                found[node.target.id] = "; ".join(text for text in comments if not text.startswith("type:"))
    return found


def _tables_in(annotation: Any) -> Iterator[type[Settings]]:
    """Yield the tables of settings, other than parts, that an annotation speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, Settings) and not issubclass(annotation, Part):
        yield annotation
    for inner in get_args(annotation):
        yield from _tables_in(inner)


def _type_words(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """Return what a scenario may write, in words."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return _type_words(inner, [*more, *metadata])
    flat = [item for meta in metadata for item in (meta.metadata if isinstance(meta, FieldInfo) else [meta])]
    kind = next((meta.kind for meta in flat if isinstance(meta, type(component("grouping")))), None)
    if kind is not None:
        return f"[{kind}](#{kind})"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_type_words(inner, flat) for inner in arguments if inner is not type(None))
    if origin is tuple:
        length = "" if Ellipsis in arguments else f" of {len(arguments)}"
        return f"list{length}, each a {_type_words(arguments[0])}"
    if origin is dict:
        return f"table of {_type_words(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return "table"
    plain = {int: "whole number", float: "number", str: "text", bool: "true or false", Path: "path"}
    bounds = [
        f"{sign} {getattr(b, name):g}" for b in flat for type_, (sign, name) in _BOUNDS.items() if type(b) is type_
    ]
    if "> 0" in bounds and "≥ 0" in bounds:
        bounds.remove("≥ 0")
    return " ".join(
        [plain.get(annotation, getattr(annotation, "__name__", str(annotation))), ", ".join(bounds)]
    ).strip()


def _default_words(field: FieldInfo) -> str:
    return "required" if field.is_required() else _value_words(field.get_default(call_default_factory=True))


def _value_words(value: Any) -> str:
    """Return a value as a scenario would write it; none for a setting that may be left out, and for a table nothing."""
    if isinstance(value, Settings):
        return f"`{value.kind}`" if isinstance(value, Part) else "see below"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}"
    if isinstance(value, tuple | list):
        shown = [_value_words(item) for item in value[:_MOST_ITEMS]]
        return (
            f"[{', '.join(shown)}]" if len(value) <= _MOST_ITEMS else f"[{', '.join(shown)}, ...], {len(value)} in all"
        )
    return f"`{value}`" if value != "" else "empty"
