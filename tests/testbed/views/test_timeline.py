from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from synthetic import grouped_run

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.views.palette import INK, colour_of
from testbed.views.timeline import plot_timeline


@pytest.fixture(scope="module")
def run() -> RunResult:
    return grouped_run()


def boxes(figure: Figure, row: int, colour: str, alpha: float | None = None) -> list[tuple[float, float]]:
    """Start and end of the boxes of one face colour (and transparency) in a strip of the figure, in order."""
    found = []
    for collection in figure.axes[row].collections:
        faces = collection.get_facecolor()
        is_colour = isinstance(collection, PolyCollection) and len(faces) and to_hex(faces[0]) == colour.lower()
        if is_colour and alpha in (None, collection.get_alpha()):
            found += [(p.vertices[:, 0].min(), p.vertices[:, 0].max()) for p in collection.get_paths()]
    return sorted(found)


def spans(run: RunResult, kind: str, window: tuple[float, float]) -> list[tuple[float, float]]:
    frame = run.frame("span")
    mine = frame[(frame["kind"] == kind) & frame["entity"].str.startswith("device-")]
    inside = mine[(mine["end_s"] > window[0]) & (mine["start_s"] < window[1])]
    return sorted(zip(inside["start_s"], inside["end_s"], strict=True))


def test_every_span_of_a_device_inside_the_window_is_one_box(run: RunResult) -> None:
    window = (30.0, 70.0)
    figure = plot_timeline(run, *window)
    assert boxes(figure, 2, INK) == spans(run, "transmit", window)
    computing = [box for group in range(5) for box in boxes(figure, 2, colour_of(group), alpha=0.72)]
    assert sorted(computing) == spans(run, "compute", window)
    assert boxes(figure, 2, "#ffffff") == spans(run, "absent", window)


def test_there_is_one_lane_per_device_sorted_by_group(run: RunResult) -> None:
    lanes = plot_timeline(run).axes[2]
    assert [label.get_text() for label in lanes.get_yticklabels()] == [str(device) for device in range(40)]
    heights = lanes.get_yticks()
    assert all(later > earlier for earlier, later in pairwise(heights))
    texts = [text.get_text() for text in lanes.texts]
    assert texts == [f"group {group}\n8 devices\n20 % of data" for group in range(5)]


def test_global_versions_are_ticks_in_the_colour_of_their_group(run: RunResult) -> None:
    figure = plot_timeline(run, 0.0, 50.0)
    versions = run.frame("version")
    for group, ticks in enumerate(figure.axes[0].collections):
        mine = versions[(versions["group"] == group) & (versions["time_s"] <= 50.0)]
        assert [segment[0][0] for segment in ticks.get_segments()] == list(mine["time_s"])
        assert to_hex(ticks.get_color()[0]) == colour_of(group).lower()


def test_the_uplink_is_in_use_exactly_while_somebody_transmits(run: RunResult) -> None:
    frame = run.frame("span")
    used = frame[(frame["entity"] == "uplink") & (frame["start_s"] < 50.0)]
    figure = plot_timeline(run, 0.0, 50.0)
    drawn = {
        (path.vertices[:, 0].min(), path.vertices[:, 0].max())
        for collection in figure.axes[1].collections
        for path in collection.get_paths()
        if path.vertices[:, 1].max() < 0.5  # below is the queue
    }
    assert drawn == set(zip(used["start_s"], used["end_s"], strict=True))


def test_without_a_window_it_shows_four_periods_of_the_slowest_group_and_says_so(run: RunResult) -> None:
    figure = plot_timeline(run)
    period_s = run.frame("group")["planned_period_s"].max()
    start_s, end_s = figure.axes[2].get_xlim()
    assert start_s == 0.0
    assert end_s == pytest.approx(4 * period_s, rel=0.05)
    assert any("about 4 periods of the slowest group" in text.get_text() for text in figure.texts)


def test_the_window_ends_with_the_run(run: RunResult) -> None:
    assert plot_timeline(run, 590.0, 1e6).axes[2].get_xlim() == (590.0, 600.0)


@pytest.mark.parametrize("window", [(700.0, None), (50.0, 50.0), (60.0, 50.0), (-1.0, 50.0)])
def test_a_window_outside_the_run_is_refused(run: RunResult, window: tuple[float, float | None]) -> None:
    with pytest.raises(RequestError, match="no timeline from"):
        plot_timeline(run, *window)


def test_a_run_without_devices_is_refused(run: RunResult) -> None:
    with pytest.raises(RequestError, match="no spans of devices"):
        plot_timeline(replace(run, tables={"evaluation": run.tables["evaluation"]}))


@pytest.mark.parametrize(
    "shape",
    [
        {"num_devices": 1, "num_groups": 1},
        {"num_devices": 6, "num_groups": 1, "with_groups": False},
        {"num_devices": 100, "num_groups": 100, "airtime_s": 0.01, "horizon_s": 60.0},
    ],
)
def test_any_number_of_devices_and_groups_can_be_drawn(shape: dict[str, int], tmp_path: Path) -> None:
    plot_timeline(grouped_run(**shape)).savefig(tmp_path / "a.png")  # type: ignore[arg-type]


def test_no_two_texts_overlap(run: RunResult) -> None:
    figure = plot_timeline(run)
    figure.canvas.draw()
    texts = [*figure.texts, *figure.legends, *figure.axes[2].texts, *(axes.yaxis.label for axes in figure.axes[:2])]
    frames = [text.get_window_extent() for text in texts]
    for i, frame in enumerate(frames):
        assert frame.x0 >= 0 and frame.x1 <= 1600 and frame.y0 >= 0 and frame.y1 <= 1000
        assert not any(frame.overlaps(other) for other in frames[i + 1 :])
