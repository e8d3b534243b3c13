from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import small_scenario

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.experiments.tensorboard_tracker import TensorboardTracker


@pytest.fixture(scope="module")
def run() -> RunResult:
    return small_scenario().run(0)


@pytest.fixture
def read_back(run: RunResult, tmp_path: Path) -> Any:
    """The event file as TensorBoard reads it."""
    pytest.importorskip("tensorboard", reason="the package tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    TensorboardTracker().track(run, tmp_path)
    accumulator = EventAccumulator(str(tmp_path), size_guidance={"scalars": 0})
    accumulator.Reload()
    return accumulator


def test_every_evaluation_is_read_back_at_its_version_and_its_simulated_time(run: RunResult, read_back: Any) -> None:
    metrics = {str(name) for name in run.column("evaluation", "metric")}
    assert {tag for tag in read_back.Tags()["scalars"] if tag.startswith("evaluation/")} == {
        f"evaluation/{name}" for name in metrics
    }
    for metric in metrics:
        events = read_back.Scalars(f"evaluation/{metric}")
        times_s, values = run.series(metric)
        assert [event.wall_time for event in events] == times_s.tolist()
        np.testing.assert_array_equal([event.value for event in events], values.astype(np.float32))
    rows = run.frame("evaluation").query("metric == 'accuracy'")
    assert [event.step for event in read_back.Scalars("evaluation/accuracy")] == rows.version.tolist()


def test_every_cost_is_read_back_as_what_was_spent_by_each_evaluation(run: RunResult, read_back: Any) -> None:
    times_s, _ = run.series("accuracy")
    for cost in run.costs:
        values = [event.value for event in read_back.Scalars(f"cost/{cost}")]
        np.testing.assert_array_equal(values, run.spent(cost, times_s).astype(np.float32))
        assert (values[0] == 0) == (cost not in ("bits_down", "bits_both"))  # the free downlink delivers at time zero
        assert (values[-1] > 0) == (cost != "bits_up")  # superpositions carry no bits


def test_without_the_package_it_is_refused_with_the_words_that_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testbed.experiments.tensorboard_tracker.find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"airwan\[tensorboard\]"):
        TensorboardTracker().check()
