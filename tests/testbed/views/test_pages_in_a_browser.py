"""Pages as a reader meets them: a real browser opens, zooms, filters, asks and prints, and nothing leaves the page."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import browser
import numpy as np
import pyarrow as pa
import pytest
from browser import Browser, browsing
from regions import regions_run
from synthetic import grouped_run, three_alternatives

from testbed.experiments.result import RunResult
from testbed.experiments.target import Target
from testbed.views.report import report_page
from testbed.views.timeline_page import timeline_page

pytestmark = [pytest.mark.slow, pytest.mark.skipif(browser.EXECUTABLE is None, reason=browser.WHY_NOT)]

NUM_DEVICES, NUM_GROUPS = 100, 5
REGIONS: dict[str, Any] = {"num_steps": 80, "delay_steps": 2, "bits": 6e9}


def long_run(num_spans: int) -> RunResult:
    """Return a run of 100 devices that compute, wait and transmit in turn, each span released by the one before."""
    base = grouped_run(num_devices=NUM_DEVICES, num_groups=NUM_GROUPS, horizon_s=num_spans / NUM_DEVICES)
    row = np.arange(num_spans)
    device, turn = row % NUM_DEVICES, row // NUM_DEVICES
    spans = {
        "span_id": row,
        "entity": np.array([f"device-{d}" for d in range(NUM_DEVICES)])[device],
        "kind": np.array(["compute", "wait", "transmit"])[turn % 3],
        "start_s": turn.astype(float),
        "end_s": turn + 1.0,
        "cause_id": np.where(turn > 0, row - NUM_DEVICES, -1),
    }
    tables = {name: base.tables[name] for name in ("membership", "group", "evaluation", "version")}
    return replace(base, tables={**tables, "span": pa.table(spans)})


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def timeline(shown: Browser, tmp_path: Path) -> Iterator[Browser]:
    """The timeline of 10,000 spans, opened at its first 40 s of 100 s."""
    page = tmp_path / "timeline.html"
    page.write_text(timeline_page(long_run(10_000), 0.0, 40.0), encoding="utf-8")
    yield from watched(shown, page)


def watched(shown: Browser, page: Path) -> Iterator[Browser]:
    """Open a page, and see afterwards that it complained of nothing and asked nobody."""
    shown.errors.clear()
    shown.requests.clear()
    shown.open(page)
    yield shown
    assert shown.errors == []
    assert {url for url in shown.requests if not url.startswith("data:")} == {page.resolve().as_uri()}


def state(shown: Browser) -> dict[str, float]:
    shown.settle()
    found = shown.value("({...document.querySelector('.timeline').dataset})")
    return {key: float(value) for key, value in found.items() if key != "wheel"}


def place(shown: Browser, part_x: float, part_y: float) -> tuple[float, float]:
    """Return the point of the window at these parts of the canvas."""
    box = "document.querySelector('.overlay').getBoundingClientRect()"
    left, top, width, height = shown.value(f"(b => [b.x, b.y, b.width, b.height])({box})")
    return left + part_x * width, top + part_y * height


def press(shown: Browser, action: str) -> dict[str, float]:
    shown.value(f"document.querySelector('[data-action={action}]').click()")
    return state(shown)


def search(shown: Browser, text: str) -> dict[str, float]:
    field = "document.querySelector('input[type=search]')"
    shown.value(f"{field}.value = {text!r}; {field}.dispatchEvent(new Event('input'))")
    return state(shown)


def test_a_timeline_opens_at_its_window_and_counts_what_is_in_view(timeline: Browser) -> None:
    found = state(timeline)
    assert (found["firstS"], found["lastS"]) == (0.0, 40.0)
    assert found["numLanes"] == NUM_DEVICES and found["numInView"] == 40 * NUM_DEVICES


def test_the_wheel_zooms_where_the_pointer_is_and_dragging_moves(timeline: Browser) -> None:
    x, y = place(timeline, 0.5, 0.5)
    timeline.mouse("mouseWheel", x, y, deltaX=0, deltaY=-400)
    near = state(timeline)
    width = near["lastS"] - near["firstS"]
    assert width == pytest.approx(40 / np.e, rel=1e-6)
    assert near["firstS"] > 0 and near["lastS"] < 40
    timeline.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
    timeline.mouse("mouseMoved", x - 200, y, button="left", buttons=1)
    timeline.mouse("mouseReleased", x - 200, y, button="left", clickCount=1)
    moved = state(timeline)
    assert moved["firstS"] > near["firstS"]
    assert moved["lastS"] - moved["firstS"] == pytest.approx(width)
    assert "chain" not in moved  # a drag is not a click


def test_the_buttons_zoom_move_and_return(timeline: Browser) -> None:
    assert press(timeline, "in")["lastS"] == pytest.approx(30.0)
    assert press(timeline, "right")["firstS"] == pytest.approx(20.0)
    whole = press(timeline, "all")
    assert (whole["firstS"], whole["lastS"], whole["numInView"]) == (0.0, 100.0, 10_000)
    assert press(timeline, "out")["lastS"] == 100.0  # there is no more to see
    assert press(timeline, "window")["lastS"] == 40.0


@pytest.mark.parametrize(
    ("text", "num_lanes"),
    [("3", 1), ("3, 7-12", 7), ("group 1", 20), ("group 1, 0", 21), ("device-99", 1), ("1000", 0), ("", 100)],
)
def test_devices_are_filtered_by_numbers_ranges_and_groups(timeline: Browser, text: str, num_lanes: int) -> None:
    found = search(timeline, text)
    assert found["numLanes"] == num_lanes and found["numInView"] == 40 * num_lanes


def test_a_filter_that_means_nothing_is_marked_and_changes_nothing(timeline: Browser) -> None:
    search(timeline, "7")
    assert search(timeline, "seven")["numLanes"] == 1
    assert timeline.value("document.querySelector('input[type=search]').getAttribute('aria-invalid')") == "true"


def test_a_kind_that_is_unchecked_is_neither_drawn_nor_found(timeline: Browser) -> None:
    timeline.value("document.querySelector('input[data-kind=wait]').click()")
    num_waits = 13 * NUM_DEVICES  # turns 1, 4, ..., 37 of the first 40
    assert state(timeline)["numInView"] == 40 * NUM_DEVICES - num_waits


def test_hovering_tells_a_span_and_its_cause_and_a_click_shows_the_whole_chain(timeline: Browser) -> None:
    search(timeline, "42")
    press(timeline, "all")
    lane = "(box => box.top + 110)(document.querySelector('.overlay').getBoundingClientRect())"
    y = timeline.value(lane)
    x, _ = place(timeline, 0.5, 0.5)
    timeline.mouse("mouseMoved", x, y)
    tip = timeline.value("document.querySelector('.tooltip').textContent").splitlines()
    turn = int(tip[1].removeprefix("start ").removesuffix(" s"))
    kind, before = (("compute", "wait", "transmit")[t % 3] for t in (turn, turn - 1))
    assert tip == [
        f"device-42 {kind}",
        f"start {turn} s",
        f"end {turn + 1} s",
        "duration 1 s",
        f"cause: device-42 {before}, until {turn} s",
    ]
    for event in ("mousePressed", "mouseReleased"):
        timeline.mouse(event, x, y, button="left", clickCount=1)
    assert state(timeline)["chain"] == turn + 1
    steps = timeline.value("[...document.querySelectorAll('.chain li')].map((item) => item.textContent)")
    assert len(steps) == turn + 1 and steps[-1] == "device-42 compute: 0 s to 1 s"
    timeline.mouse("mousePressed", 5, 5, button="left", clickCount=1)
    timeline.value("document.querySelector('.overlay').focus()")
    timeline.call("Input.dispatchKeyEvent", type="keyDown", key="Escape", code="Escape")
    assert state(timeline)["chain"] == 0
    assert timeline.value("document.querySelector('.chain').hidden") is True


def test_what_is_drawn_is_not_blank_in_light_and_dark(timeline: Browser, tmp_path: Path) -> None:
    colours = """[...new Set(new Uint32Array(document.querySelector('.base').getContext('2d')
        .getImageData(140, 100, 600, 300).data.buffer))].length"""
    assert timeline.value(colours) > 5
    timeline.open(tmp_path / "timeline.html", dark=True)
    assert timeline.value(colours) > 5


@pytest.fixture
def report(shown: Browser, tmp_path: Path) -> Iterator[Browser]:
    page = tmp_path / "report.html"
    runs = [run for group in three_alternatives((0, 1)).values() for run in group]
    page.write_text(report_page(runs, Target("accuracy", ">=", 0.8)), encoding="utf-8")
    yield from watched(shown, page)


def test_a_phone_shows_a_report_without_scrolling_sideways(report: Browser, tmp_path: Path) -> None:
    report.open(tmp_path / "report.html", width=390, height=844)
    assert report.value("document.documentElement.scrollWidth") <= 390
    assert state(report)["numInView"] > 0


def test_in_a_report_the_wheel_scrolls_the_page_until_the_timeline_has_the_focus(report: Browser) -> None:
    report.value("document.querySelector('.stage').scrollIntoView()")
    before, (x, y) = state(report), place(report, 0.5, 0.3)
    report.mouse("mouseWheel", x, y, deltaX=0, deltaY=-100)
    assert state(report)["lastS"] == before["lastS"]
    report.value("document.querySelector('.overlay').focus({preventScroll: true})")
    report.value("document.querySelector('.stage').scrollIntoView()")
    x, y = place(report, 0.5, 0.3)
    report.mouse("mouseWheel", x, y, deltaX=0, deltaY=-100)
    assert state(report)["lastS"] < before["lastS"]


def test_what_is_printed_has_the_timeline_on_it_in_light_colours(timeline: Browser, tmp_path: Path) -> None:
    timeline.open(tmp_path / "timeline.html", dark=True)
    loaded = "(image => image.complete && image.naturalWidth)(document.querySelector('.sheet'))"
    deadline = time.monotonic() + 20
    while not timeline.value(loaded):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert timeline.value(loaded) == 2 * 760
    timeline.call("Emulation.setEmulatedMedia", media="print")
    assert timeline.value("getComputedStyle(document.querySelector('.sheet')).display") == "block"
    assert timeline.value("getComputedStyle(document.querySelector('.base')).display") == "none"
    timeline.call("Emulation.setEmulatedMedia", media="")
    assert b"/Image" in timeline.pdf()


@pytest.mark.parametrize(("num_spans", "limit_ms"), [(10_000, 250), (100_000, 1000)])
def test_ten_thousand_spans_are_fluid_and_a_hundred_thousand_open(
    shown: Browser, tmp_path: Path, num_spans: int, limit_ms: float
) -> None:
    page = tmp_path / "many.html"
    page.write_text(timeline_page(long_run(num_spans)), encoding="utf-8")
    assert page.stat().st_size < 40 * num_spans + 200_000
    for _ in watched(shown, page):
        assert press(shown, "all")["numInView"] == num_spans
        # Generous, for a busy machine without a graphics card: these are not measurements.
        assert max(press(shown, action)["drawMs"] for action in ("in", "right", "out", "all")) < limit_ms


@pytest.fixture
def regions(shown: Browser, tmp_path: Path) -> Iterator[Browser]:
    """The timeline of four regions, opened at its first 100 s."""
    page = tmp_path / "regions.html"
    page.write_text(timeline_page(regions_run(**REGIONS), 0.0, 100.0), encoding="utf-8")
    yield from watched(shown, page)


def hovered(shown: Browser, time_part: float, y_px: float) -> str:
    """Return what is told of the point at a part of the time axis, so far below the top of the canvas."""
    left, top, width = shown.value(
        "(b => [b.x, b.y, b.width])(document.querySelector('.overlay').getBoundingClientRect())"
    )
    shown.mouse("mouseMoved", left + 128 + time_part * (width - 128 - 12), top + y_px)
    return str(shown.value("document.querySelector('.tooltip').textContent"))


def test_regions_stand_above_their_collectives_and_links_and_are_filtered_by_number(regions: Browser) -> None:
    assert state(regions)["numLanes"] == 4
    assert "of 4 of 4 regions" in regions.value("document.querySelector('.status').textContent")
    frame = regions_run(**REGIONS).frame("span")
    stall = frame[(frame["entity"] == "device-0") & (frame["kind"] == "stall")].iloc[0]
    middle = (stall["start_s"] + stall["end_s"]) / 2 / 100.0
    told = [hovered(regions, middle, y_px).split("\n")[0] for y_px in range(30, 200, 4)]
    found = [words for words in dict.fromkeys(told) if words]
    assert found[0] == "us-west stall"
    links = ["us-west → us-east", "us-east → eu", "eu → asia", "asia → us-west"]
    assert found[4:] == ["collectives all-reduce", *(f"{link} transmit" for link in links)]
    assert search(regions, "1-2")["numLanes"] == 2
