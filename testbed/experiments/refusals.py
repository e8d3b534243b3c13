"""Which alternatives of a sweep are refused, and why, in one message: all of them, each reason once."""

from collections.abc import Sequence
from math import prod

from testbed.errors import RequestError

__all__ = ["Words", "refusal"]

Words = tuple[str, ...]  # what one alternative sets, a word per varied setting, like ("grouping=tier", "count=20")

_MOST_NAMED = 6  # alternatives named one by one


def refusal(refused: Sequence[tuple[Words, str]], alternatives: Sequence[Words]) -> RequestError:
    """Return the error for a sweep in which some alternatives cannot be run.

    Parameters
    ----------
    refused : at least one alternative with the reason for which it is refused.
    alternatives : all of the sweep, in order.
    """
    reasons: dict[str, list[Words]] = {}
    for words, reason in refused:
        reasons.setdefault(reason, []).append(words)
    if len(refused) == len(alternatives) and len(reasons) == 1:
        return RequestError(refused[0][1])  # the alternatives have no part in it
    lines = [f"{_which(names, alternatives)}: {reason}" for reason, names in reasons.items()]
    heading = f"{len(refused)} of the {len(alternatives)} alternatives cannot be run, so none was:"
    return RequestError("\n  ".join([heading, *lines]))


def _which(names: Sequence[Words], alternatives: Sequence[Words]) -> str:
    """Return what these alternatives have in common if they are a rectangle of the sweep, else their names."""
    choices = [list(dict.fromkeys(column)) for column in zip(*names, strict=True)]
    if prod(map(len, choices)) == len(names):
        every = [set(column) for column in zip(*alternatives, strict=True)]
        # What all values of a setting share does not depend on it.
        common = [" or ".join(chosen) for chosen, known in zip(choices, every, strict=True) if set(chosen) != known]
        return " with ".join(common or map(" or ".join, choices))
    shown = [" with ".join(words) for words in names[:_MOST_NAMED]]
    more = [f"{len(names) - len(shown)} more"] if len(names) > len(shown) else []
    return "; ".join(shown + more)
