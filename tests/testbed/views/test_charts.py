import re

import numpy as np
import pytest
from pages import Page

from testbed.views.charts import LineChart, legend
from testbed.views.curves import Band
from testbed.views.palette import COLOURS

X = np.array([0.0, 50.0, 100.0])
MEDIAN = np.array([0.1, 0.5, 0.9])


def chart(logarithmic: bool = False, **changed: object) -> LineChart:
    band = Band(np.maximum(X, 1.0) if logarithmic else X, MEDIAN - 0.05, MEDIAN, MEDIAN + 0.05)
    settings = {
        "bands": {"a <b>": band},
        "reached": {"a <b>": 50.0},
        "quantity_label": "simulated time [s]",
        "metric_label": "test accuracy",
        "value_range": (0.0, 1.0),
        "logarithmic": logarithmic,
        "level": 0.5,
    }
    return LineChart(**(settings | changed))  # type: ignore[arg-type]


def points(path: str) -> np.ndarray:
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", path)]
    return np.array(numbers).reshape(-1, 2)


def axis_of(page: Page) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of the axes."""
    ((axis, _),) = page.all("path", class_="axis")
    left, top, bottom, right = (float(number) for number in re.findall(r"[\d.]+", str(axis["d"])))
    return left, right, bottom, top


def test_a_line_is_linear_in_its_values_and_its_band_surrounds_it() -> None:
    page = Page(chart().to_html())
    left, right, bottom, top = axis_of(page)
    ((line, _),) = page.all("path", class_="line")
    drawn = points(str(line["d"]))
    expected_x = left + (right - left) * X / 101.0
    np.testing.assert_allclose(drawn, np.stack([expected_x, bottom - (bottom - top) * MEDIAN], axis=1), atol=0.01)
    ((band, _),) = page.all("path", class_="band")
    outline = points(str(band["d"]))
    np.testing.assert_allclose(outline[:3, 1] + outline[:2:-1, 1], 2 * drawn[:, 1], atol=0.03)


def test_a_value_that_is_no_number_is_left_out() -> None:
    values = np.array([0.1, np.nan, 0.9])
    # The ends of an interval may be numbers where the median is none.
    for band in (Band(X, values, values, values), Band(X, MEDIAN, values, MEDIAN)):
        page = Page(chart(bands={"a": band}).to_html())
        ((line, _),) = page.all("path", class_="line")
        assert len(points(str(line["d"]))) == 2


def test_on_a_logarithmic_axis_equal_ratios_are_equal_lengths_and_it_says_so() -> None:
    x = np.array([10.0, 100.0, 1000.0])
    page = Page(chart(True, bands={"a": Band(x, MEDIAN, MEDIAN, MEDIAN)}).to_html())
    ((line, _),) = page.all("path", class_="line")
    steps = np.diff(points(str(line["d"]))[:, 0])
    assert steps[0] == pytest.approx(steps[1], abs=0.02) and steps[0] > 50
    assert "simulated time [s] (log scale)" in page.words


def test_the_diamond_stands_where_the_target_was_reached_and_nowhere_if_it_was_not() -> None:
    page = Page(chart().to_html())
    left, right, bottom, top = axis_of(page)
    ((diamond, _),) = page.all("path", class_="reached")
    x, y = points(str(diamond["d"]))[0]
    assert x == pytest.approx(left + (right - left) * 50 / 101, abs=0.01)
    assert y + 8 == pytest.approx((bottom + top) / 2, abs=0.01)
    assert not list(Page(chart(reached={"a <b>": None}).to_html()).all("path", class_="reached"))
    assert not list(Page(chart(level=None).to_html()).all("line", class_="target"))


def test_an_alternative_that_failed_keeps_its_colour_for_others() -> None:
    nothing, band = Band(*(np.empty(0),) * 4), chart().bands["a <b>"]
    page = Page(chart(bands={"failed": nothing, "a": band}, reached={"failed": None, "a": None}).to_html())
    ((line, _),) = page.all("path", class_="line")
    assert "--series-1" in str(line["style"])


def test_beyond_the_colours_a_line_is_dashed_in_chart_and_legend() -> None:
    band, count = chart().bands["a <b>"], len(COLOURS) + 1
    bands = {str(number): band for number in range(count)}
    page = Page(chart(bands=bands, reached={}).to_html())
    drawn = [line for line, _ in page.all("path", class_="line")]
    sampled = [line for line, _ in Page(legend(list(bands), "target")).all("line", class_="line")]
    for lines in (drawn, sampled):
        assert [line.get("stroke-dasharray") is not None for line in lines] == [False] * (count - 1) + [True]
        assert lines[-1]["style"] == lines[0]["style"]


def test_names_are_escaped() -> None:
    page = Page(chart().to_html())
    assert {text for _, text in page.all("title")} == {"a <b>", "a <b>: 50"}
    assert [text for _, text in Page(legend(["a <b>"])).all("li")] == ["a <b>"]


def test_a_logarithmic_value_axis_places_equal_ratios_at_equal_distances() -> None:
    values = np.array([10.0, 100.0, 1000.0])
    band = Band(X, values, values, values)
    page = Page(chart(bands={"a": band}, reached={}, level=None, value_range=(10.0, 1000.0), log_values=True).to_html())
    _, _, bottom, top = axis_of(page)
    ((line, _),) = page.all("path", class_="line")
    np.testing.assert_allclose(points(str(line["d"]))[:, 1], [bottom, (bottom + top) / 2, top], atol=0.02)
    assert "test accuracy (log scale)" in page.words
