"""A comparison without --target asks for what its scenario asks for, and of language for nothing."""

from pathlib import Path

import pytest
from small import small_regions, small_scenario

from testbed.experiments.default_target import default_target
from testbed.experiments.scenario import Scenario
from testbed.experiments.sweep import Variation, plan_sweep


def found(scenario: Scenario, *variations: Variation) -> tuple[str, str]:
    return default_target(plan_sweep(scenario, variations, [0, 1]), None)


def test_classifiers_are_to_reach_four_fifths_and_nothing_is_said() -> None:
    assert found(small_scenario()) == ("accuracy>=0.8", "")


def test_language_has_no_target_and_it_is_said_why() -> None:
    target, why = found(small_regions())
    assert target == "none"
    assert "language" in why and "--target" in why


def test_one_language_model_among_classifiers_is_enough() -> None:
    words = {"kind": "pydoc-topics", "context": 8, "max_test_windows": 5}
    images = small_scenario(data__partition="iid")
    base = images.set("data.dataset", words).set("model", {"kind": "gpt", "width": 4, "num_heads": 1})
    mixed = plan_sweep(images, [], [0]) + plan_sweep(base, [], [0])
    assert default_target(mixed, None)[0] == "none"


SCENARIOS = {"images": small_scenario(), "words": small_regions(training__total_steps=24)}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_the_target_at_which_all_runs_stop_is_the_comparison_s(scenario: Scenario) -> None:
    grid = {"horizon_s": 1e4, "evaluation_interval_s": 100.0, "stop": {"target": "loss <= 2.5"}}
    target, why = found(scenario.set("run", grid))
    assert target == "loss<=2.5"
    assert "run.stop" in why


def test_two_targets_to_stop_at_are_none_that_all_share() -> None:
    scenario = small_scenario(run__stop={"target": "accuracy>=0.5"})
    both = Variation("run.stop.target", ("accuracy>=0.5", "accuracy>=0.7"))
    assert found(scenario, both)[0] == "accuracy>=0.8"


def test_data_that_is_missing_is_left_to_the_rehearsal(tmp_path: Path) -> None:
    planned = plan_sweep(small_scenario(data__dataset="mnist"), [], [0])
    assert default_target(planned, tmp_path) == ("accuracy>=0.8", "")
