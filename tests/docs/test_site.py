"""The site is made of the pages without a warning, whole and offline."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents import DOCS, PAGES, ROOT

needs_sphinx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("sphinx", "furo", "myst_parser")),
    reason="sphinx, furo or myst-parser is not installed (the extra `docs`)",
)


def build(docs: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Make the site as `make docs` does, from a network that leads nowhere."""
    options = ["--fail-on-warning", "--keep-going", "--quiet", "-b", "html", "-d", str(out / "doctrees")]
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "sphinx", *options, str(docs), str(out / "html")]
    return subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **nowhere})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    made = build(DOCS, out)
    assert made.returncode == 0, made.stderr
    return out / "html"


@needs_sphinx
@pytest.mark.slow
def test_every_page_is_on_the_site_and_in_its_navigation(site: Path) -> None:
    front = (site / "README.html").read_text(encoding="utf-8")
    for page in set(PAGES.values()) - {ROOT / "README.md", DOCS / "README.md"}:
        name = page.relative_to(DOCS).with_suffix(".html")
        assert (site / name).exists(), name
        assert f'<a class="reference internal" href="{name}">' in front, name
    assert "README.html" in (site / "index.html").read_text(encoding="utf-8")


@needs_sphinx
@pytest.mark.slow
def test_a_page_keeps_its_tables_and_fetches_nothing_from_elsewhere(site: Path) -> None:
    for name in ("README.html", "reference/settings.html", "methods/air-fedga.html"):
        text = (site / name).read_text(encoding="utf-8")
        assert "<table" in text, name
        sources = re.findall(r"<(?:script|link|img)\b[^>]*?\b(?:src|href)=\"([^\"]*)\"", text)
        assert sources and not [source for source in sources if re.match(r"(\w+:)?//", source)], name


@needs_sphinx
@pytest.mark.slow
def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "conf.py").write_text((DOCS / "conf.py").read_text(encoding="utf-8"), encoding="utf-8")
    (docs / "README.md").write_text("# A\n\n[nowhere](missing.md)\n", encoding="utf-8")
    made = build(docs, tmp_path)
    assert made.returncode != 0 and "missing.md" in made.stderr
