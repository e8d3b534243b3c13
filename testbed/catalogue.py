"""The catalogue: every part a scenario can name, found without importing it.

Each package has a module `parts` with one literal table, kind -> name -> (module:object, one line of help).
Reading it imports nothing else, so `testbed list` is instant. Other distributions add names through entry
points in the group `airwan.<kind>` (with underscores); a script or notebook adds one with `@register(kind, name)`.

Names are lower-case with hyphens; an underscore is accepted and means a hyphen.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import entry_points
from typing import Any, Final, TypeVar

from testbed.errors import RequestError, unknown_name

__all__ = ["KINDS", "Entry", "canonical", "entries", "find", "load", "register"]

_TABLES: Final = ("testbed.parts", "channels.parts", "algorithms.parts", "graphs.parts")

KINDS: Final = {
    "scenario": "a shipped experiment, runnable by name",
    "algorithm": "a whole method",
    "world": "what a scenario builds: who there is and how they are connected",
    "power-control": "how transmit gains and the receive scale are chosen",
    "grouping": "how clients are partitioned into groups",
    "selection": "which clients are asked in a round",
    "payload": "what is put on the air: the model or its update",
    "fading": "small-scale fading of a link",
    "path-loss": "large-scale attenuation of a link",
    "shadowing": "medium-scale attenuation of a link by what stands in the way",
    "noise": "receiver noise and its convention",
    "downlink": "the way from server to clients",
    "device": "a device profile: speed, memory, power",
    "slowdown": "how device speeds differ",
    "availability": "when devices are there",
    "dataset": "data to learn from",
    "partition": "how the data is dealt to the clients",
    "model": "what is trained",
    "kernel": "the arithmetic by which training jobs are computed",
    "placement": "where training jobs are computed",
    "reproduction": "a paper whose figures `testbed reproduce` shows beside ours",
}

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """One name of the catalogue: where its object lives and who brought it."""

    kind: str
    name: str
    target: str
    help: str
    origin: str


_registered: dict[tuple[str, str], tuple[Entry, Any]] = {}


def canonical(name: str) -> str:
    """Return the spelling of a name in the catalogue.

    >>> canonical("Air_FedGA")
    'air-fedga'
    """
    return name.strip().lower().replace("_", "-")


def register(kind: str, name: str, help: str = "") -> Callable[[T], T]:
    """Return a decorator that adds an object of this process to the catalogue (for scripts and notebooks).

    Raises
    ------
    RequestError : an unknown kind, or a name that is taken.
    """
    kind, name = canonical(kind), canonical(name)
    if name in entries(kind):
        raise RequestError(f"the {kind} {name!r} exists already")

    def add(part: T) -> T:
        text = help or (getattr(part, "__doc__", None) or "").strip().split("\n")[0]
        module = getattr(part, "__module__", "__main__")
        _registered[kind, name] = Entry(kind, name, f"{module}:{name}", text, module), part
        return part

    return add


@lru_cache(maxsize=1)
def _literal_entries() -> dict[str, dict[str, Entry]]:
    found: dict[str, dict[str, Entry]] = {kind: {} for kind in KINDS}
    for table in _TABLES:
        parts = importlib.import_module(table).PARTS
        for kind, names in parts.items():
            for name, (target, help) in names.items():
                if name in found[kind]:
                    raise RuntimeError(f"two parts of kind {kind!r} are named {name!r}")
                found[kind][name] = Entry(kind, name, target, help, "airwan")
    return found


@cache  # a scan of every installed distribution takes milliseconds
def _plugged_entries(kind: str) -> tuple[Entry, ...]:
    """Return what other distributions add; a group's name has no hyphen (packaging specification)."""
    found = []
    for point in entry_points(group=f"airwan.{kind.replace('-', '_')}"):
        origin = point.dist.name if point.dist else "unknown distribution"
        found.append(Entry(kind, canonical(point.name), point.value, f"from {origin}", origin))
    return tuple(found)


def entries(kind: str) -> dict[str, Entry]:
    """Return the entries of one kind by name: built-in, then of other distributions, then of this process.

    Raises
    ------
    RequestError : no such kind.
    """
    kind = canonical(kind)
    if kind not in KINDS:
        raise unknown_name("kind of part", kind, KINDS)
    found = dict(_literal_entries()[kind])
    for entry in _plugged_entries(kind):
        found.setdefault(entry.name, entry)
    found.update({n: entry for (k, n), (entry, _) in _registered.items() if k == kind})
    return dict(sorted(found.items()))


def find(kind: str, name: str) -> Entry:
    """Return one entry.

    Raises
    ------
    RequestError : no such kind or name; the message has the nearest names.
    """
    known = entries(kind)
    if canonical(name) not in known:
        raise unknown_name(canonical(kind), canonical(name), known)
    return known[canonical(name)]


def load(kind: str, name: str) -> Any:
    """Return the object behind a name, importing its module.

    Raises
    ------
    RequestError : no such kind or name.
    """
    entry = find(kind, name)
    if (entry.kind, entry.name) in _registered:
        return _registered[entry.kind, entry.name][1]
    module, _, attribute = entry.target.partition(":")
    return getattr(importlib.import_module(module), attribute)
