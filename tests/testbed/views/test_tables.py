from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.console import Console, RenderableType
from synthetic import grouped_run, three_alternatives

from testbed.experiments.describe import setting_differences
from testbed.experiments.explanation import explain
from testbed.experiments.result import RunResult
from testbed.experiments.summary import Comparison
from testbed.experiments.target import Target
from testbed.views.comparison import comparison_tables
from testbed.views.tables import (
    causes_table,
    differences_table,
    estimate_table,
    run_table,
    runs_table,
)

TARGET = Target("accuracy", ">=", 0.8)


@pytest.fixture(scope="module")
def runs() -> dict[str, list[RunResult]]:
    return three_alternatives((0, 1, 2))


def text_of(renderable: RenderableType, width: int = 100) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_a_comparison_shows_what_was_not_reached_and_the_bound_that_follows(runs: dict[str, list[RunResult]]) -> None:
    text = text_of(comparison_tables(Comparison.of(runs, TARGET)))
    lines = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    row = next(line for line in text.splitlines() if line.split()[:1] == ["fedavg"])
    assert "0/3" in row and "not reached" in row and "1 (reference)" in row
    assert any("> " in line and "3/3" in line for line in text.splitlines() if "air-fedga" in line)
    assert "3 seeds: no sign or Wilcoxon test corrected for 2 alternatives can give p below 0.5" in text
    assert "downlink: free" in text
    assert lines["Time"].startswith("Time to accuracy>=0.8 (smoothed)")


def test_a_comparison_shows_the_corrected_p_and_the_smallest_that_it_could_be() -> None:
    comparison = Comparison.of(three_alternatives(range(8)), TARGET)
    text = text_of(comparison_tables(comparison))
    rows = {line.split()[0]: line.split() for line in text.split("Spent")[0].splitlines() if line.strip()}
    # Both won under all of 8 seeds: 2^(1 - 8), times 2.
    assert rows["air-fedavg"][-2] == rows["air-fedga"][-2] == "0.0156"
    assert rows["fedavg"][1:3] == ["0/8", "not"]
    words = " ".join(text.split())
    assert "Wilcoxon signed-rank test against the reference, corrected for 2 alternatives (Holm)" in words
    assert "smallest attainable with 8 seeds: 0.0156" in words
    assert "can reach p < 0.05" not in words
    assert "Wilcoxon" not in text_of(comparison_tables(Comparison.of(three_alternatives(range(8)), None)))


def test_a_failed_run_is_named_with_its_error(runs: dict[str, list[RunResult]]) -> None:
    failed = replace(runs["air-fedga"][1], meta={"status": "failed", "error": "client [3] diverged"})
    text = text_of(comparison_tables(Comparison.of({"a": [failed, runs["air-fedga"][0]]}, TARGET)))
    assert "FAILED a, seed 1: client [3] diverged" in text
    assert "FAILED: client [3] diverged" in text_of(run_table(failed))


def test_every_table_fits_a_hundred_columns_without_cutting_a_word(runs: dict[str, list[RunResult]]) -> None:
    tables = [
        comparison_tables(Comparison.of(runs, TARGET)),
        run_table(runs["air-fedga"][0]),
        causes_table({label: explain(group[0]) for label, group in runs.items()}),
    ]
    for table in tables:
        text = text_of(table)
        assert max(len(line) for line in text.splitlines()) <= 100
        assert "…" not in text


def test_square_brackets_are_words_and_not_markup(runs: dict[str, list[RunResult]]) -> None:
    text = text_of(causes_table({"hidden=[a]": explain(runs["air-fedga"][0])}))
    assert "hidden=[a]" in text
    assert "[s per update]" in text


def test_a_cause_that_nobody_has_is_left_out_and_one_that_some_lack_is_a_dash() -> None:
    grouped, plain = explain(grouped_run()), explain(grouped_run(with_groups=False))
    assert "shrinkage" not in text_of(causes_table({"plain": plain}))
    row = next(line for line in text_of(causes_table({"g": grouped, "p": plain})).splitlines() if "shrinkage" in line)
    assert row.split()[-2:] == ["10", "-"]


def test_a_listing_has_a_row_per_run_and_dashes_where_a_damaged_one_says_nothing() -> None:
    whole = {
        "name": "a",
        "run_id": "0123456789ab",
        "scenario": "toy",
        "algorithm": "fedavg",
        "seed": 0,
        "status": "done",
        "horizon_s": 600.0,
        "final_accuracy": 0.9123,
        "final_metric": "accuracy",
        "final": 0.9123,
        "error": None,
    }
    damaged = {**dict.fromkeys(whole), "name": "b", "status": "damaged"}
    rows = [line.split() for line in text_of(runs_table([whole, damaged])).splitlines() if line.split()]
    assert rows[-2] == ["a", "fedavg", "0", "600", "s", "0.912", "done", "0123456789ab"]
    assert rows[-1] == ["b", "-", "-", "-", "-", "damaged", "-"]


def listed(*runs: tuple[str, str | None, float | None]) -> tuple[list[str], list[str]]:
    """Return the head of a listing, and its column of final values."""
    fields = ("run_id", "scenario", "algorithm", "seed", "status", "horizon_s", "final_accuracy", "error")
    blank = {**dict.fromkeys(fields, "-"), "horizon_s": None}
    rows = [blank | {"name": name, "final_metric": metric, "final": value} for name, metric, value in runs]
    lines = [line.split() for line in text_of(runs_table(rows)).splitlines() if line.split()]
    return lines[0], [" ".join(line[4:-2]) for line in lines[-len(rows) :]]


def test_a_listing_names_the_metric_that_sums_runs_up_and_says_where_it_differs() -> None:
    word, image, empty = ("word", "perplexity", 1234.56), ("image", "accuracy", 0.9123), ("empty", None, None)
    head, finals = listed(word, empty)
    assert "perplexity" in head and finals == ["1234.6", "-"]
    head, finals = listed(image, empty)
    assert "accuracy" in head and finals == ["0.912", "-"]
    head, finals = listed(word, image, empty)
    assert "final" in head and finals == ["perplexity 1234.6", "accuracy 0.912", "-"]
    assert "accuracy" in listed(empty)[0]


def test_two_runs_differ_in_the_settings_that_differ_and_in_no_other() -> None:
    first, second = grouped_run("fedavg", seed=0), grouped_run("air-fedga", seed=0)
    second = replace(second, scenario={**second.scenario, "training": {"momentum": 0.9}})
    text = text_of(differences_table(setting_differences([first, second]), ["a", "b"]))
    rows = [line.split() for line in text.splitlines()[4:] if line.split()]
    assert rows == [["algorithm.kind", "fedavg", "air-fedga"], ["training.momentum", "-", "0.9"]]


def test_an_estimate_says_when_it_holds_only_if_nothing_were_learnt() -> None:
    needs = SimpleNamespace(
        algorithm="air-fedga",
        horizon_s=600.0,
        num_versions=218,
        num_jobs=1744,
        flop=3.2e12,
        flop_computed=5.4e9,
        peak_bytes_per_job=4e6,
        num_evaluations=61,
        timeline_exact=False,
        wall_s=12.0,
    )
    text = text_of(estimate_table(needs))  # type: ignore[arg-type]
    assert "4 MB" in text and "if nothing were learnt" in text
    charged, computed = (next(line for line in text.splitlines() if word in line) for word in ("clock", "here, eval"))
    assert "3.2 TFLOP" in charged and "5.4 GFLOP" in computed
