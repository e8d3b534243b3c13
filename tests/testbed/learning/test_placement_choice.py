"""Laws of choosing a placement: by a rule that is told, and refused where it cannot be had."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from torch import nn

from testbed.errors import RequestError
from testbed.learning.kernels.protocol import Chunk, Output, form_chunks
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.minibatches import BatchPlan
from testbed.learning.placement import auto
from testbed.learning.placement.auto import AutoPlacement
from testbed.learning.placement.choice import placement_of
from testbed.learning.placement.inline import InlinePlacement


class Elsewhere(InlinePlacement):
    """Stands for worker processes."""

    num_workers: int | None = None

    @property
    def reason(self) -> str:
        return "elsewhere"

    def run(self, chunks: Sequence[Chunk]) -> Iterator[list[Output]]:
        ran_elsewhere.append(len(chunks))
        return super().run(chunks)


ran_elsewhere: list[int] = []


@pytest.fixture
def chunks(make_task: Any, make_jobs: Any, monkeypatch: pytest.MonkeyPatch) -> list[Chunk]:
    monkeypatch.setattr(auto, "ProcessesPlacement", Elsewhere)
    monkeypatch.setattr(auto, "num_cores", lambda: 2)
    ran_elsewhere.clear()
    task = make_task(lambda: nn.Linear(13, 10), batch_width=10)
    return form_chunks(make_jobs(task, [BatchPlan(10, local_steps=1)] * 3, [30] * 3), SerialKernel())


def auto_placement(flop: float, num_workers: int | None = None) -> AutoPlacement:
    placement = placement_of("auto", {"num_workers": num_workers}, lambda job: flop)
    assert isinstance(placement, AutoPlacement)
    return placement


def test_auto_starts_workers_when_what_was_computed_here_would_have_paid_for_them(chunks: list[Chunk]) -> None:
    placement = auto_placement(flop=12e9)
    for expected in ([], [], [], [3], [3, 3]):  # three chunks of 12 GFLOP: past 92 GFLOP after the third time
        assert len(list(placement.run(chunks))) == 3
        assert ran_elsewhere == expected
        assert ("elsewhere" in placement.reason) == bool(expected)
    assert "9.2e+10 FLOP" in placement.reason


def test_auto_stays_here_and_says_why(chunks: list[Chunk], monkeypatch: pytest.MonkeyPatch) -> None:
    small, alone, lone = auto_placement(1e3), auto_placement(1e12, num_workers=1), auto_placement(1e12)
    unknown = AutoPlacement()
    for placement in (small, alone, unknown):
        list(placement.run(chunks))
        list(placement.run(chunks))
    list(lone.run(chunks[:1]))
    list(lone.run(chunks[:1]))  # nothing that could be shared out
    assert "its jobs took 6e+03 FLOP" in small.reason
    assert "one core" in alone.reason and "not known" in unknown.reason
    monkeypatch.setattr(auto, "num_cores", lambda: 1)
    single = auto_placement(1e12)
    list(single.run(chunks))
    list(single.run(chunks))
    assert "one core" in single.reason
    monkeypatch.setattr(auto, "num_cores", lambda: 2)
    monkeypatch.setattr("multiprocessing.parent_process", lambda: object())
    beside = auto_placement(1e12)
    list(beside.run(chunks))
    list(beside.run(chunks))
    assert "side by side" in beside.reason
    assert ran_elsewhere == []


def test_a_setting_that_a_placement_does_not_have_is_refused_with_those_that_have_it() -> None:
    with pytest.raises(
        RequestError, match=r"run\.num_workers = 2: the placement 'inline' has no such.*: auto, processes, ray"
    ):
        placement_of("inline", {"num_workers": 2, "ray_address": None}, lambda job: 0.0)
    with pytest.raises(RequestError, match=r"run\.ray_address = 'here': the placement 'processes' has no such.*: ray$"):
        placement_of("processes", {"ray_address": "here"}, lambda job: 0.0)


def test_ray_without_its_package_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testbed.learning.placement.on_ray.find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"pip install 'airwan\[ray\]'"):
        placement_of("ray", {}, lambda job: 0.0)
