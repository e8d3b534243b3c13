"""The catalogue: every part a scenario can name, found without importing it.

Each package has a module `parts` with one literal table, kind -> name -> (module:object, one line of help). The line
of a rule ends with its source in parentheses: paper and year, "textbook" or "our choice". Reading the table imports
nothing else, so `testbed list` is instant. Other distributions add names through entry points in the group
`airwan.<kind>` (with underscores); a script or notebook adds one with `@register(kind, name)`.

Names are lower-case with hyphens; an underscore is accepted and means a hyphen. A name belongs to one part: where two
packages bring it, neither is used.
"""

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.metadata import entry_points
from typing import Any, Final, TypeVar

from testbed.errors import RequestError, unknown_name
from testbed.plugins import BrokenPart, load_part, load_target

__all__ = ["KINDS", "OWN", "Entry", "canonical", "entries", "examined", "find", "load", "register"]

_TABLES: Final = ("testbed.parts", "channels.parts", "algorithms.parts", "graphs.parts")

OWN: Final = "airwan"  # the origin of the parts that are shipped

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
    "codec": "how a vector is written for a link, and in how many bits",
    "outer-optimizer": "how what regions learned moves the global parameters",
    "compensation": "what a region makes of global parameters that are older than its own",
    "schedule": "after which inner step which fragment of the model is sent",
    "selector": "which fragment of the model goes next",
    "bandwidth": "how the capacity of a wide-area link varies",
    "topology": "which regions, nodes and wide-area links there are",
    "collective": "how vectors of several regions are added up",
    "device": "a device profile: speed, memory, power",
    "slowdown": "how device speeds differ",
    "availability": "when devices are there",
    "dataset": "data to learn from",
    "tokenizer": "how a text is cut into tokens",
    "partition": "how the data is dealt to the clients",
    "model": "what is trained",
    "structure": "how the structure of a client's graphs is told in one vector",
    "node-selection": "whose models make the common node model",
    "fusion-ratio": "what share the structural model has in the fused one",
    "kernel": "the arithmetic by which training jobs are computed",
    "placement": "where training jobs are computed",
    "tracker": "for which other tool a run's curves are written",
    "reproduction": "a paper whose figures `testbed reproduce` shows beside ours",
}

# Kinds whose objects are not settings that do the work themselves.
_NO_PARTS: Final = ("scenario", "world", "kernel", "placement", "reproduction")

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """One name of the catalogue: where its object lives, who brought it, and what is wrong with it, if anything."""

    kind: str
    name: str
    target: str
    help: str
    origin: str
    problem: str = ""

    @property
    def source(self) -> str:
        """What the line of help ends with in parentheses: a paper, "textbook", "our choice"; empty without any."""
        found = re.search(r"\(([^()]+)\)$", self.help)
        return found[1] if found else ""


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
        text = help or _first_line(part)
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
                found[kind][name] = Entry(kind, name, target, help, OWN)
    return found


@cache  # a scan of every installed distribution takes milliseconds
def _plugged_entries(kind: str) -> tuple[Entry, ...]:
    """Return what other distributions add; a group's name has no hyphen (packaging specification)."""
    found = []
    for point in entry_points(group=f"airwan.{kind.replace('-', '_')}"):
        origin = point.dist.name if point.dist else "unknown distribution"
        found.append(Entry(kind, canonical(point.name), point.value, "a part of another package", origin))
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
        first = found.setdefault(entry.name, entry)
        if first is not entry:
            problem = f"the packages {first.origin} and {entry.origin} both bring it; rename or uninstall one"
            found[entry.name] = replace(first, problem=problem)
    found.update({n: entry for (k, n), (entry, _) in _registered.items() if k == kind})
    return dict(sorted(found.items()))


def find(kind: str, name: str) -> Entry:
    """Return one entry.

    Raises
    ------
    RequestError : no such kind or name, with the nearest names; or two packages that bring it, with theirs.
    """
    known = entries(kind)
    if canonical(name) not in known:
        raise unknown_name(canonical(kind), canonical(name), known)
    entry = known[canonical(name)]
    if entry.problem:
        raise RequestError(f"the {entry.kind} {entry.name!r} cannot be used: {entry.problem}")
    return entry


def load(kind: str, name: str) -> Any:
    """Return the object behind a name, importing its module.

    Raises
    ------
    RequestError : no such kind or name, or a part of another package that is broken; the message names the package.
    """
    entry = find(kind, name)
    if (entry.kind, entry.name) in _registered:
        return _registered[entry.kind, entry.name][1]
    if entry.origin == OWN:
        return load_target(entry.target)
    try:
        return load_part(entry.target, *_requirements(entry.kind))
    except BrokenPart as error:
        raise RequestError(
            f"the {entry.kind} {entry.name!r} of the package {entry.origin} cannot be used: {error}"
        ) from error


def examined(entry: Entry) -> Entry:
    """Return an entry with what only importing it tells: the help or the problem of a part of another package.

    Shipped and registered parts are returned as they are, and not imported.
    """
    known = entry.origin == OWN or (entry.kind, entry.name) in _registered
    if known or entry.problem or entry.kind == "scenario":
        return entry
    try:
        part = load_part(entry.target, *_requirements(entry.kind))
    except BrokenPart as error:
        return replace(entry, problem=str(error))
    return replace(entry, help=_first_line(part) or entry.help)


def _requirements(kind: str) -> tuple[str, ...]:
    """Return the targets of what a class of this kind must derive from or have the members of."""
    protocols = [importlib.import_module(table).PROTOCOLS for table in _TABLES]
    base = () if kind in _NO_PARTS else ("testbed.settings:Part",)
    return (*base, *(found[kind] for found in protocols if kind in found))


def _first_line(part: Any) -> str:
    """Return the first line of a docstring without its full stop, as lines of help are."""
    return (getattr(part, "__doc__", None) or "").strip().split("\n")[0].removesuffix(".")
