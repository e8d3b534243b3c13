import itertools

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from testbed.experiments.grid import Axis, Cell, Grid
from testbed.experiments.target import Target
from testbed.views.heatmap import plot_heatmap

TARGET = Target("accuracy", ">=", 0.8)


def a_grid(times_s: list[list[float | None]], target: Target | None = TARGET) -> Grid:
    cells = [
        [Cell(3, 3 if time_s else 0, 0, time_s, *[0.5 if time_s else None] * 2) for time_s in row] for row in times_s
    ]
    rows = Axis("algorithm.power_control", tuple(f"truncated-inversion-{k}" for k in range(len(times_s))))
    columns = Axis("algorithm.grouping", tuple(f"label-balanced-tier-{k}" for k in range(len(times_s[0]))))
    return Grid(rows, columns, target, "smoothed", tuple(map(tuple, cells)))


def squares(figure: Figure) -> list[Rectangle]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle) and patch.get_width() == 1]


def frames(figure: Figure) -> list[tuple[int, int]]:
    drawn = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle) and patch.get_width() < 1]
    return [(round(patch.get_y() + patch.get_height() / 2), round(patch.get_x() + 0.47)) for patch in drawn]


def test_every_cell_is_annotated_and_stands_where_its_labels_say() -> None:
    figure = plot_heatmap(a_grid([[100.0, 200.0], [None, 300.0]]))
    texts = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in figure.axes[0].texts}
    assert texts == {(0, 0): "100 s\n3/3", (0, 1): "200 s\n3/3", (1, 0): "not reached\n0/3", (1, 1): "300 s\n3/3"}
    low, high = figure.axes[0].get_ylim()
    assert low > high  # the first row on top


def test_a_cell_that_was_not_reached_is_hatched_and_named_and_no_other_is() -> None:
    figure = plot_heatmap(a_grid([[100.0, None]]))
    assert [bool(patch.get_hatch()) for patch in squares(figure)] == [False, True]
    assert "not reached" in figure.legends[0].get_texts()[0].get_text()
    assert not plot_heatmap(a_grid([[100.0, 200.0]])).legends


@pytest.mark.parametrize("target", [TARGET, None])
def test_the_best_cells_are_framed_and_the_brightest(target: Target | None) -> None:
    grid = a_grid([[300.0, 100.0], [100.0, None]], target)
    figure = plot_heatmap(grid)
    assert sorted(frames(figure)) == sorted(grid.best)
    brightness = np.array([sum(patch.get_facecolor()[:3]) for patch in squares(figure)[:3]])
    best = [grid.best.index(place) >= 0 if place in grid.best else False for place in ((0, 0), (0, 1), (1, 0))]
    assert brightness[best].min() >= brightness.max()


def test_the_colour_bar_has_the_unit_and_a_wide_range_is_logarithmic() -> None:
    bar = plot_heatmap(a_grid([[100.0, 200.0]])).axes[1]
    assert bar.get_ylabel() == "simulated time to accuracy>=0.8 [s]" and bar.get_yscale() == "linear"
    assert plot_heatmap(a_grid([[10.0, 900.0]])).axes[1].get_yscale() == "log"
    assert plot_heatmap(a_grid([[1.0, None]], target=None)).axes[1].get_ylabel() == "final accuracy"


@pytest.mark.parametrize("times_s", [[[None, None]], [[100.0]], [[100.0, 100.0]]])
def test_a_grid_without_a_range_can_be_drawn(times_s: list[list[float | None]]) -> None:
    figure = plot_heatmap(a_grid(times_s))
    figure.canvas.draw()
    assert figure.axes[1].get_visible() == (times_s[0][0] is not None)


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (10, 11)])
def test_no_words_overlap_and_none_leave_the_picture(shape: tuple[int, int]) -> None:
    times_s = [[None if (i + j) % 3 else 100.0 * (i + j + 1) for j in range(shape[1])] for i in range(shape[0])]
    figure = plot_heatmap(a_grid(times_s))
    figure.canvas.draw()
    axes = figure.axes[0]
    words = [*axes.texts, *axes.get_xticklabels(), *axes.get_yticklabels(), axes.xaxis.label, axes.yaxis.label]
    words += [*figure.texts, *figure.legends[0].get_texts()] if figure.legends else figure.texts
    boxes = [text.get_window_extent() for text in words if text.get_text()]
    for box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
    assert not [(a, b) for a, b in itertools.combinations(boxes, 2) if a.overlaps(b)]


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    settings, backend = dict(matplotlib.rcParams), matplotlib.get_backend()
    plot_heatmap(a_grid([[100.0, None]])).canvas.draw()
    assert (dict(matplotlib.rcParams), matplotlib.get_backend()) == (settings, backend)
