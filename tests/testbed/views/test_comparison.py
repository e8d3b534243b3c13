from dataclasses import replace

import pytest
from regions import three_methods
from rich.console import Console, RenderableType
from synthetic import three_alternatives

from testbed.experiments.result import RunResult
from testbed.experiments.summary import Comparison
from testbed.experiments.target import Target
from testbed.views.comparison import comparison_tables

PERPLEXITY = Target("perplexity", "<=", 12.0)
LONG = "hierarchical-ring, fragments=4"


def text_of(renderable: RenderableType, width: int = 100) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def rows_of(text: str, label: str) -> list[list[str]]:
    """Return the rows that begin with a label, one per table, as cells two spaces or more apart."""
    return [
        [cell.strip() for cell in line.split("  ") if cell.strip()]
        for line in text.splitlines()
        if line.split("  ")[1:2] == [label]
    ]


@pytest.fixture(scope="module")
def regions() -> dict[str, list[RunResult]]:
    return three_methods((0, 1, 2))


def test_a_comparison_of_regions_shows_steps_traffic_and_the_final_perplexity(
    regions: dict[str, list[RunResult]],
) -> None:
    comparison = Comparison.of(regions, PERPLEXITY)
    text = text_of(comparison_tables(comparison))
    assert "final perplexity" in text and "final accuracy" not in text
    for alternative in comparison.alternatives:
        times, costs = rows_of(text, alternative.label)
        assert alternative.final is not None
        assert times[-1] == f"{alternative.final[0]:.3f}"
        assert costs[1] == f"{alternative.versions_to_target.median:.0f}"
        assert float(costs[2]) == pytest.approx((alternative.to_target["bits_wan"].median or 0) / 8e9, rel=5e-3)
    heads = text.split("Spent")[1].splitlines()
    assert heads[0].startswith(" up to the target / until the end")
    assert "channel uses" not in text and "in the cell" not in text and "[GB]" in text


def test_a_federation_has_the_costs_of_its_cell_and_the_rounds_to_the_target() -> None:
    comparison = Comparison.of(three_alternatives((0, 1, 2)), Target("accuracy", ">=", 0.8))
    text = text_of(comparison_tables(comparison))
    heads = text.split("Spent in the cell")[1].splitlines()[2].split("  ")
    words = [head.strip() for head in heads if head.strip()]
    assert words == ["alternative", "rounds", "channel uses", "bits up", "bits down", "radiated", "computing"]
    last = comparison.alternatives[-1]
    assert rows_of(text, "air-fedga")[1][1] == f"{last.versions_to_target.median:.0f}"
    assert f"/ {last.num_versions:.0f}" in text


def test_long_times_are_in_hours_all_of_them() -> None:
    late = {
        name: [replace(run, tables=run.tables | {"evaluation": slowed(run, 10.0)}) for run in group]
        for name, group in three_methods((0, 1, 2), hours=True).items()
    }
    comparison = Comparison.of(late, PERPLEXITY)
    text = text_of(comparison_tables(comparison))
    for alternative in comparison.alternatives:
        median = alternative.time_to_s.median
        assert median is not None and median > 36_000
        assert rows_of(text, alternative.label)[0][2] == f"{median / 3600:.4g} h"
    assert " s\n" not in text and " s  " not in text


def slowed(run: RunResult, factor: float) -> object:
    """Return the evaluations of a run at later times."""
    import pyarrow as pa

    rows = run.tables["evaluation"].to_pydict()
    return pa.table({**rows, "time_s": [factor * time_s for time_s in rows["time_s"]]})


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("label", ["fast", LONG])
def test_tables_fit_eighty_and_a_hundred_columns_with_whole_labels(width: int, label: str) -> None:
    cell = three_alternatives((0, 1, 2))
    for runs, target in ((three_methods((0, 1, 2)), PERPLEXITY), (cell, Target("accuracy", ">=", 0.8))):
        labelled = {f"{label} {number}": group for number, group in enumerate(runs.values())}
        text = text_of(comparison_tables(Comparison.of(labelled, target)), width)
        assert max(len(line) for line in text.splitlines()) <= width
        assert "…" not in text
        # A label is broken between words alone, at 27 letters.
        for word in label.replace(",", "").split():
            assert text.count(word) >= 6, word


def test_without_a_target_the_final_perplexity_and_what_was_spent_remain(regions: dict[str, list[RunResult]]) -> None:
    text = text_of(comparison_tables(Comparison.of(regions, None)))
    assert "final perplexity" in text and "speed-up" not in text
    assert rows_of(text, "ddp")[1][1:3] == ["200", "720"]


def test_a_perplexity_of_thousands_has_no_digits_to_spare(regions: dict[str, list[RunResult]]) -> None:
    comparison = Comparison.of(regions, None)
    first = replace(comparison.alternatives[0], final=(1234.56, 1200.0, 1300.0))
    text = text_of(comparison_tables(replace(comparison, alternatives=(first,))))
    assert "1234.6" in text and "[1200.0, 1300.0]" in text
