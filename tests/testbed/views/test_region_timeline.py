from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from regions import NAMES, regions_run

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.views.palette import colour_of
from testbed.views.region_timeline import STALL
from testbed.views.timeline import plot_timeline


@pytest.fixture(scope="module")
def run() -> RunResult:
    return regions_run(delay_steps=2, bits=6e9)


def lanes(figure: Figure) -> list[np.ndarray]:
    """Return the pictures of the lanes from the top down, each `(num_columns, 3)`."""
    images = sorted(figure.axes[0].images, key=lambda image: min(image.get_extent()[2:]))
    return [np.asarray(image.get_array())[0] for image in images]


def is_colour(lane: np.ndarray, colour: str) -> np.ndarray:
    return np.abs(lane - np.array(to_rgb(colour))).max(axis=1) < 1e-6


def test_a_region_is_red_exactly_while_it_stalls(run: RunResult) -> None:
    window = (0.0, 100.0)
    pictures = lanes(plot_timeline(run, *window))
    frame = run.frame("span")
    for region in range(len(NAMES)):
        mine = frame[(frame["entity"] == f"device-{region}") & (frame["kind"] == "stall")]
        columns = len(pictures[region])
        middles_s = (np.arange(columns) + 0.5) * 100.0 / columns
        inside = np.zeros(columns, dtype=bool)
        for start_s, end_s in zip(mine["start_s"], mine["end_s"], strict=True):
            inside |= (middles_s > start_s) & (middles_s < end_s)
        red = is_colour(pictures[region], STALL)
        # At either end of a stall one column is red in part.
        assert np.count_nonzero(red != inside) <= 2 * len(mine)
        assert not red[~inside].any() and inside.any()


def test_lanes_are_the_regions_then_collectives_then_links_by_name(run: RunResult) -> None:
    axes = plot_timeline(run).axes[0]
    words = [text.get_text() for text in sorted(axes.texts, key=lambda text: text.get_position()[1])]
    links = [f"{one} → {other}" for one, other in zip(NAMES, (*NAMES[1:], NAMES[0]), strict=True)]
    assert [word for word in words if not word.isdigit()] == [*NAMES, "all-reduce", "in line for it", *links]


def test_a_collective_has_the_colour_and_the_number_of_its_fragment(run: RunResult) -> None:
    figure = plot_timeline(run, 0.0, 100.0)
    numbers = [text for text in figure.axes[0].texts if text.get_text().isdigit()]
    sync = run.frame("sync")
    shown = sync[sync["start_s"] < 100.0]
    assert [text.get_text() for text in numbers] == [str(fragment) for fragment in shown["fragment"]]
    collective = lanes(figure)[len(NAMES)]
    for start_s, end_s, fragment in zip(shown["start_s"], shown["end_s"], shown["fragment"], strict=True):
        column = int((start_s + min(end_s, 100.0)) / 2 / 100.0 * len(collective))
        assert is_colour(collective[[column]], colour_of(fragment)).all()


def test_a_run_without_collectives_has_no_lanes_for_them(run: RunResult) -> None:
    frame = run.frame("span")
    tables = {**run.tables, "span": pa.Table.from_pandas(frame[frame["entity"] != "collective"], preserve_index=False)}
    texts = [text.get_text() for text in plot_timeline(replace(run, tables=tables)).axes[0].texts]
    assert len(texts) == 2 * len(NAMES) and not {"all-reduce", "in line for it"} & set(texts)


def test_a_span_shorter_than_a_column_can_be_seen() -> None:
    run = regions_run(num_steps=2000, sync_every=500, num_fragments=1, delay_steps=0, bits=1e8, delay_s=0.0)
    assert run.elapsed_s > 2000
    pale = {tuple(lane[0].round(3)) for lane in lanes(plot_timeline(run, 0.0, run.elapsed_s))[-4:]}
    for lane in lanes(plot_timeline(run, 0.0, run.elapsed_s))[-4:]:
        marked = [tuple(colour.round(3)) not in pale for colour in lane]
        assert 4 <= sum(marked) <= 8


