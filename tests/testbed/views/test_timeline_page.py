from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pages import Page
from regions import NAMES, regions_run
from synthetic import SPAN_COLUMNS, grouped_run, table

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.views.page import unpacked
from testbed.views.palette import COLOURS
from testbed.views.timeline_page import timeline_page, timeline_section


@pytest.fixture(scope="module")
def run() -> RunResult:
    return grouped_run()


@pytest.fixture(scope="module")
def page(run: RunResult) -> Page:
    return Page(timeline_page(run))


def test_a_timeline_is_complete_in_itself(page: Page) -> None:
    page.assert_complete_in_itself()


def test_the_page_holds_every_span_of_the_run_exactly(run: RunResult, page: Page) -> None:
    data, frame = page.timeline, run.frame("span")
    spans = data["spans"]
    assert spans["count"] == len(frame)
    np.testing.assert_array_equal(unpacked(spans["start_s"], "f8"), frame["start_s"])
    np.testing.assert_array_equal(unpacked(spans["end_s"], "f8"), frame["end_s"])
    assert [data["kinds"][kind] for kind in unpacked(spans["kind"], "u1")] == list(frame["kind"])
    assert [spans["entities"][entity] for entity in unpacked(spans["entity"], "i4")] == list(frame["entity"])


def test_a_cause_is_the_row_of_the_span_that_released_this_one(run: RunResult) -> None:
    rows = [
        (10, "device-0", "compute", 0.0, 1.0, -1),
        (7, "device-0", "wait", 1.0, 2.0, 10),
        (30, "device-0", "transmit", 2.0, 3.0, 7),
        (8, "device-1", "compute", 0.0, 1.0, 99),  # of a span that was never recorded
    ]
    spans = Page(timeline_page(replace(run, tables={"span": table(SPAN_COLUMNS, rows)}))).timeline["spans"]
    assert unpacked(spans["cause"], "i4").tolist() == [-1, 0, 1, -1]


def test_lanes_groups_versions_and_metrics_are_those_of_the_run(run: RunResult, page: Page) -> None:
    data = page.timeline
    members = run.frame("membership")
    for group in data["groups"]:
        assert group["devices"] == list(members[members["group"] == group["number"]]["client"])
        assert group["share"] == pytest.approx(0.2)
    assert tuple(data["colours"]) == COLOURS
    np.testing.assert_array_equal(unpacked(data["versions"]["time_s"], "f8"), run.column("version", "time_s"))
    np.testing.assert_array_equal(unpacked(data["versions"]["group"], "i4"), run.column("version", "group"))
    assert [metric["name"] for metric in data["metrics"]] == ["accuracy", "loss"]
    for metric in data["metrics"]:
        times_s, values = run.series(metric["name"])
        np.testing.assert_array_equal(unpacked(metric["time_s"], "f8"), times_s)
        np.testing.assert_array_equal(unpacked(metric["value"], "f8"), values)


def test_the_legend_is_a_check_box_with_a_count_for_every_kind_in_drawing_order(run: RunResult, page: Page) -> None:
    boxes = [attributes["data-kind"] for attributes, _ in page.all("input", type="checkbox")]
    assert boxes == page.timeline["kinds"] == ["queue", "compute", "absent", "transmit"]
    counts = [int(text.replace(",", "")) for _, text in page.all("small")]
    assert counts == [sum(run.column("span", "kind") == kind) for kind in boxes]


def test_a_kind_that_nobody_foresaw_is_shown_under_its_own_name(run: RunResult) -> None:
    rows = [(0, "device-0", "<draft>", 0.0, 1.0, -1), (1, "device-0", "transmit", 1.0, 2.0, 0)]
    page = Page(timeline_page(replace(run, tables={"span": table(SPAN_COLUMNS, rows)})))
    page.assert_complete_in_itself()
    assert page.timeline["kinds"] == ["<draft>", "transmit"]
    assert "<draft>" in page.words


@pytest.mark.parametrize(("asked", "shown"), [((30.0, 70.0), [30.0, 70.0]), ((590.0, 1e6), [590.0, 600.0])])
def test_it_opens_at_the_window_that_was_asked_for(
    run: RunResult, asked: tuple[float, float], shown: list[float]
) -> None:
    page = Page(timeline_page(run, *asked))
    assert page.timeline["window_s"] == shown
    assert f"{shown[0]:.4g} s to {shown[1]:.4g} s" in page.words


def test_a_window_outside_the_run_and_a_run_without_devices_are_refused(run: RunResult) -> None:
    with pytest.raises(RequestError, match="no timeline from"):
        timeline_page(run, 700.0)
    with pytest.raises(RequestError, match="no spans of devices"):
        timeline_page(replace(run, tables={"evaluation": run.tables["evaluation"]}))


def test_a_run_that_sent_nothing_and_was_never_evaluated_is_shown(run: RunResult) -> None:
    empty = pa.table({name: [] for name in SPAN_COLUMNS})
    page = Page(timeline_page(replace(run, tables={"span": empty, "device": run.tables["device"]} | _members(run))))
    assert page.timeline["spans"]["count"] == 0 and page.timeline["kinds"] == []
    assert not list(page.all("select"))


def _members(run: RunResult) -> dict[str, pa.Table]:
    return {"membership": run.tables["membership"]}


def test_hostile_names_stay_names(run: RunResult) -> None:
    name = "</title></script><script>alert(1)</script>"
    page = Page(timeline_page(replace(run, scenario={"scenario": {"name": name}, "algorithm": {"kind": name}})))
    page.assert_complete_in_itself()
    assert len(list(page.all("script"))) == 2 and name in page.words


def test_inside_a_longer_page_the_wheel_is_left_to_the_page(run: RunResult, page: Page) -> None:
    ((alone, _),) = page.all("section", class_="timeline")
    ((inside, _),) = Page(timeline_section(run)).all("section", class_="timeline")
    assert (alone["data-wheel"], inside["data-wheel"]) == ("always", "focused")


def test_a_page_of_regions_names_them_and_has_collectives_and_links_below_in_order() -> None:
    run = regions_run(num_steps=80, delay_steps=2, bits=6e9)
    page = Page(timeline_page(run))
    page.assert_complete_in_itself()
    data = page.timeline
    links = [f"{one} → {other}" for one, other in zip(NAMES, (*NAMES[1:], NAMES[0]), strict=True)]
    assert data["regions"] and data["spans"]["labels"] == [*NAMES, "collectives", *links]
    entities = [data["spans"]["entities"][entity] for entity in unpacked(data["spans"]["entity"], "i4")]
    assert entities == list(run.frame("span")["entity"])
    boxes = [attributes["data-kind"] for attributes, _ in page.all("input", type="checkbox")]
    assert boxes == data["kinds"] == ["compute", "all-reduce", "transmit", "stall"]
    assert "stalled by a transfer" in page.words and "colour of the group" not in page.words
    assert [metric["name"] for metric in data["metrics"]][:2] == ["perplexity", "accuracy"]
    assert not Page(timeline_page(grouped_run())).timeline["regions"]
