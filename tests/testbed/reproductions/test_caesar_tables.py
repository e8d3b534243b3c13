"""Laws of the tables of the reproduction of Caesar: whose advantage is shown, and what is said where there is none."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from synthetic import three_alternatives

from testbed.experiments.result import RunResult
from testbed.reproductions.caesar.costs import columns_of, rows_of
from testbed.reproductions.caesar.harder import target_of
from testbed.reproductions.caesar.spending import (
    final_percent,
    less_percent,
    megabytes_to,
    seconds_to,
    with_interval,
)

COLUMNS = columns_of("method", "a", "b")


def with_bits(run: RunResult, megabytes: float) -> RunResult:
    """Return the run with as many MB in each of its transfers."""
    transfers = run.tables["transfer"]
    bits = pa.array([8e6 * megabytes] * len(transfers))
    transfers = transfers.set_column(transfers.column_names.index("bits"), "bits", bits)
    return replace(run, tables={**run.tables, "transfer": transfers})


@pytest.fixture
def runs() -> list[RunResult]:
    return [with_bits(run, 1.0) for run in three_alternatives((0, 1, 2))["air-fedga"]]


def row_of(rows: tuple[tuple[object, ...], ...], label: str) -> dict[str, object]:
    return next(dict(zip(COLUMNS, row, strict=True)) for row in rows if str(row[0]).startswith(label))


def test_a_mean_has_students_interval_and_none_if_a_value_is_missing() -> None:
    assert with_interval([1.0, 2.0, 3.0], 1) == "2.0 [-0.5, 4.5]"  # 2 -+ 4.303 / sqrt(3)
    assert with_interval(np.array([1.0, None]), 1) == "-"
    assert with_interval([1.0], 2) == "1.00"


def test_half_of_what_the_other_spent_is_fifty_percent_less_whatever_the_seed() -> None:
    assert less_percent([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]) == "50 % [50, 50]"
    assert less_percent([1.0, None], [2.0, 4.0]) == "1 of 2 pairs"


def test_traffic_counts_what_had_arrived_when_the_accuracy_was_there(runs: list[RunResult]) -> None:
    run = runs[0]
    time_s = seconds_to(run, 0.8)
    assert time_s is not None
    assert megabytes_to(run, 0.8) == pytest.approx((run.column("transfer", "end_s") <= time_s).sum())
    assert seconds_to(run, 1.1) is None and megabytes_to(run, 1.1) is None


def test_the_own_row_has_no_advantage_over_itself_and_the_others_have_half_or_twice(runs: list[RunResult]) -> None:
    dear = [with_bits(run, 2.0) for run in runs]
    rows = rows_of({"a": runs, "b": dear}, "a", "b", 0.8)
    own, other = row_of(rows, "a"), row_of(rows, "b")
    assert own["a sends less"] == own["a is sooner"] == ""
    assert own["less than b [points]"] == "0.00 [0.00, 0.00]" and other["less than b [points]"] == ""
    assert other["a sends less"] == "50 % [50, 50]" and other["a is sooner"] == "0 % [0, 0]"
    assert own["reached"] == "3/3" and own["model error"] is None


def test_a_target_that_nobody_reaches_leaves_no_costs(runs: list[RunResult]) -> None:
    row = row_of(rows_of({"a": runs, "b": runs}, "a", "b", 1.1), "b")
    assert (row["reached"], row["MB to it"], row["a sends less"]) == ("0/3", "-", "0 of 3 pairs")


@pytest.mark.parametrize("broken", ["a", "b"])
def test_an_alternative_of_which_a_run_failed_is_a_row_without_figures(runs: list[RunResult], broken: str) -> None:
    failed = [*runs[:-1], replace(runs[-1], meta={**runs[-1].meta, "status": "failed"})]
    rows = rows_of({label: failed if label == broken else runs for label in "ab"}, "a", "b", 0.8)
    assert row_of(rows, broken) == dict.fromkeys(COLUMNS) | {"method": f"{broken}: failed"}
    assert row_of(rows, "b" if broken == "a" else "a")["reached"] == "3/3"


def test_the_harder_target_is_98_percent_of_what_full_precision_comes_to(runs: list[RunResult]) -> None:
    finals = [final_percent(run) for run in runs]
    assert target_of(runs) == pytest.approx(0.98 * np.mean(finals) / 100)