def test_the_metric_below_is_what_was_evaluated_in_view(run: RunResult) -> None:
    figure = plot_timeline(run, 100.0, 200.0)
    (line,) = figure.axes[1].get_lines()
    times_s, values = run.series("perplexity")
    inside = (times_s >= 100.0) & (times_s <= 200.0)
    assert set(times_s[inside]) <= set(line.get_xdata())
    assert len(line.get_xdata()) <= inside.sum() + 2
    assert figure.axes[1].get_ylabel() == "perplexity"
    assert set(line.get_ydata()) <= set(values)


def test_without_evaluations_the_lanes_fill_the_figure(run: RunResult) -> None:
    empty = replace(run, tables={**run.tables, "evaluation": run.tables["evaluation"].slice(0, 0)})
    for less in (empty, replace(run, tables={k: v for k, v in run.tables.items() if k != "evaluation"})):
        figure = plot_timeline(less)
        (axes,) = figure.axes
        with_metric = plot_timeline(run).axes
        assert axes.get_position().y1 == pytest.approx(with_metric[0].get_position().y1)
        assert axes.get_position().y0 == pytest.approx(with_metric[1].get_position().y0)
        assert axes.get_xlabel() == "simulated time [s]"


def test_without_a_window_it_shows_four_periods_of_synchronising_and_says_so(run: RunResult) -> None:
    figure = plot_timeline(run)
    sync = run.frame("sync")
    period_s = np.diff(sync[sync["fragment"] == 0]["asked_s"]).mean()
    assert figure.axes[0].get_xlim() == pytest.approx((0.0, 4 * period_s), rel=0.01)
    assert any("4 periods of synchronising a fragment" in text.get_text() for text in figure.texts)


def test_a_long_run_has_its_axis_in_hours() -> None:
    run = regions_run(num_steps=400, step_s=(100.0, 101.0, 102.0, 110.0))
    figure = plot_timeline(run, 0.0, run.elapsed_s)
    assert figure.axes[0].get_xlim() == pytest.approx((0.0, run.elapsed_s / 3600))
    assert figure.axes[1].get_xlabel() == "simulated time [h]"


@pytest.mark.parametrize("window", [(1e6, None), (50.0, 50.0), (-1.0, 50.0)])
def test_a_window_outside_the_run_is_refused(run: RunResult, window: tuple[float, float | None]) -> None:
    with pytest.raises(RequestError, match="no timeline from"):
        plot_timeline(run, *window)


def test_a_run_without_spans_is_refused(run: RunResult) -> None:
    tables = {name: run.tables[name] for name in ("region", "evaluation")}
    with pytest.raises(RequestError, match="nothing to draw"):
        plot_timeline(replace(run, tables=tables))


@pytest.mark.parametrize("evaluated", [True, False])
@pytest.mark.parametrize("num_regions", [1, 2, 12])
def test_no_two_texts_overlap_however_many_regions_there_are(num_regions: int, evaluated: bool) -> None:
    names = [f"region-{number}" for number in range(num_regions)]
    run = regions_run(names=names, step_s=[1.0] * num_regions, num_steps=80)
    if not evaluated:
        run = replace(run, tables={name: rows for name, rows in run.tables.items() if name != "evaluation"})
    figure = plot_timeline(run)
    figure.canvas.draw()
    texts = [*figure.texts, *figure.legends, *figure.axes[0].texts, figure.axes[-1].xaxis.label]
    frames = [text.get_window_extent() for text in texts]
    for at, frame in enumerate(frames):
        assert frame.x0 >= 0 and frame.x1 <= 1600 and frame.y0 >= 0 and frame.y1 <= 1000
        assert not any(frame.overlaps(other) for other in frames[at + 1 :]), texts[at]
