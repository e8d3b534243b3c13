"""Laws of dealing chunks to workers, with workers that only take note of what they are told."""

from typing import Any

import pytest
from torch import nn

from testbed.learning.kernels.protocol import Chunk, form_chunks
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.minibatches import BatchPlan
from testbed.learning.placement import crew as crews
from testbed.learning.placement.crew import Crew


class Idle:
    """A worker that never answers."""

    def __init__(self, memory: int, arithmetic: Any) -> None:
        self.tickets: list[int] = []
        self.tasks: set[int] = set()
        self.pipe, self.is_alive, self.is_stopped = object(), True, False

    def send(self, message: Any) -> None:
        """Hear it."""

    def stop(self) -> None:
        self.is_stopped = True


class WaitingError(Exception):
    """The crew waits for an answer."""


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> Crew:
    def wait(pipes: Any) -> Any:
        raise WaitingError

    monkeypatch.setattr(crews, "Worker", Idle)
    monkeypatch.setattr(crews, "wait", wait)
    return Crew(2)


@pytest.fixture
def chunks(make_task: Any, make_jobs: Any) -> list[Chunk]:
    task = make_task(lambda: nn.Linear(13, 10), batch_width=10)
    steps = [2, 6, 1, 5, 3, 4]
    plans = [BatchPlan(10, local_steps=k) for k in steps]
    return [form_chunks([job], SerialKernel())[0] for job in make_jobs(task, plans, [30] * len(steps))]


def deal(crew: Crew, chunks: list[Chunk]) -> list[list[int]]:
    """Return the steps of the chunks that each worker has in hand when the crew starts to wait."""
    with pytest.raises(WaitingError):
        next(iter(crew.run(chunks)))
    return [[crew._in_hand[number].chunk.jobs[0].num_steps for number in w.tickets] for w in crew._workers]  # type: ignore[union-attr]


def test_the_longest_chunks_are_dealt_first_to_the_least_busy_and_two_to_each(crew: Crew, chunks: list[Chunk]) -> None:
    assert deal(crew, chunks) == [[6, 4], [5, 3]]


def test_an_idle_worker_that_ended_is_replaced_before_it_is_given_anything(crew: Crew, chunks: list[Chunk]) -> None:
    dead, other = crew._workers
    dead.is_alive = False  # type: ignore[misc]
    assert deal(crew, chunks) == [[6, 4], [5, 3]]
    assert dead not in crew._workers and other in crew._workers
    assert dead.is_stopped and not dead.tickets  # type: ignore[attr-defined]
