import itertools

import pytest
from rich.console import Console

from testbed.experiments.grid import Axis, Cell, Grid
from testbed.experiments.target import Target
from testbed.views.grid_table import GridTable, cell_lines

TARGET = Target("accuracy", ">=", 0.8)
RULES = ("ideal", "zf-inversion", "truncated-inversion", "regularized-inversion [x]", "air-fedavg-horizon")
GROUPINGS = ("greedy-refined", "label-balanced-tier", "single", "tier (num_groups=4)", "kmeans-label", "singleton")


def a_grid(rows: tuple[str, ...] = RULES, columns: tuple[str, ...] = GROUPINGS, target: Target | None = TARGET) -> Grid:
    """A grid in which every time is another one and the target is never reached in the last column."""
    numbers = itertools.count(101)
    cells = [
        tuple(
            Cell(3, 0, 0, None, 0.5, 0.5) if column == columns[-1] else Cell(3, 2, 0, float(next(numbers)), 0.9, 0.9)
            for column in columns
        )
        for _ in rows
    ]
    return Grid(
        Axis("algorithm.power_control", rows), Axis("algorithm.grouping", columns), target, "smoothed", tuple(cells)
    )


def text_of(grid: Grid, width: int = 100) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(GridTable(grid))
    return capture.get()


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_line_is_wider_than_the_console_or_100_and_no_cell_is_cut(width: int) -> None:
    grid = a_grid()
    text = text_of(grid, width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= min(width, 100)
    for row in grid.cells:
        for cell in row[:-1]:
            assert cell is not None
            assert text.count(f"{cell.time_to_s:g} s 2/3") == 1
    assert text.count("not reached 0/3") == len(RULES)


def test_every_block_of_columns_has_the_labels_of_the_rows() -> None:
    text = text_of(a_grid())
    num_blocks = text.count("Time to accuracy>=0.8 (smoothed)")
    assert num_blocks > 1 and "continued" in text
    assert all(text.count(f"  {label}  ") == num_blocks for label in ("ideal", "truncated-inversion"))
    assert text.count("[x]") == num_blocks  # text, not markup


def test_a_narrow_grid_is_one_table_and_names_the_best() -> None:
    text = text_of(a_grid(("ideal", "cotaf"), ("single", "tier")))
    assert text.count("Time to") == 1
    assert "shortest: 101 s, by power_control=ideal with grouping=single" in text


def test_what_nobody_reached_is_said() -> None:
    assert "no combination reached the target" in text_of(a_grid(("ideal",), ("single",)))


def test_a_cell_says_its_median_its_seeds_and_what_failed() -> None:
    assert cell_lines(Cell(3, 2, 1, 180.0, 0.9, 0.9), True) == ["180 s", "2/3", "1/3 failed"]
    assert cell_lines(Cell(3, 1, 0, None, 0.9, 0.9), True) == ["not reached", "1/3"]
    assert cell_lines(Cell(3, 0, 0, None, 0.9, 0.91234), False) == ["0.912"]
    assert cell_lines(Cell(2, 0, 2, None, None, None), False) == ["2/2 failed"]
    assert cell_lines(None, True) == ["no run"]


def test_without_a_target_the_highest_accuracy_is_named() -> None:
    text = text_of(a_grid(("ideal",), ("single", "tier"), target=None))
    assert "Final accuracy" in text and "highest: 0.900, by power_control=ideal with grouping=single" in text


def test_long_times_of_a_grid_are_all_in_hours() -> None:
    axes = Axis("a", ("1", "2")), Axis("b", ("x",))
    cells = ((Cell(3, 3, 0, 1800.0, 0.9, 0.9),), (Cell(3, 3, 0, 72_000.0, 0.9, 0.9),))
    text = text_of(Grid(*axes, TARGET, "smoothed", cells))
    assert "0.5 h 3/3" in text and "20 h 3/3" in text and "shortest: 0.5 h" in text


def test_the_lowest_perplexity_is_named() -> None:
    axes = Axis("a", ("1", "2")), Axis("b", ("x",))
    cells = ((Cell(3, 0, 0, None, 0.1, 12.5),), (Cell(3, 0, 0, None, 0.1, 11.25),))
    text = text_of(Grid(*axes, None, "smoothed", cells, "perplexity"))
    assert "Final perplexity" in text and "lowest: 11.250, by a=2 with b=x" in text
