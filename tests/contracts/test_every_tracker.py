"""What every tracker promises: it writes in the directory it is given, the same every time, and changes no run."""

from pathlib import Path
from typing import Any

import pytest
from examples import examples
from small import small_scenario

from testbed.errors import RequestError
from testbed.experiments.result import RunResult


@pytest.fixture(scope="module")
def run() -> RunResult:
    return small_scenario(run__horizon_s=200.0).run(0)


@pytest.fixture(scope="module", params=examples("tracker"), ids=str)
def tracker(request: pytest.FixtureRequest) -> Any:
    built = request.param.build()
    try:
        built.check()
    except RequestError as error:
        pytest.skip(str(error))
    return built


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_tracking_again_leaves_the_same_files_and_none_elsewhere(tracker: Any, run: RunResult, tmp_path: Path) -> None:
    tracker.track(run, tmp_path / "made" / "here")
    first = files(tmp_path)
    assert first and all(name.startswith("made/here/") for name in first)
    tracker.track(run, tmp_path / "made" / "here")
    assert files(tmp_path) == first


def test_another_run_is_written_otherwise(tracker: Any, run: RunResult, tmp_path: Path) -> None:
    tracker.track(run, tmp_path / "a")
    tracker.track(small_scenario(run__horizon_s=200.0).run(1), tmp_path / "b")
    assert files(tmp_path / "a") != files(tmp_path / "b")


def test_tracking_changes_no_row_and_a_run_without_rows_can_be_tracked(
    tracker: Any, run: RunResult, tmp_path: Path
) -> None:
    before = {name: table.to_pylist() for name, table in run.tables.items()}
    tracker.track(run, tmp_path / "a")
    assert {name: table.to_pylist() for name, table in run.tables.items()} == before
    tracker.track(RunResult(run.run_id, run.scenario, run.seed, {"status": "failed"}, {}), tmp_path / "b")
