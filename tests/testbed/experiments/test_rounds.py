"""A horizon and an evaluation grid in rounds: where a run ends, what is evaluated, and that nothing else is touched."""

from typing import Any

import pytest
from small import small_scenario

from testbed.errors import RequestError
from testbed.experiments.estimate import estimate
from testbed.experiments.result import RunResult
from testbed.experiments.run import Progress, prepare
from testbed.experiments.scenario import Scenario
from testbed.experiments.summary import Comparison
from testbed.experiments.target import parse_target
from testbed.simulation import DeadlockError

TIMES = {"horizon_s": 400.0, "evaluation_interval_s": 50.0}


def in_rounds(run: dict[str, Any], **settings: Any) -> Scenario:
    """Return the small scenario with `[run]` as given and nothing else in it."""
    scenario = small_scenario(**settings)
    overrides = [override for override in scenario.overrides if not override[0].startswith("run.")]
    return Scenario({**scenario.document, "run": run}, overrides)


def version_times_s(result: RunResult) -> dict[int, float]:
    rows = zip(result.column("version", "version").tolist(), result.column("version", "time_s").tolist(), strict=True)
    return {0: 0.0, **dict(rows)}


def evaluated(result: RunResult) -> list[tuple[int, float]]:
    rows = result.frame("evaluation")
    rows = rows[rows.metric == "accuracy"]
    return list(zip(rows.version.tolist(), rows.time_s.tolist(), strict=True))


@pytest.mark.parametrize("algorithm", ["fedavg", "air-fedga"])
def test_a_run_ends_with_its_last_round_and_every_kth_version_is_evaluated_when_it_comes(algorithm: str) -> None:
    result = in_rounds({"horizon_rounds": 7, "evaluation_interval_rounds": 3}, algorithm__kind=algorithm).run(0)
    times_s = version_times_s(result)
    assert max(times_s) == 7
    assert result.meta["ended_by"] == "rounds"
    assert result.meta["simulated_end_s"] == times_s[7] == result.elapsed_s
    assert evaluated(result) == [(version, times_s[version]) for version in (0, 3, 6)]


@pytest.mark.parametrize("algorithm", ["fedavg", "air-fedga"])
def test_until_it_ends_a_run_in_rounds_is_the_run_in_time(algorithm: str) -> None:
    by_time = small_scenario(algorithm__kind=algorithm).run(0)
    by_rounds = in_rounds({"horizon_rounds": 4, "evaluation_interval_s": 50.0}, algorithm__kind=algorithm).run(0)
    end_s = by_rounds.meta["simulated_end_s"]
    assert 0 < end_s < 400
    for table, clock in (("version", "time_s"), ("evaluation", "time_s"), ("transfer", "end_s"), ("training", "end_s")):
        rows = by_time.frame(table)
        until = rows[clock] <= end_s
        if clock == "end_s":
            until &= rows.start_s < end_s  # the next round would begin at that very instant
        assert rows[until].reset_index(drop=True).equals(by_rounds.frame(table)), table


def test_the_bound_in_time_holds_if_the_rounds_take_too_long() -> None:
    result = in_rounds({"horizon_rounds": 10_000, "horizon_s": 100.0, "evaluation_interval_rounds": 1}).run(0)
    assert (result.meta["ended_by"], result.meta["simulated_end_s"]) == ("horizon", 100.0)
    assert [version for version, _ in evaluated(result)] == list(version_times_s(result))


