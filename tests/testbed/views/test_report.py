from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pages import Page
from regions import three_methods
from synthetic import grouped_run, three_alternatives

from testbed.errors import RequestError
from testbed.experiments.describe import median_explanation
from testbed.experiments.result import RunResult
from testbed.experiments.summary import Comparison
from testbed.experiments.target import Target
from testbed.views.report import report_page

TARGET = Target("accuracy", ">=", 0.8)
PERPLEXITY = Target("perplexity", "<=", 20.0)
META = {
    "status": "done",
    "command": "testbed compare mine.toml --vary algorithm.kind=a,b --target 'accuracy>=0.8'",
    "versions": {"torch": "2.13.0", "numpy": "2.4"},
    "kernel": "batched",
    "finished": "2026-01-01T00:00:00+00:00",
}


def recorded(run: RunResult, **settings: Any) -> RunResult:
    """Return the run as if it had been saved, with some settings of the method changed."""
    scenario = {**run.scenario, "algorithm": {**run.scenario["algorithm"], **settings}}
    name = "-".join([run.run_id, *map(str, settings.values())])
    return replace(run, run_id=name, scenario=scenario, meta=META, path=Path("runs") / name)


@pytest.fixture(scope="module")
def labelled() -> Mapping[str, Sequence[RunResult]]:
    return {label: [recorded(run) for run in runs] for label, runs in three_alternatives((0, 1, 2)).items()}


@pytest.fixture(scope="module")
def runs(labelled: Mapping[str, Sequence[RunResult]]) -> list[RunResult]:
    return [run for group in labelled.values() for run in group]


@pytest.fixture(scope="module")
def page(runs: list[RunResult]) -> Page:
    return Page(report_page(runs, TARGET))


def row_of(page: Page, *start: str) -> list[str]:
    (row,) = (row for row in page.rows if tuple(row[: len(start)]) == start)
    return row


def test_a_report_is_complete_in_itself(page: Page) -> None:
    page.assert_complete_in_itself()


def test_its_numbers_are_those_of_the_comparison(labelled: Mapping[str, Sequence[RunResult]], page: Page) -> None:
    comparison = Comparison.of(labelled, TARGET)
    heads = [position for position, row in enumerate(page.rows) if row[0] == "alternative"]
    for position, alternative in enumerate(comparison.alternatives, start=1):
        label, reached, when, speed_up, p, accuracy = page.rows[heads[0] + position]
        assert (label, reached) == (alternative.label, f"{alternative.num_reached}/3")
        median = alternative.time_to_s.median
        assert when.startswith("not reached" if median is None else f"{median:.4g} s")
        ratio = alternative.speed_up and alternative.speed_up.ratio
        assert (f"{ratio:.3g}" if ratio else "reference") in speed_up
        assert p == ("-" if alternative.test is None else f"{alternative.test.p_corrected:.3g}")
        assert alternative.final_accuracy is not None
        assert accuracy.startswith(f"{alternative.final_accuracy[0]:.3f}")
        for row in alternative.seeds:
            cells = row_of(page, alternative.label, str(row.seed))
            when = "not reached" if row.time_to_s is None else f"{row.time_to_s:.6g} s"
            assert cells[2:6] == [row.run_id, "done", when, f"{row.final_accuracy:.4f}"]
            assert cells[6] == str(Path("runs") / row.run_id)
    assert all(note in page.words for note in comparison.notes)


def test_causes_are_medians_over_the_seeds(labelled: Mapping[str, Sequence[RunResult]], page: Page) -> None:
    waiting = [100 * (median_explanation(group)["waiting_fraction"] or 0) for group in labelled.values()]
    assert row_of(page, "devices waiting [% of their time]")[1:] == [f"{value:.3g}" for value in waiting]


def test_there_is_a_curve_per_alternative_against_time_and_against_each_cost(page: Page) -> None:
    charts = [attributes["aria-label"] for attributes, _ in page.all("svg", role="img")]
    assert [str(label).split(" against ")[1][:14] for label in charts] == [
        "simulated time", "channel uses o", "energy radiate",
    ]  # fmt: skip
    assert len(list(page.all("path", class_="line"))) == 9
    legend = [text for _, text in page.all("li")]
    assert legend == ["fedavg (3 seeds)", "air-fedavg (3 seeds)", "air-fedga (3 seeds)", "target accuracy>=0.8"]


def test_a_diamond_stands_where_the_table_says(labelled: Mapping[str, Sequence[RunResult]], page: Page) -> None:
    medians = {a.label: a.time_to_s.median for a in Comparison.of(labelled, TARGET).alternatives}
    expected = {f"{label}: {median:.3g}" for label, median in medians.items() if median is not None}
    titles = [text for _, text in page.all("title")]
    assert expected and expected <= set(titles)
    assert len(list(page.all("path", class_="reached"))) == 3 * len(expected)


def test_what_was_varied_is_found_and_every_setting_is_stated_once(page: Page) -> None:
    assert "Varied: algorithm.kind." in page.words
    assert row_of(page, "algorithm.kind")[1:] == ["fedavg", "air-fedavg", "air-fedga"]
    assert row_of(page, "run.horizon_s") == ["run.horizon_s", "600.0"]
    ((_, folded),) = page.all("summary")
    assert folded == "3 settings that all runs share"


