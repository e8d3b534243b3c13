"""What the command line prints: one JSON document, views for people, and complaints."""

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["answer", "complain", "print_view", "remark"]


def answer(as_json: bool, document: dict[str, Any], show: Callable[["Console"], None]) -> None:
    """Print one JSON document, or let `show` print for a person."""
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")
        return
    from rich.console import Console

    show(Console())


def print_view(what: Any) -> None:
    """Print a renderable of rich."""
    from rich.console import Console

    Console().print(what)


def complain(message: object, code: int) -> int:
    """Write a message where errors go; return the exit code to end with."""
    sys.stderr.write(f"testbed: {message}\n")
    return code


def remark(message: object) -> None:
    """Write a message beside the answer: it is not part of a document."""
    sys.stderr.write(f"testbed: {message}\n")
