import json
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pytest
from regions import regions_run

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.experiments.summary import Comparison, group_by_settings
from testbed.experiments.target import Target

TARGET = Target("accuracy", ">=", 0.5)
HORIZON_S = 100.0


def a_run(label: str, seed: int, reached_s: float | None, rate: float = 1.0) -> RunResult:
    """A run evaluated every 10 s that meets the target at `reached_s`, or never; 1000 bits/s go up, 3000 come down."""
    times_s = [10.0 * k for k in range(11)]
    hits = [0.9 if reached_s is not None and time_s >= reached_s else 0.1 for time_s in times_s]
    evaluation = pa.table({"time_s": times_s, "version": [0] * 11, "metric": ["accuracy"] * 11, "value": hits})
    seconds = [float(k) for k in range(1, 101)]
    transfer = pa.table(
        {
            "source": ["device-0"] * 100 + ["server"] * 100,
            "end_s": seconds * 2,
            "bits": [1000.0] * 100 + [3000.0] * 100,
            "channel_uses": [10.0] * 100 + [50.0] * 100,
            "energy_tx_j": [0.5] * 100 + [7.0] * 100,
        }
    )
    training = pa.table({"end_s": seconds, "energy_compute_j": [2.0] * 100})
    scenario = {"run": {"horizon_s": HORIZON_S}, "algorithm": {"kind": label}, "training": {"learning_rate": rate}}
    tables = {"evaluation": evaluation, "transfer": transfer, "training": training}
    return RunResult(f"{label}-{seed}", scenario, seed, {"status": "done", "error": None}, tables)


def runs(label: str, *reached_s: float | None) -> list[RunResult]:
    return [a_run(label, seed, at) for seed, at in enumerate(reached_s)]


def compare(**alternatives: Sequence[RunResult]) -> Comparison:
    return Comparison.of(alternatives, TARGET, "first")


def test_what_was_spent_is_read_at_the_time_of_the_target() -> None:
    (alternative,) = compare(slow=runs("slow", 40.0, 60.0, 20.0)).alternatives
    assert alternative.num_reached == 3
    assert alternative.time_to_s.median == 40.0
    medians = {cost: interval.median for cost, interval in alternative.to_target.items() if cost != "bits_wan"}
    assert medians == {
        "channel_uses": 400.0, "bits_up": 40e3, "bits_down": 120e3, "bits_both": 160e3, "energy_tx_j": 20.0,
        "energy_compute_j": 80.0,
    }  # fmt: skip
    assert alternative.to_target["bits_wan"].median == alternative.total["bits_wan"] == 0.0
    assert alternative.total["energy_compute_j"] == 200.0
    assert alternative.final_accuracy == (0.9, 0.9, 0.9)


def test_runs_are_paired_by_seed_whatever_their_order() -> None:
    fast = runs("fast", 10.0, 20.0, 30.0)
    for order in (fast, fast[::-1]):
        speed_up = compare(slow=runs("slow", 40.0, 80.0, 120.0)[:2], fast=order).alternatives[1].speed_up
        assert speed_up is not None
        assert (speed_up.kind, speed_up.num_pairs, round(speed_up.ratio or 0, 9)) == ("ratio", 2, 4.0)


def test_the_reference_has_no_speed_up_and_an_equal_alternative_a_speed_up_of_one() -> None:
    first, second = compare(a=runs("a", 20.0, 40.0), b=runs("b", 20.0, 40.0)).alternatives
    assert first.speed_up is None
    assert second.speed_up is not None and second.speed_up.ratio == 1.0


def test_not_reached_is_counted_shown_and_bounds_the_speed_up() -> None:
    comparison = compare(slow=runs("slow", None, None, 80.0), fast=runs("fast", 10.0, 10.0, 10.0))
    slow, fast = comparison.alternatives
    assert (slow.num_reached, slow.time_to_s.median, slow.time_to_s.low) == (1, None, 80.0)
    assert fast.speed_up is not None and fast.speed_up.kind == "at-least"
    document = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
    row = document["alternatives"][0]
    assert (row["time_to_s"]["median"], row["time_to_s"]["reached"]) == (None, False)
    assert row["time_to_s"]["interval"]["high_reached"] is False
    assert [seed["reached"] for seed in row["seeds"]] == [False, False, True]
    assert (document["schema"], document["schema_version"]) == ("airwan-comparison", 1)


def test_a_failed_run_never_reached_the_target_and_is_listed_with_its_error() -> None:
    broken = replace(a_run("b", 1, 20.0), meta={"status": "failed", "error": "client 3 diverged at 30 s"})
    comparison = compare(a=runs("a", 20.0, 40.0), b=[a_run("b", 0, 10.0), broken])
    alternative = comparison.alternatives[1]
    assert (alternative.num_reached, len(alternative.seeds)) == (1, 2)
    assert alternative.speed_up is not None and alternative.speed_up.kind == "at-most"
    assert comparison.to_json()["failed"] == [
        {"label": "b", "seed": 1, "run_id": "b-1", "error": "client 3 diverged at 30 s"}
    ]


def test_a_run_that_failed_early_bounds_a_ratio_by_the_whole_horizon() -> None:
    broken = a_run("a", 0, None)
    short = {"evaluation": broken.tables["evaluation"].slice(0, 2)}
    broken = replace(broken, meta={"status": "failed", "error": "x"}, tables=short)
    speed_up = compare(a=[broken], b=runs("b", 10.0)).alternatives[1].speed_up
    assert speed_up is not None
    assert (speed_up.kind, speed_up.ratio) == ("at-least", pytest.approx(HORIZON_S / 10.0))