def test_versions_run_ids_seeds_and_the_command_are_stated(runs: list[RunResult], page: Page) -> None:
    assert row_of(page, "version of torch") == ["version of torch", "2.13.0"]
    assert "seeds 0, 1, 2" in page.words
    assert all(run.run_id in page.words for run in runs)
    assert [text for _, text in page.all("pre")] == [META["command"]]


def test_different_commands_and_versions_are_all_stated(runs: list[RunResult]) -> None:
    other = replace(runs[0], meta={**META, "command": "testbed run b.toml", "versions": {"torch": "2.14.0"}})
    page = Page(report_page([other, *runs[1:]], TARGET))
    assert [text for _, text in page.all("pre")] == [f"testbed run b.toml\n{META['command']}"]
    assert row_of(page, "version of torch")[1] == "2.14.0\n2.13.0"


def test_the_reference_is_the_first_alternative_or_the_one_that_was_asked_for(runs: list[RunResult]) -> None:
    page = Page(report_page(runs, TARGET, reference="air-fedga"))
    first = page.rows[[row[0] for row in page.rows].index("alternative") + 1]
    assert first[0] == "air-fedga" and first[3] == "1 (reference)"
    with pytest.raises(RequestError, match="'air-fedgb'; there are: fedavg; air-fedavg; air-fedga"):
        report_page(runs, TARGET, reference="air-fedgb")


def test_failed_runs_are_shown_as_failed_with_their_error(runs: list[RunResult]) -> None:
    bad = replace(runs[0], meta={**META, "status": "failed", "error": "client 3 <b>diverged</b>"})
    page = Page(report_page([bad, *runs[1:]], TARGET))
    cells = row_of(page, "fedavg", "0")
    assert cells[3:6] == ["FAILED: client 3 <b>diverged</b>", "not reached", "-"]
    assert any("FAILED" in text for _, text in page.all("p")) and "1 of 9 runs failed" in page.words
    assert list(page.all("tr", class_="failed"))
    assert "fedavg (3 seeds, 1 failed)" in page.words
    # The timeline is of a run that did not fail.
    assert "fedavg, seed 1" in page.words


def test_when_every_run_failed_the_page_says_so(runs: list[RunResult]) -> None:
    failed = [replace(run, meta={**META, "status": "failed", "error": "diverged"}) for run in runs]
    page = Page(report_page(failed, TARGET))
    page.assert_complete_in_itself()
    assert "9 of 9 runs failed" in page.words and "Nothing to draw" in page.words and "The run failed." in page.words


def test_a_single_run_is_a_report_too(runs: list[RunResult]) -> None:
    page = Page(report_page(runs[:1], TARGET))
    assert "Nothing was varied." in page.words
    assert row_of(page, "fedavg", "0")[2] == runs[0].run_id


def test_rows_without_spans_leave_the_timeline_out(runs: list[RunResult]) -> None:
    bare = replace(runs[0], tables={"evaluation": runs[0].tables["evaluation"]})
    page = Page(report_page([bare], TARGET))
    assert "No run recorded what its devices did." in page.words


def test_many_alternatives_have_tables_that_fit_a_sheet() -> None:
    page = Page(report_page([recorded(grouped_run("a", 0), xi=xi) for xi in range(7)], TARGET))
    widths = [len(row) for row in page.rows if row[0] == "indicator"]
    assert widths == [6, 3]
    assert "xi=6" in page.words


def test_hostile_names_stay_names(runs: list[RunResult]) -> None:
    name = "</pre></script><script>alert(1)</script>"
    scenario = {**runs[0].scenario, "scenario": {"name": name, "question": name}, "algorithm": {"kind": name}}
    hostile = replace(runs[0], scenario=scenario, meta={**META, "command": name, "kernel": name})
    page = Page(report_page([hostile, *runs[1:]], TARGET))
    page.assert_complete_in_itself()
    assert len(list(page.all("script"))) == 3
    assert next(text for _, text in page.all("pre")).startswith(name)


def test_a_metric_that_was_not_recorded_is_refused(runs: list[RunResult]) -> None:
    with pytest.raises(RequestError, match="perplexity"):
        report_page(runs, Target("perplexity", "<=", 3.0))
    with pytest.raises(RequestError, match="nothing to compare"):
        report_page([], TARGET)


def test_a_run_that_failed_at_once_has_no_timeline_and_the_report_says_so(runs: list[RunResult]) -> None:
    tables = {"span": runs[0].tables["span"].slice(0, 0), "evaluation": runs[0].tables["evaluation"].slice(0, 0)}
    page = Page(report_page([replace(runs[0], tables=tables, meta={**META, "status": "failed"})], TARGET))
    assert "No run recorded what its devices did." in page.words and "Nothing to draw" in page.words


def test_the_same_runs_make_the_same_page(runs: list[RunResult]) -> None:
    assert report_page(runs, TARGET) == report_page(runs, TARGET)


def test_a_report_on_regions_shows_steps_traffic_perplexity_and_their_timeline() -> None:
    methods = three_methods((0, 1))
    page = Page(report_page([recorded(run) for group in methods.values() for run in group], PERPLEXITY))
    page.assert_complete_in_itself()
    for words in ("steps", "WAN traffic", "final perplexity", "traffic over the WAN [GB]", "regions computing"):
        assert words in page.words, words
    assert page.timeline["regions"]
    first = Comparison.of(methods, PERPLEXITY).alternatives[0].seeds[0]
    (row,) = (row for row in page.rows if row[:2] == ["ddp", "0"])
    assert row[5] == f"{first.final:.4f}"
