"""The stop rule: when a run ends, and that what was learnt until then is what it would have been."""

import pytest
from small import small_experiment, small_scenario

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.experiments.target import Rule, parse_target, time_to
from testbed.simulation import DeadlockError

TARGET = "accuracy>=0.3"


def run(**stop: object) -> RunResult:
    settings = {"run__stop": stop} if stop else {}
    return small_scenario(run__horizon_s=600.0, run__evaluation_interval_s=7.3, **settings).run(0)


@pytest.fixture(scope="module")
def whole() -> RunResult:
    return run()


@pytest.mark.parametrize("rule", ["first", "smoothed", "stable"])
@pytest.mark.parametrize("margin_s", [0.0, 55.0])
def test_a_run_ends_at_the_first_grid_time_after_the_margin(whole: RunResult, rule: Rule, margin_s: float) -> None:
    stopped = run(target=TARGET, rule=rule, margin_s=margin_s)
    assert stopped.meta["ended_by"] == "target"
    times_s, values = whole.series("accuracy")
    ends = [
        end_s
        for number, end_s in enumerate(times_s, start=1)
        if (reached_s := time_to(parse_target(TARGET), times_s[:number].tolist(), values[:number].tolist(), rule))
        is not None
        and end_s >= reached_s + margin_s
    ]
    assert stopped.meta["simulated_end_s"] == pytest.approx(ends[0], rel=1e-12)
    until = stopped.series("accuracy")
    assert until[0].tolist() == times_s[: len(until[0])].tolist() and until[0][-1] == ends[0]
    assert until[1].tolist() == values[: len(until[1])].tolist()


def test_what_is_learnt_does_not_depend_on_being_watched(whole: RunResult) -> None:
    watched = run(target="accuracy>=1", rule="first")
    assert watched.meta["ended_by"] == "horizon"
    assert {name for name in whole.tables if not whole.tables[name].equals(watched.tables[name])} <= {"chunk", "update"}
    assert watched.run_id != whole.run_id


def test_a_run_that_is_not_told_to_stop_is_named_as_before() -> None:
    assert "stop" not in small_scenario().resolve().document["run"]


def test_a_deadlock_is_still_seen() -> None:
    experiment = small_experiment(run__stop={"target": TARGET})
    experiment.world.start = lambda: None  # type: ignore[method-assign]  # nobody does anything
    with pytest.raises(DeadlockError):
        experiment.run()


@pytest.mark.parametrize("target", ["accuracy>0.8 s", "speed>=1", "accuracy>=80"])
def test_a_target_that_is_none_is_refused(target: str) -> None:
    with pytest.raises(RequestError):
        small_scenario(run__stop={"target": target}).resolve()