def test_rounds_that_never_come_are_a_deadlock_and_not_an_endless_run() -> None:
    gone = [{"device": device, "start_s": 0} for device in range(6)]
    resolved = in_rounds({"horizon_rounds": 5, "evaluation_interval_rounds": 1}, fault=gone).resolve()
    with pytest.raises(DeadlockError):
        prepare(resolved, 0, resolved.data.dataset.load(None)).run()


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"evaluation_interval_s": 5}, "horizon_s or horizon_rounds"),
        ({"horizon_s": 5}, "exactly one of evaluation_interval_s"),
        ({"horizon_s": 5, "evaluation_interval_s": 5, "evaluation_interval_rounds": 1}, "exactly one"),
        ({"horizon_s": 5, "evaluation_interval_s": 6}, "evaluation_interval_s = 6 is longer than horizon_s = 5"),
        ({"horizon_rounds": 5, "evaluation_interval_rounds": 6}, "evaluation_interval_rounds = 6 is longer"),
        ({"horizon_rounds": 0, "evaluation_interval_rounds": 1}, "horizon_rounds = 0"),
        ({"horizon_rounds": 5, "evaluation_interval_rounds": 1, "stop": {"target": "accuracy>=0.5"}}, "run.stop"),
    ],
)
def test_what_has_no_end_or_no_grid_or_two_is_refused(run: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        in_rounds(run).resolve()


def test_a_run_in_time_is_named_as_before_whatever_is_not_set() -> None:
    """Change detector: the identity of `[run]` holds what it held before there were rounds and stores."""
    document = in_rounds(TIMES).resolve().document["run"]
    assert document == {**TIMES, "kernel": "batched", "placement": "inline", "num_threads": 1}


def test_a_store_is_a_location_and_no_part_of_the_identity() -> None:
    stored = {"store": "a", "store_min_flop_per_byte": 3, "store_max_bytes": "1 GB"}
    assert in_rounds({**TIMES, **stored}).resolve().document == in_rounds(TIMES).resolve().document


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (TIMES, "400 simulated s"),
        ({"horizon_rounds": 7, "evaluation_interval_rounds": 1}, "7 rounds"),
        ({"horizon_rounds": 7, "horizon_s": 30, "evaluation_interval_rounds": 1}, "7 rounds, at most 30 simulated s"),
    ],
)
def test_the_length_in_words(run: dict[str, Any], words: str) -> None:
    assert in_rounds(run).resolve().run.length == words


def test_progress_is_towards_the_horizon_that_is_nearer() -> None:
    seen: list[Progress] = []
    run = {"horizon_rounds": 4, "evaluation_interval_rounds": 1}
    in_rounds(run, algorithm__kind="fedavg").run(0, observe=seen.append)
    assert [at.done_fraction for at in seen] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert Progress(30.0, 40.0, 1, None, 4).done_fraction == 0.75
    assert Progress(30.0, 40.0, 1, None).done_fraction == 0.75
    assert Progress(50.0, 40.0, 1, None).done_fraction == 1.0


@pytest.mark.parametrize("interval", [{"evaluation_interval_rounds": 2}, {"evaluation_interval_s": 20.0}])
def test_an_estimate_counts_the_rounds_and_evaluations_of_the_run(interval: dict[str, Any]) -> None:
    scenario = in_rounds({"horizon_rounds": 6, **interval}, algorithm__kind="fedavg")
    needs, result = estimate(scenario.resolve(), 0, None), scenario.run(0)
    assert (needs.num_versions, needs.num_jobs) == (6, 6 * 6)
    assert needs.horizon_s == result.meta["simulated_end_s"]
    assert needs.num_evaluations == len(evaluated(result))


def test_times_to_a_target_are_those_of_versions() -> None:
    scenario = in_rounds({"horizon_rounds": 30, "evaluation_interval_rounds": 1}, algorithm__kind="fedavg")
    runs = {access: [scenario.set("algorithm.access", access).run(0)] for access in ("tdma", "ofdma")}
    comparison = Comparison.of(runs, parse_target("accuracy>=0.3"), "first")
    reached = [alternative.seeds[0].time_to_s for alternative in comparison.alternatives]
    for time_s, (run,) in zip(reached, runs.values(), strict=True):
        assert time_s is not None and time_s in version_times_s(run).values()
    assert reached[0] != reached[1]
