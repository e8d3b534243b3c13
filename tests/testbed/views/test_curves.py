from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from regions import regions_run, three_methods
from synthetic import grouped_run, three_alternatives

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.experiments.summary import Comparison
from testbed.experiments.target import Target
from testbed.views.curves import median_bands, plot_curves, reading_of

TARGET = Target("accuracy", ">=", 0.8)


@pytest.fixture(scope="module")
def runs() -> dict[str, list[RunResult]]:
    return three_alternatives((0, 1, 2))


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_line_over_time_is_the_median_over_seeds_and_the_band_its_range(runs: dict[str, list[RunResult]]) -> None:
    figure = plot_curves(runs)
    over_time = figure.axes[0]
    times_s = runs["fedavg"][0].series("accuracy")[0]
    values = np.stack([run.series("accuracy")[1] for run in runs["fedavg"]])
    line = over_time.get_lines()[0]
    np.testing.assert_allclose(line.get_xdata(), times_s)
    np.testing.assert_allclose(line.get_ydata(), np.median(values, axis=0))
    band = over_time.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == values.min() and band[:, 1].max() == values.max()


@pytest.mark.parametrize(
    ("num_seeds", "rank", "words"),
    [
        (1, 1, "line: median over seeds"),
        (3, 1, "line: median over seeds; band: lowest to highest, the 75 % interval of the median"),
        (20, 6, "line: median over seeds; band: the 95.9 % interval of the median"),  # David and Nagaraja: [X6, X15]
    ],
)
def test_the_band_is_the_interval_of_the_median_and_says_so(num_seeds: int, rank: int, words: str) -> None:
    seeds = {"air-fedga": three_alternatives(range(num_seeds))["air-fedga"]}
    band = median_bands(seeds, "accuracy", "time_s")[0]["air-fedga"]
    ordered = np.sort([run.series("accuracy")[1] for run in seeds["air-fedga"]], axis=0)
    np.testing.assert_allclose(band.low, ordered[rank - 1])
    np.testing.assert_allclose(band.high, ordered[-rank])
    assert reading_of(seeds, "accuracy") == words
    assert words in [text.get_text() for text in plot_curves(seeds).texts]


def test_a_reading_names_every_coverage_and_leaves_failed_runs_out(runs: dict[str, list[RunResult]]) -> None:
    failed = replace(runs["fedavg"][0], meta={"status": "failed", "error": "diverged"})
    mixed = {"two": [failed, *runs["fedavg"][1:]], "three": runs["air-fedga"], "none": [failed]}
    assert "lowest to highest, the 50 to 75 % interval" in reading_of(mixed, "accuracy")


def test_a_legend_of_eight_long_labels_lies_between_heading_and_axes_and_inside_the_picture() -> None:
    run = grouped_run()
    words = "power_control=truncated-inversion (threshold={}), grouping=greedy-refined, payload=delta"
    figure = plot_curves({words.format(k): [run] for k in range(8)}, target=TARGET)
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width
    assert box.y0 >= figure.axes[0].get_window_extent().y1
    assert box.y1 <= min(text.get_window_extent().y0 for text in figure.texts)
    assert figure.axes[0].get_window_extent().height > 150
    assert [text.replace("\n", " ") for text in legend(figure)][:8] == [words.format(k) + " (1 seed)" for k in range(8)]


def test_of_many_alternatives_the_best_are_drawn_and_the_others_counted() -> None:
    many = {f"alternative {k}": [grouped_run(speed=400.0 - 10.0 * k)] for k in range(24)}
    figure = plot_curves(many, target=TARGET)
    drawn = ["alternative 0", *(f"alternative {k}" for k in range(17, 24))]
    assert legend(figure) == [*(f"{label} (1 seed)" for label in drawn), "target accuracy>=0.8"]
    assert any("16 are in the table only" in text.get_text() for text in figure.texts)
    assert not any("in the table" in text.get_text() for text in plot_curves(dict([*many.items()][:8])).texts)


def test_every_panel_shows_every_alternative_with_its_unit_and_one_accuracy_axis(
    runs: dict[str, list[RunResult]],
) -> None:
    figure = plot_curves(runs, target=TARGET)
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert labels[0] == "simulated time [s]"
    assert "channel uses" in labels[1] and "[J]" in labels[2]
    for axes in figure.axes:
        assert {"fedavg", "air-fedavg", "air-fedga"} <= {line.get_label() for line in axes.get_lines()}
        assert axes.get_ylim() == figure.axes[0].get_ylim()


