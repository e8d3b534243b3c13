"""Pages: one HTML file that holds everything it shows and asks nobody for more.

A page is made of elements; text is escaped unless it is `Html` already, so that a scenario named `<script>` is
a name. Style and scripts are the files in `assets`, put into the page, and the page's own content security
policy forbids every request and every script that is not one of these: it works from a mail attachment, without
a network. Colours are those of `palette.py`, lighter on a dark screen; paper is always light.
"""

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from rich.console import Group
from rich.table import Table
from rich.text import Text

from testbed.views.palette import COLOURS

__all__ = ["Html", "asset", "data_block", "element", "html_of", "join", "packed", "render_page", "unpacked"]

_VOID: Final = frozenset({"br", "img", "input", "link", "meta"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str | int | float | bool | None) -> Html:
    """Return an element; children that are not `Html` are text.

    Parameters
    ----------
    attributes : `class_` is `class`, any other `_` is `-`; None and False leave one out, True writes it bare.

    >>> element("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    written = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        written.append(attribute if value is True else f'{attribute}="{html.escape(str(value))}"')
    opening = f"<{' '.join(written)}>"
    return Html(opening if name in _VOID else f"{opening}{join(children)}</{name}>")


def join(children: Iterable[str], between: str = "") -> Html:
    """Return elements and texts in a row."""
    return Html(between.join(c if isinstance(c, Html) else html.escape(c) for c in children))


def html_of(shown: object) -> Html:
    """Return what the command line prints (a table, a text, a group of them) as HTML, cell by cell.

    Raises
    ------
    TypeError : something else.
    """
    match shown:
        case Group():
            return join(html_of(part) for part in shown.renderables)
        case Table():
            return _table(shown)
        case Text():
            return element("p", shown.plain, class_="note")
    raise TypeError(f"cannot write a {type(shown).__name__} as HTML")


def _table(table: Table) -> Html:
    columns = [[_lines(cell) for cell in column.cells] for column in table.columns]
    sides = [column.justify if column.justify == "right" else None for column in table.columns]
    heads = (_lines(column.header) for column in table.columns)
    header = [element("th", head, class_=side, scope="col") for head, side in zip(heads, sides, strict=True)]
    rows = []
    for cells in zip(*columns, strict=True):
        first, *others = zip(cells, sides, strict=True)
        rows.append(
            element(
                "tr",
                element("th", first[0], scope="row"),
                *(element("td", cell, class_=side) for cell, side in others),
            )
        )
    title = [] if table.title is None else [element("caption", _lines(table.title))]
    head, body = element("thead", element("tr", *header)), element("tbody", *rows)
    # A table that is wider than a phone scrolls in its own frame, which the keyboard can reach too.
    return element("div", element("table", *title, head, body), class_="scroll", tabindex=0)


def _lines(cell: object) -> Html:
    text = cell.plain if isinstance(cell, Text) else str(cell)
    return join(text.split("\n"), between="<br>")


def packed(values: npt.ArrayLike, kind: str) -> str:
    """Return an array as base64 of its little-endian bytes: exact, and quick to read in a browser.

    Parameters
    ----------
    values : (n,) numbers.
    kind : `f8`, `i4` or `u1`; a number that does not fit is an error, not another number.

    Raises
    ------
    OverflowError : a whole number outside the range of `kind`.
    """
    array = np.asarray(values)
    if kind[0] in "iu" and array.size:
        limits = np.iinfo(kind)
        if array.min() < limits.min or array.max() > limits.max:
            raise OverflowError(f"{array.min()} to {array.max()} do not fit into {kind}")
    return base64.b64encode(array.astype(f"<{kind}").tobytes()).decode()


def unpacked(text: str, kind: str) -> npt.NDArray[Any]:
    """Return the array `(n,)` that `packed` wrote.

    >>> unpacked(packed([1.5, -2.0], "f8"), "f8").tolist()
    [1.5, -2.0]
    """
    return np.frombuffer(base64.b64decode(text), dtype=f"<{kind}")


def data_block(identifier: str, data: Mapping[str, Any]) -> Html:
    """Return data for a script, as JSON that no name in it can end or open a tag with."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return element("script", Html(text), type="application/json", id=identifier)


def asset(name: str) -> str:
    """Return the text of a file in `assets`."""
    return (resources.files("testbed.views") / "assets" / name).read_text(encoding="utf-8")


def render_page(title: str, body: Sequence[str], scripts: Sequence[str] = ()) -> str:
    """Return a whole page.

    Parameters
    ----------
    title : of the window; what stands above the text is part of `body`.
    scripts : names of files in `assets`, run in this order after the body.
    """
    programs = [asset(name) for name in scripts]
    digests = [base64.b64encode(hashlib.sha256(program.encode()).digest()).decode() for program in programs]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}; base-uri 'none'"
    series = ";".join(f"--series-{position}:{colour}" for position, colour in enumerate(COLOURS))
    head = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=f"{policy}; form-action 'none'"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("link", rel="icon", href="data:,"),  # or a browser would look for one
        element("title", title),
        element("style", Html(f":root{{{series}}}\n{asset('page.css')}")),
    ]
    ending = [element("script", Html(program)) for program in programs]
    content = element("html", element("head", *head), "\n", element("body", *body, *ending), lang="en")
    return f"<!DOCTYPE html>\n{content}\n"
