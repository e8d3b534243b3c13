"""What can go wrong, in two kinds: the request was wrong, or the run failed.

The command line turns `RequestError` into exit code 2 and `RunFailure` into exit code 1, each with its one
message and no traceback. Anything else is a defect of ours and may show one.
"""

import difflib
from collections.abc import Iterable

__all__ = ["RequestError", "RunFailure", "nearest_names", "unknown_name"]


class RequestError(ValueError):
    """A setting, name, file or argument cannot be accepted; the message says which, why and what would do."""


class RunFailure(RuntimeError):
    """A run that was accepted could not be carried to its end; the message says where in simulated time."""


def nearest_names(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """Return the known names that resemble `name`, best first.

    >>> nearest_names("air-fedgs", ["air-fedga", "air-fedavg", "fedavg"])
    ['air-fedga', 'air-fedavg', 'fedavg']
    """
    return difflib.get_close_matches(name, sorted(known), n=limit, cutoff=0.5)


def unknown_name(what: str, name: str, known: Iterable[str]) -> RequestError:
    """Return the error for a name that nobody knows, with the nearest known ones and the whole choice."""
    names = sorted(known)
    near = nearest_names(name, names)
    hint = f"did you mean {' or '.join(repr(n) for n in near)}? " if near else ""
    return RequestError(f"unknown {what} {name!r}: {hint}known: {', '.join(names) or 'none'}")
