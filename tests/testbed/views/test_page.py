import base64
import hashlib
from importlib import resources

import numpy as np
import pytest
from pages import Page
from rich.console import Group
from rich.table import Table
from rich.text import Text

from testbed.views.page import Html, asset, data_block, element, html_of, join, packed, render_page, unpacked
from testbed.views.palette import COLOURS

HOSTILE = "</script><script>alert(1)</script>\"'&<img src=x onerror=alert(1)>\u2028"


def test_text_is_escaped_in_elements_and_attributes_and_read_back_as_it_was() -> None:
    written = element("p", HOSTILE, element("b", "bold"), title=HOSTILE)
    page = Page(written)
    assert [name for name, _, _ in page.elements] == ["p", "b"]
    ((attributes, text),) = page.all("p")
    assert text == HOSTILE and attributes["title"] == HOSTILE


def test_attributes_that_are_off_are_left_out_and_those_that_are_on_are_bare() -> None:
    assert element("input", checked=True, disabled=False, id=None, size=3) == '<input checked size="3">'


def test_elements_are_joined_unescaped_and_texts_escaped() -> None:
    assert join([element("i", "a"), "<"], between=Html("<br>")) == "<i>a</i><br>&lt;"


def test_a_table_of_the_command_line_keeps_every_cell_line_and_side() -> None:
    table = Table(title=Text("what <came> out"))
    table.add_column(Text("name [unit]"))
    table.add_column(Text("value"), justify="right")
    table.add_row(Text("[bold]a[/bold]"), Text("1\n[0, 2]"))
    page = Page(html_of(Group(table, Text("a note"))))
    assert page.rows == [["name [unit]", "value"], ["[bold]a[/bold]", "1\n[0, 2]"]]
    assert [text for _, text in page.all("caption")] == ["what <came> out"]
    assert [text for _, text in page.all("td", class_="right")] == ["1[0, 2]"]
    assert [text for _, text in page.all("p", class_="note")] == ["a note"]


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(TypeError, match="dict"):
        html_of({})


@pytest.mark.parametrize("kind", ["f8", "i4", "u1"])
def test_numbers_are_packed_exactly(kind: str) -> None:
    values = np.array([0, 1, 200]) if kind != "f8" else np.array([0.1, np.nan, -np.inf, 1e300])
    np.testing.assert_array_equal(unpacked(packed(values, kind), kind), values)
    assert len(unpacked(packed([], kind), kind)) == 0


@pytest.mark.parametrize(("value", "kind"), [(256, "u1"), (-1, "u1"), (2**31, "i4")])
def test_a_number_that_does_not_fit_is_refused(value: int, kind: str) -> None:
    with pytest.raises(OverflowError, match=str(value)):
        packed([value], kind)


def test_no_name_in_a_data_block_ends_it() -> None:
    page = Page(data_block("data", {"name": HOSTILE}))
    assert [name for name, _, _ in page.elements] == ["script"]


def test_a_page_is_complete_in_itself_and_runs_exactly_its_own_scripts() -> None:
    page = Page(render_page(HOSTILE, [element("main", HOSTILE)], ["timeline.js", "page.js"]))
    page.assert_complete_in_itself()
    ((_, title),) = page.all("title")
    assert title == HOSTILE
    programs = [text for attributes, text in page.all("script") if "type" not in attributes]
    assert programs == [asset("timeline.js"), asset("page.js")]
    ((policy, _),) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    for program in programs:
        assert base64.b64encode(hashlib.sha256(program.encode()).digest()).decode() in str(policy["content"])


def test_a_page_has_the_colours_of_the_pictures_and_is_light_on_paper() -> None:
    page = render_page("t", [])
    assert all(f"--series-{position}:{colour}" in page for position, colour in enumerate(COLOURS))
    assert "@media screen and (prefers-color-scheme: dark)" in page


def test_a_page_without_scripts_runs_none() -> None:
    ((policy, _),) = Page(render_page("t", [])).all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert "script-src 'none'" in str(policy["content"])


def test_the_assets_are_files_of_the_installed_package() -> None:
    names = {file.name for file in (resources.files("testbed.views") / "assets").iterdir()}
    assert {"page.css", "page.js", "timeline.js"} <= names
    assert all(asset(name) for name in names)
