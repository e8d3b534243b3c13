from dataclasses import replace

import pytest
from synthetic import grouped_run

from testbed.experiments.result import RunResult
from testbed.experiments.target import Target
from testbed.views.selection import MOST_DRAWN, drawn_alternatives, words_on_left_out

TARGET = Target("accuracy", ">=", 0.8)
SPEEDS = [500.0, 60.0, 200.0, 90.0, 400.0, 70.0, 2000.0, 150.0, 300.0, 100.0, 250.0]  # learning times [s]


@pytest.fixture(scope="module")
def many() -> dict[str, list[RunResult]]:
    return {f"{speed:g}": [grouped_run(speed=speed, num_devices=10)] for speed in SPEEDS}


def drawn(runs: dict[str, list[RunResult]], metric: str = "accuracy", target: Target | None = TARGET) -> list[str]:
    return list(drawn_alternatives(runs, metric, target, "smoothed"))


def fastest(num: int) -> list[str]:
    best = sorted(SPEEDS[1:])[:num]
    return ["500", *(f"{speed:g}" for speed in SPEEDS[1:] if speed in best)]


def test_a_few_alternatives_are_all_drawn_in_their_order(many: dict[str, list[RunResult]]) -> None:
    few = dict([*many.items()][:MOST_DRAWN])
    assert drawn(few) == list(few)


def test_of_many_the_reference_and_those_that_reach_the_target_first_are_drawn(
    many: dict[str, list[RunResult]],
) -> None:
    assert drawn(many) == fastest(MOST_DRAWN - 1)


def test_those_that_never_reach_it_are_ranked_by_where_they_end(many: dict[str, list[RunResult]]) -> None:
    nobody = Target("accuracy", ">=", 0.99)
    assert drawn(many, target=nobody) == drawn(many, target=None)
    assert "2000" not in drawn(many, target=nobody)


def test_a_low_loss_is_good_with_and_without_a_target(many: dict[str, list[RunResult]]) -> None:
    for target in (None, TARGET, Target("loss", "<=", 0.6)):
        kept = drawn(many, "loss", target)
        assert "2000" not in kept and "60" in kept and len(kept) == MOST_DRAWN


def test_what_failed_is_left_out_before_what_is_slow(many: dict[str, list[RunResult]]) -> None:
    failed = [replace(run, meta={"status": "failed", "error": "diverged"}) for run in many["60"]]
    assert "60" not in drawn({**many, "60": failed})


def test_how_many_are_left_out_is_said_and_nothing_if_none_is() -> None:
    assert words_on_left_out(3, 3) == ""
    assert words_on_left_out(8, 9).endswith("8 others; 1 is in the table only")
