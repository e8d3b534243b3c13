"""Running sweeps: the number of processes changes no byte, and no run stops another."""

from pathlib import Path

import pytest
from deadly import DeadlyScenario
from small import small_scenario

from testbed.errors import RequestError
from testbed.experiments.overrides import parse_override
from testbed.experiments.result import RunResult
from testbed.experiments.run import Progress
from testbed.experiments.scenario import Scenario
from testbed.experiments.store import load_run
from testbed.experiments.sweep import PlannedRun, Variation, plan_sweep, prefixed, run_sweep

BASE = small_scenario(run__horizon_s=120.0, run__evaluation_interval_s=20.0)
METHODS = Variation("algorithm.kind", ("air-fedga", "air-fedavg", "fedavg"))


def same_rows(one: RunResult, other: RunResult) -> bool:
    """Whether two runs are the same to the last bit, but for dates and wall-clock figures."""
    tables = one.tables.keys() == other.tables.keys() and all(one.tables[k].equals(other.tables[k]) for k in one.tables)
    return tables and (one.run_id, one.scenario, one.seed) == (other.run_id, other.scenario, other.seed)


@pytest.mark.slow
def test_two_processes_give_the_bytes_of_one(tmp_path: Path) -> None:
    planned = plan_sweep(BASE, [METHODS], [0, 1])
    alone = run_sweep(planned, root=tmp_path / "one")
    seen: list[str] = []

    def observer(name: str) -> "object":
        def observe(progress: Progress) -> None:
            seen.append(name)

        return observe

    together = run_sweep(planned, root=tmp_path / "two", num_processes=2, observer=observer)  # type: ignore[arg-type]
    assert [run.algorithm for run in together] == ["air-fedga"] * 2 + ["air-fedavg"] * 2 + ["fedavg"] * 2
    for one, other, plan in zip(alone, together, planned, strict=True):
        assert same_rows(one, other)
        for file in sorted((tmp_path / "one" / plan.name).iterdir()):
            if file.name != "meta.json":
                assert file.read_bytes() == (tmp_path / "two" / plan.name / file.name).read_bytes()
    assert set(seen) == {plan.name for plan in planned}  # progress of every run arrives


@pytest.mark.parametrize("num_processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_that_fails_does_not_stop_the_others_and_can_be_repeated_alone(
    num_processes: int, tmp_path: Path
) -> None:
    planned = plan_sweep(BASE, [Variation("training.learning_rate", (1e30, 0.1))], [0, 1])
    results = run_sweep(planned, root=tmp_path, num_processes=num_processes)
    assert [result.failed for result in results] == [True, True, False, False]
    assert all("diverged" in result.error for result in results[:2])
    assert load_run(tmp_path / planned[0].name).failed
    assert planned[0].options == ["--set", "training.learning_rate=1e+30", "--seed", "0"]
    alone = BASE.set(*parse_override(planned[2].options[1])).run(seed=0)
    assert same_rows(alone, results[2])


@pytest.mark.slow
def test_a_worker_that_dies_takes_only_its_own_run_along(tmp_path: Path) -> None:
    deadly = PlannedRun("deadly", DeadlyScenario(dict(BASE.document), BASE.overrides), 0)
    planned = [deadly, *plan_sweep(BASE, [METHODS], [0])]
    results = run_sweep(planned, root=tmp_path, num_processes=2)
    assert [result.failed for result in results] == [True, False, False, False]
    assert "SIGKILL" in results[0].error and not results[0].tables
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(run.name for run in planned[1:])


def test_a_refusal_is_one_failed_run_unless_every_run_is_refused(tmp_path: Path) -> None:
    refused = {"kind": "tier", "num_groups": 7}  # of six clients
    both = plan_sweep(BASE, [Variation("algorithm.grouping", (refused, "single"))], [0])
    results = run_sweep(both, root=tmp_path)
    assert [result.failed for result in results] == [True, False] and "7" in results[0].error
    assert [path.name for path in tmp_path.iterdir()] == [both[1].name]
    with pytest.raises(RequestError, match="7"):
        run_sweep(both[:1])


def test_plans_that_are_put_together_need_names_of_their_own() -> None:
    quick, slow = (plan_sweep(BASE.set("training.learning_rate", rate), [METHODS], [0, 1]) for rate in (0.1, 0.2))
    with pytest.raises(ValueError, match="one name: 'air-fedga-seed-0'"):
        run_sweep([*quick, *slow])
    named = [*prefixed(quick, "rate 0.1 (quick)"), *prefixed(slow, "rate 0.2")]
    assert len({run.name for run in named}) == 12
    assert named[0].name == "rate-0.1--quick-_air-fedga-seed-0"
    assert [run.scenario for run in named] == [run.scenario for run in (*quick, *slow)]


def test_an_error_of_the_program_is_listed_with_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by hand")

    monkeypatch.setattr("testbed.experiments.pool.execute", broken)
    (result,) = run_sweep(plan_sweep(Scenario.load("air-fedga"), [], [0]))
    assert result.failed and result.error == "ZeroDivisionError: by hand" and "Traceback" in result.meta["trace"]
