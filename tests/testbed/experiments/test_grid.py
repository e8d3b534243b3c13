import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pyarrow as pa
import pytest
from regions import regions_run

from testbed.errors import RequestError
from testbed.experiments.grid import Grid
from testbed.experiments.result import RunResult
from testbed.experiments.target import Target

TARGET = Target("accuracy", ">=", 0.5)
KEYS = ("algorithm.power_control", "algorithm.grouping")


def a_run(rule: str, grouping: str, seed: int, reached_s: float | None) -> RunResult:
    """A run evaluated every 10 s up to 100 s that meets the target from `reached_s` on, or never."""
    times_s = [10.0 * k for k in range(11)]
    values = [0.9 if reached_s is not None and time_s >= reached_s else 0.1 for time_s in times_s]
    columns = {"time_s": times_s, "version": [0] * 11, "metric": ["accuracy"] * 11, "value": values}
    parts = {"power_control": {"kind": rule}, "grouping": {"kind": grouping}}
    scenario = {"run": {"horizon_s": 100.0}, "algorithm": {"kind": "air-fedga", **parts}}
    return RunResult(f"{rule}-{grouping}-{seed}", scenario, seed, {"status": "done"}, {"evaluation": pa.table(columns)})


# rule x grouping -> when each of three seeds reaches the target [s]
REACHED: dict[tuple[str, str], list[float | None]] = {
    ("ideal", "single"): [40.0, 60.0, 20.0],
    ("ideal", "tier"): [10.0, None, 30.0],
    ("cotaf", "single"): [None, 80.0, None],
    ("cotaf", "tier"): [None, None, None],
}


def runs() -> Iterator[RunResult]:
    for (rule, grouping), times_s in REACHED.items():
        yield from (a_run(rule, grouping, seed, time_s) for seed, time_s in enumerate(times_s))


def grid(target: Target | None = TARGET) -> Grid:
    return Grid.of(list(runs()), KEYS, target, "first")


def test_a_cell_is_the_median_over_seeds_with_not_reached_later_than_every_time() -> None:
    np.testing.assert_equal(grid().values, [[40.0, 30.0], [np.nan, np.nan]])
    assert [[cell.num_reached for cell in row if cell] for row in grid().cells] == [[3, 2], [1, 0]]
    assert grid().best == [(0, 1)]


def test_rows_are_the_first_setting_and_transposing_the_keys_transposes_the_grid() -> None:
    across = Grid.of(list(runs()), KEYS[::-1], TARGET, "first")
    assert (grid().rows.name, grid().rows.labels) == ("power_control", ("ideal", "cotaf"))
    assert (across.rows, across.columns) == (grid().columns, grid().rows)
    np.testing.assert_equal(across.values, grid().values.T)


def test_the_order_of_the_runs_moves_rows_and_columns_but_no_run_to_another_cell() -> None:
    backwards = Grid.of(list(runs())[::-1], KEYS, TARGET, "first")
    assert backwards.rows.labels == ("cotaf", "ideal")
    np.testing.assert_equal(backwards.values, grid().values[::-1, ::-1])


def test_without_a_target_a_cell_is_the_final_accuracy_and_the_best_is_the_highest() -> None:
    without = grid(None)
    np.testing.assert_allclose(without.values, [[0.9, 0.9], [0.1, 0.1]])
    assert without.best == [(0, 0), (0, 1)]
    assert all(cell.num_reached == 0 for row in without.cells for cell in row if cell)


def test_a_failed_run_counts_as_not_reached_and_has_no_final_accuracy() -> None:
    failed = [replace(run, meta={"status": "failed", "error": "x"}) for run in runs() if run.run_id[:7] == "ideal-s"]
    (cell,) = Grid.of(failed, KEYS, TARGET, "first").cells[0]
    assert cell is not None
    assert (cell.num_failed, cell.num_reached, cell.time_to_s, cell.final_accuracy) == (3, 0, None, None)


def test_a_combination_without_runs_is_empty_and_no_combination_with_a_value_has_a_best() -> None:
    diagonal = [run for run in runs() if run.run_id[:7] in ("ideal-s", "cotaf-t")]
    assert Grid.of(diagonal, KEYS, TARGET, "first").cells[0][1] is None
    assert Grid.of([run for run in runs() if run.run_id.startswith("cotaf")], KEYS, TARGET, "first").best == []


def test_the_document_has_a_table_per_quantity_and_null_for_not_reached() -> None:
    document = json.loads(json.dumps(grid().to_json(), allow_nan=False))
    assert document["rows"] == {"setting": "algorithm.power_control", "values": ["ideal", "cotaf"]}
    assert document["columns"] == {"setting": "algorithm.grouping", "values": ["single", "tier"]}
    assert document["time_to_s"] == [[40.0, 30.0], [None, None]]
    assert document["num_seeds"] == [[3, 3], [3, 3]]


def test_a_seed_twice_in_one_cell_or_another_number_of_settings_is_refused() -> None:
    with pytest.raises(RequestError, match="grouping=single has two runs under seed 0"):
        Grid.of([*runs(), a_run("ideal", "single", 0, None)], KEYS, TARGET)
    for some, keys in product(([], list(runs())), (KEYS[:1], (*KEYS, "run.horizon_s"))):
        with pytest.raises(RequestError, match="two settings"):
            Grid.of(some, keys, TARGET)


def test_without_a_target_the_lowest_final_perplexity_of_language_models_is_best() -> None:
    runs = [
        replace(run, scenario={**run.scenario, "a": rate, "b": steps})
        for rate, halving in ((0.1, 60.0), (0.2, 30.0))
        for steps in (1, 2)
        for run in [regions_run(num_steps=100, steps_to_halve=halving * steps)]
    ]
    grid = Grid.of(runs, ["a", "b"], None)
    assert (grid.metric, grid.more_is_better, grid.best) == ("perplexity", False, [(1, 0)])
    assert grid.headline == "Final perplexity (mean of last 5)"
    assert grid.values[1, 0] == runs[2].final("perplexity")
