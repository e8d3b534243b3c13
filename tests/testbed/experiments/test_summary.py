import json
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pytest

from testbed.errors import RequestError
from testbed.experiments.explanation import explain
from testbed.experiments.result import RunResult
from testbed.experiments.summary import Comparison, group_by_settings
from testbed.experiments.target import Target

TARGET = Target("accuracy", ">=", 0.5)
HORIZON_S = 100.0


def a_run(label: str, seed: int, reached_s: float | None, rate: float = 1.0) -> RunResult:
    """A run evaluated every 10 s that sends 1000 bits a second and meets the target at `reached_s`, or never."""
    times_s = [10.0 * k for k in range(11)]
    hits = [0.9 if reached_s is not None and time_s >= reached_s else 0.1 for time_s in times_s]
    evaluation = pa.table({"time_s": times_s, "version": [0] * 11, "metric": ["accuracy"] * 11, "value": hits})
    seconds = [float(k) for k in range(1, 101)]
    transfer = pa.table(
        {
            "source": ["device-0"] * 100,
            "end_s": seconds,
            "bits": [1000.0] * 100,
            "channel_uses": [10.0] * 100,
            "energy_tx_j": [0.5] * 100,
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
    medians = {cost: interval.median for cost, interval in alternative.to_target.items()}
    assert medians == {"channel_uses": 400.0, "bits_up": 40e3, "energy_tx_j": 20.0, "energy_compute_j": 80.0}
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


def test_the_causes_of_a_worked_example() -> None:
    tables = {
        "version": pa.table(
            {
                "version": [1, 2, 3, 4],
                "group": [0, 1, 0, 1],
                "staleness": [0, 1, 1, 2],
                "num_active": [2, 1, 2, 2],
                "num_members": [2, 2, 2, 2],
                "progress_norm": [1.0, 2.0, 3.0, 4.0],
                "pull_back_norm": [0.0, 1.0, 0.0, 1.5],
            }
        ),
        "group": pa.table({"group": [0, 1], "share": [0.25, 0.75], "label_distance": [0.4, 0.8]}),
        "aggregation": pa.table({"alignment": [1.0, 0.8], "aggregation_nmse": [0.0, 0.1]}),
        "device": pa.table(
            {
                "elapsed_s": [10.0, 10.0],
                "computing_s": [4.0, 3.0],
                "transmitting_s": [1.0, 1.0],
                "absent_s": [2.0, 0.0],
            }
        ),
        "span": pa.table(
            {
                "entity": ["device-0", "uplink", "device-1", "uplink", "group-1", "device-0"],
                "kind": ["transmit", "transmit", "transmit", "transmit", "queue", "queue"],
                "start_s": [1.0, 1.0, 4.0, 4.0, 3.5, 7.0],
                "end_s": [2.0, 2.0, 6.0, 6.0, 4.0, 9.0],
            }
        ),
    }
    causes = explain(RunResult("a", {}, 0, {}, tables))
    assert causes == pytest.approx(
        {
            "staleness_mean": 1.0,
            "staleness_max": 2.0,
            "num_groups": 2.0,
            "label_distance_mean": 0.7,
            "shrinkage_mean": 0.1,
            "aggregation_nmse_mean": 0.05,
            "pull_back_ratio": 0.25,
            "waiting_fraction": 0.5,  # 18 s there, 9 s at work
            "mac_utilisation_fraction": 0.3,
            "mac_queueing_s": 0.125,  # the 2 s of device 0 are a wait for its own processor
            "updates_per_1000_s": 400.0,
            "work_rate_per_s": 0.1 * (0.25 + 0.375 + 0.25 + 0.75),
        }
    )


def test_a_run_without_rows_has_no_causes() -> None:
    assert set(explain(RunResult("a", {}, 0, {}, {})).values()) == {None}
