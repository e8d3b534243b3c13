"""A reproduction that was interrupted, or is asked for more seeds, makes only the runs that are missing."""

from pathlib import Path

import pytest
from small import small_scenario

from testbed.experiments import sweep
from testbed.experiments.result import RunResult
from testbed.experiments.sweep import PlannedRun, Variation, plan_sweep
from testbed.reproductions.outline import Setting

BASE = small_scenario(run__horizon_s=60.0, run__evaluation_interval_s=20.0, algorithm__kind="fedavg")
COUNTS = Variation("devices.count", (5, 6))


def plan(*seeds: int) -> list[PlannedRun]:
    return plan_sweep(BASE, [COUNTS], seeds)


def tables(results: list[RunResult]) -> list[object]:
    return [dict(result.tables) for result in results]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds of the runs that were made."""
    seeds: list[int] = []
    original = sweep.compute

    def counted(task: sweep.Task, observe: object) -> object:
        seeds.append(task.seed)
        return original(task, observe)  # type: ignore[arg-type]

    monkeypatch.setattr(sweep, "compute", counted)
    return seeds


def test_runs_that_are_saved_are_reused_and_it_is_said_how_many(tmp_path: Path, made: list[int]) -> None:
    told: list[str] = []
    setting = Setting(out=tmp_path, tell=told.append)
    setting.run("section", plan(0))
    assert (made, told) == ([0, 0], [])
    again = setting.run("section", plan(0, 3))
    assert made == [0, 0, 3, 3]
    assert told == [f"section: 2 of 4 runs are reused from {tmp_path / 'section'}"]
    assert tables(again) == tables(Setting().run("section", plan(0, 3)))


def test_without_a_folder_and_in_another_section_every_run_is_made(tmp_path: Path, made: list[int]) -> None:
    setting = Setting(out=tmp_path)
    setting.run("one", plan(0))
    setting.run("other", plan(0))
    Setting().run("one", plan(0))
    assert len(made) == 6
