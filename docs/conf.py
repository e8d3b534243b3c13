"""How Sphinx makes the site of the pages in this folder, which stay readable as they are: see `make docs`.

The navigation is that of `README.md`: every table in it is a part of the site, named after the heading above the table.
Nothing is fetched.
"""

import re
from pathlib import Path
from typing import Any

project = "AirWAN"
author = "The AirWAN maintainers"
project_copyright = author

extensions = ["myst_parser"]
root_doc = "README"
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "AirWAN"
html_show_sourcelink = False
myst_heading_anchors = 4  # as a forge numbers them, so that links to a heading hold in both
suppress_warnings = ["misc.highlighting_failure"]  # `sh` and `text` blocks hold placeholders

_DOCS = Path(__file__).parent.resolve()


def contents(text: str) -> dict[str, list[str]]:
    """Return what the tables of a page link to in their first column: heading -> pages, in order."""
    parts: dict[str, list[str]] = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        pages = re.findall(r"^\| \[[^\]]+\]\(([^)#]+)\.md\)", part, flags=re.MULTILINE)
        if pages:
            parts[part.splitlines()[0]] = pages
    return parts


def _navigate(app: Any, docname: str, source: list[str]) -> None:
    """Give the front page the trees of its tables; a page outside this folder, not on the site, loses its link."""

    def link(match: re.Match[str]) -> str:
        target = (_DOCS / docname).parent.joinpath(match[2]).resolve()
        return match[0] if target.is_relative_to(_DOCS) else match[1]

    text = re.sub(r"\[([^\]]+)\]\(([^):#]+\.md)[^)]*\)", link, source[0])
    if docname == root_doc:
        for heading, pages in contents(text).items():
            text += "\n".join(["", "```{toctree}", ":hidden:", f":caption: {heading}", "", *pages, "```", ""])
    source[0] = text


def _open_at_the_front(app: Any, failure: Exception | None) -> None:
    """Let the folder open at the front page, whose file is named after its source."""
    refresh = f'<!doctype html><meta http-equiv="refresh" content="0; url={root_doc}.html"><title>AirWAN</title>\n'
    if failure is None:
        Path(app.outdir, "index.html").write_text(refresh, encoding="utf-8")


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _navigate)
    app.connect("build-finished", _open_at_the_front)
