"""What every page must be: well-formed, and complete in itself."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

VOID = {"br", "img", "input", "link", "meta"}
LOADING = {"src", "href", "srcset", "action", "formaction", "data", "poster", "background", "xlink:href", "ping"}


class Page(HTMLParser):
    """The elements of a page, each with its attributes and its own text; a tag closed out of turn is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.source = text
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[int] = []
        self.feed(text)
        self.close()
        assert not self._open, "elements that never end"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self._open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.elements[self._open[-1]][2].append(data)

    def all(self, tag: str, **wanted: str) -> Iterator[tuple[dict[str, str | None], str]]:
        """Yield the attributes and the text of the elements of one tag with these attributes (`class_`: class)."""
        for name, attributes, texts in self.elements:
            if name == tag and all(attributes.get(key.rstrip("_")) == value for key, value in wanted.items()):
                yield attributes, "".join(texts)

    @property
    def words(self) -> str:
        """Return what a reader sees, with a space between elements."""
        hidden = {"script", "style", "title", "noscript"}
        return " ".join(" ".join(texts) for name, _, texts in self.elements if name not in hidden)

    @property
    def rows(self) -> list[list[str]]:
        """Return the cells of every table row."""
        found: list[list[str]] = []
        for name, _, texts in self.elements:
            if name == "tr":
                found.append([])
            elif name in ("td", "th") and found:
                found[-1].append("\n".join(texts))
        return found

    @property
    def timeline(self) -> dict[str, Any]:
        """Return the data of the timeline."""
        ((_, text),) = self.all("script", id="timeline-data")
        return dict(json.loads(text))

    def assert_complete_in_itself(self) -> None:
        """Refuse anything that a browser would have to fetch, and a policy that would let it."""
        assert self.source.startswith("<!DOCTYPE html>")
        for name, attributes, texts in self.elements:
            assert name not in ("iframe", "object", "embed", "base", "form", "a"), name
            for key in LOADING & attributes.keys():
                assert (attributes[key] or "").startswith("data:"), (name, key, attributes[key])
            assert not [key for key in attributes if key.startswith("on")], (name, attributes)
            styles = "".join(texts) if name == "style" else attributes.get("style") or ""
            assert not re.search(r"url\(|@import", styles)
            if name == "script" and "type" not in attributes:
                assert not re.search(r"https?:|fetch\(|XMLHttp|WebSocket|import\(|\beval\(|innerHTML", "".join(texts))
        ((policy, _),) = self.all("meta", **{"http-equiv": "Content-Security-Policy"})
        assert str(policy["content"]).startswith("default-src 'none'; img-src data:;")
        assert "unsafe" not in str(policy["content"]).partition("script-src")[2]
