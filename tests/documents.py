"""The pages of the documentation, and what stands in their blocks of code."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

__all__ = ["DOCS", "FENCE", "PAGES", "ROOT", "blocks", "commands", "save_files"]

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
_BUILT = DOCS / "_build"
_IN_DOCS = sorted(page for page in DOCS.rglob("*.md") if not page.is_relative_to(_BUILT))
PAGES = {str(page.relative_to(ROOT)): page for page in (*ROOT.glob("README.md"), *_IN_DOCS)}
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> Iterator[tuple[int, str]]:
    """Yield the fenced blocks in these languages, each with the number of its first line."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        if match[1] in languages:
            yield text.count("\n", 0, match.start(2)), match[2]


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words after `testbed` of every such command line in the page's shell blocks."""
    for _, text in blocks(page, "sh", "console"):
        for line in text.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words = list(lexer)
            if words and Path(words[0]).name == "testbed":
                ends = [place for place, word in enumerate(words) if re.fullmatch(r"[|&;<>()]+", word)]
                yield words[1 : min(ends, default=len(words))]


def save_files(page: Path) -> None:
    """Save the data in a page's blocks in the current folder, under the names by which the page introduces them."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        if match[1] in ("csv", "json"):
            names = re.findall(rf"`([\w-]+\.{match[1]})`", text[: match.start()])
            Path(names[-1]).write_text(match[2], encoding="utf-8")