def test_a_curve_against_a_cost_ends_where_the_first_seed_ends(runs: dict[str, list[RunResult]]) -> None:
    energy = plot_curves(runs).axes[2]
    ends = [run.spent("energy_tx_j", run.series("accuracy")[0])[-1] for run in runs["air-fedga"]]
    assert energy.get_lines()[2].get_xdata()[-1] == pytest.approx(min(ends))


def test_a_target_is_marked_only_for_those_who_reach_it_and_on_its_own_metric(
    runs: dict[str, list[RunResult]],
) -> None:
    def diamonds(figure: Figure) -> int:
        return sum(line.get_marker() == "D" for line in figure.axes[0].get_lines())

    figure = plot_curves(runs, target=TARGET)
    assert legend(figure) == ["fedavg (3 seeds)", "air-fedavg (3 seeds)", "air-fedga (3 seeds)", "target accuracy>=0.8"]
    assert diamonds(figure) == 2
    assert diamonds(plot_curves(runs, metric="loss", target=TARGET)) == 0


def test_failed_runs_are_counted_in_the_legend_and_not_in_the_line(runs: dict[str, list[RunResult]]) -> None:
    good, bad = runs["fedavg"][0], replace(runs["fedavg"][1], meta={"status": "failed", "error": "diverged"})
    figure = plot_curves({"mixed": [good, bad], "broken": [bad]})
    assert legend(figure) == ["mixed (2 seeds, 1 failed)", "broken (1 seed, 1 failed)"]
    np.testing.assert_allclose(figure.axes[0].get_lines()[0].get_ydata(), good.series("accuracy")[1])
    with pytest.raises(RequestError, match="no completed run"):
        plot_curves({"broken": [bad]})


def test_a_run_that_sends_nothing_can_be_drawn(tmp_path: Path) -> None:
    silent = grouped_run(horizon_s=1.0)
    plot_curves({"silent": [silent], "loud": [grouped_run()]}, target=TARGET).savefig(tmp_path / "a.png")


def test_drawing_leaves_matplotlib_as_it_was_and_fills_the_picture(
    runs: dict[str, list[RunResult]], tmp_path: Path
) -> None:
    settings, backend = dict(matplotlib.rcParams), matplotlib.get_backend()
    figure = plot_curves(runs, target=TARGET)
    figure.savefig(tmp_path / "a.png")
    assert (dict(matplotlib.rcParams), matplotlib.get_backend()) == (settings, backend)
    pixels = np.asarray(figure.canvas.buffer_rgba())  # type: ignore[attr-defined]
    assert pixels.shape == (1000, 1600, 4)


def test_curves_of_regions_are_against_time_steps_and_traffic_with_a_wide_perplexity_on_a_log_axis() -> None:
    runs = three_methods((0, 1, 2))
    figure = plot_curves(runs, "perplexity", Target("perplexity", "<=", 20.0))
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "simulated time [s]", "inner steps of a region", "traffic over the WAN [GB] (log scale)"
    ]  # fmt: skip
    assert {axes.get_yscale() for axes in figure.axes} == {"log"}
    assert figure.axes[0].get_ylabel() == "test perplexity (log scale)"
    first = runs["ddp"][0]
    steps = figure.axes[1].get_lines()[0]
    np.testing.assert_array_equal(steps.get_xdata(), first.versions("perplexity"))
    traffic = figure.axes[2].get_lines()[0]
    assert max(traffic.get_xdata()) == pytest.approx(first.cost("bits_wan")[1][-1] / 8e9)


def test_a_diamond_of_regions_is_where_the_comparison_has_the_target_reached() -> None:
    runs, target = three_methods((0, 1, 2), hours=True), Target("loss", "<=", 3.0)
    figure = plot_curves(runs, "loss", target)
    assert {axes.get_yscale() for axes in figure.axes} == {"linear"}
    comparison = Comparison.of(runs, target)
    for position, alternative in enumerate(comparison.alternatives):
        marks = [[line for line in axes.get_lines() if line.get_marker() == "D"][position] for axes in figure.axes]
        time_s, steps, gigabytes = (float(mark.get_xdata()[0]) for mark in marks)
        assert time_s == alternative.time_to_s.median
        assert steps == alternative.versions_to_target.median
        assert gigabytes == pytest.approx((alternative.to_target["bits_wan"].median or 0) / 8e9)


def test_long_runs_have_their_time_in_hours() -> None:
    run = regions_run(num_steps=400, step_s=(100.0, 101.0, 102.0, 110.0))
    axes = plot_curves({"a": [run]}, "loss").axes[0]
    assert axes.get_xlabel() == "simulated time [h]"
    assert max(axes.get_lines()[0].get_xdata()) == pytest.approx(run.series("loss")[0][-1] / 3600)