def test_few_seeds_are_named_in_the_notes() -> None:
    assert any("2 seeds" in note for note in compare(a=runs("a", 20.0, 40.0)).notes)
    assert not compare(a=runs("a", *[20.0] * 6)).notes


def test_alternatives_are_tested_against_the_first_on_common_seeds_and_corrected_together() -> None:
    slow, fast = runs("slow", *[80.0] * 7), runs("fast", *[10.0] * 7)
    comparison = compare(slow=slow, fast=fast[::-1], same=runs("same", *[80.0] * 7), few=runs("few", 10.0, None))
    reference, first, same, few = (alternative.test for alternative in comparison.alternatives)
    assert reference is None
    assert first is not None and same is not None and few is not None
    assert (first.p, first.p_corrected, first.num_pairs, first.num_telling) == (1 / 64, 3 / 64, 7, 7)
    assert (same.p, same.p_corrected, same.num_telling) == (1.0, 1.0, 0)
    assert (few.num_pairs, few.p) == (2, 1.0)  # sooner once, never once: no matter which is taken to be larger
    document = json.loads(json.dumps(comparison.to_json()))
    assert document["alternatives"][0]["test"] is None
    assert document["alternatives"][1]["test"] == {
        "p": 1 / 64, "p_corrected": 3 / 64, "num_pairs": 7, "num_telling": 7, "num_tests": 3, "smallest_p": 3 / 64,
    }  # fmt: skip
    assert any("smallest attainable with 2 seeds: 1" in note for note in comparison.notes)
    assert [note for note in comparison.notes if "sooner" in note] == [
        "same: 0 of 7 seeds say who was sooner; p is at best 1"
    ]
    without = Comparison.of({"slow": slow, "fast": fast}, None)
    assert [alternative.test for alternative in without.alternatives] == [None, None]


def test_a_failed_run_counts_as_one_that_would_never_have_reached_the_target() -> None:
    broken = [replace(a_run("b", seed, None), meta={"status": "failed", "error": "x"}) for seed in range(6)]
    test = compare(a=runs("a", *[40.0] * 6), b=broken).alternatives[1].test
    assert test is not None and test.p == 1 / 32


def test_two_runs_under_one_seed_or_none_at_all_are_refused() -> None:
    with pytest.raises(RequestError, match="two runs under one seed"):
        compare(a=[*runs("a", 20.0), *runs("a", 20.0)])
    with pytest.raises(RequestError, match="nothing to compare"):
        compare(a=[])


def test_labels_are_the_varied_settings_in_order_of_appearance() -> None:
    some = [a_run("b", 1, None), a_run("a", 0, None), a_run("b", 0, None), a_run("b", 0, None, rate=0.5)]
    labelled = group_by_settings(some, ["algorithm.kind", "training.learning_rate"])
    assert list(labelled) == ["b, learning_rate=1.0", "a, learning_rate=1.0", "b, learning_rate=0.5"]
    assert [run.seed for run in labelled["b, learning_rate=1.0"]] == [0, 1]
    assert list(group_by_settings(some, [])) == ["b", "a"]


def test_steps_traffic_and_perplexity_of_regions_are_those_of_the_evaluation_that_met_the_target() -> None:
    group = [regions_run(seed=seed) for seed in range(3)]
    target = Target("perplexity", "<=", 20.0)
    comparison = Comparison.of({"a": group}, target, "first")
    (alternative,) = comparison.alternatives
    for row, run in zip(alternative.seeds, group, strict=True):
        rows = run.frame("evaluation")
        rows = rows[rows["metric"] == "perplexity"]
        met = rows[rows["value"] <= 20.0].iloc[0]
        flows = run.frame("flow")
        assert (row.time_to_s, row.versions_to_target, row.num_versions) == (met["time_s"], met["version"], 200)
        assert row.to_target["bits_wan"] == flows[flows["end_s"] <= met["time_s"]]["bits"].sum()
        assert row.final == rows["value"][-5:].mean()
    assert alternative.versions_to_target.median == sorted(row.versions_to_target or 0 for row in alternative.seeds)[1]
    assert comparison.final_metric == "perplexity" and comparison.between_regions
    assert comparison.costs == ("bits_wan", "energy_compute_j")
    document = json.loads(json.dumps(comparison.to_json(), allow_nan=False))["alternatives"][0]
    assert document["versions_to_target"]["interval"]["low_reached"] is True
    assert document["num_versions"] == 200
    assert set(document["final"]) == {"median", "low", "high"}
    assert [seed["versions_to_target"] for seed in document["seeds"]] == [
        r.versions_to_target for r in alternative.seeds
    ]


@pytest.mark.parametrize(
    ("target", "metric"),
    [
        (Target("loss", "<=", 2.0), "loss"),
        (Target("loss_mean", "<=", 2.0), "loss_mean"),
        (Target("accuracy", ">=", 0.1), "accuracy"),
        (None, "perplexity"),
    ],
)
def test_the_final_value_is_of_what_the_target_asks_and_of_language_models_the_perplexity(
    target: Target | None, metric: str
) -> None:
    run = regions_run(num_steps=40)
    comparison = Comparison.of({"a": [run]}, target)
    final = run.final(metric)
    assert comparison.final_metric == metric
    assert comparison.alternatives[0].final == (final, final, final)
    assert Comparison.of({"a": runs("a", 20.0)}, None).final_metric == "accuracy"
