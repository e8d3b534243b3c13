"""Laws of lazy jobs: computed when first read, with everything outstanding, and never for nobody."""

from typing import Any

import numpy as np
import pytest
from torch import nn

from testbed.learning.jobs import (
    GradientJob,
    GradientOutput,
    Handle,
    Jobs,
    NonFiniteUpdateError,
    TrainingJob,
    TrainingOutput,
)
from testbed.learning.kernels.batched import BatchedKernel
from testbed.learning.kernels.none import NoKernel
from testbed.learning.kernels.protocol import Kernel
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.minibatches import BatchPlan
from testbed.learning.placement.inline import InlinePlacement
from testbed.records import Recorder


class World:
    """A queue of jobs with a clock that the test sets."""

    def __init__(self, make_task: Any, make_jobs: Any, kernel: Kernel | None = None, **optimizer: Any) -> None:
        self.records = Recorder()
        self.now_s = 0.0
        self.task = make_task(lambda: nn.Sequential(nn.Linear(13, 10)), batch_width=10, **optimizer)
        self.jobs: list[TrainingJob] = make_jobs(self.task, [BatchPlan(10, local_steps=3)] * 6, [30] * 6)
        self.queue = Jobs(
            kernel or BatchedKernel(),
            InlinePlacement(),
            lambda: self.now_s,
            horizon_s=100.0,
            records=self.records,
        )

    def rows(self, table: str) -> list[dict[str, Any]]:
        return list(self.records.rows(table))


@pytest.fixture
def world(make_task: Any, make_jobs: Any) -> World:
    return World(make_task, make_jobs)


def test_submitting_computes_nothing_and_the_first_read_computes_all(world: World) -> None:
    handles = [world.queue.submit(job) for job in world.jobs]
    assert world.rows("chunk") == []
    assert world.queue.num_outstanding == 6
    world.now_s = 12.5
    handles[3].value()
    assert all(handle.is_computed for handle in handles)
    (row,) = world.rows("chunk")
    assert (row["time_s"], row["num_jobs"], row["num_lanes"]) == (12.5, 6, 6)
    assert (row["kernel"], row["family"]) == ("batched", "blobs/train/dense/10")
    assert row["reason"]


def test_a_value_does_not_depend_on_when_it_is_read(make_task: Any, make_jobs: Any) -> None:
    one, other = World(make_task, make_jobs), World(make_task, make_jobs)
    together = [one.queue.submit(job) for job in one.jobs]
    values = [handle.value() for handle in together]
    for job, value in zip(other.jobs, values, strict=True):
        assert other.queue.submit(job).value().parameters.tobytes() == value.parameters.tobytes()


def test_the_base_may_be_replaced_but_not_rewritten_before_the_job_is_computed(world: World) -> None:
    handle = world.queue.submit(world.jobs[0])
    with pytest.raises(ValueError, match="read-only"):
        world.jobs[0].parameters += 1.0
    assert np.all(np.isfinite(handle.value().parameters))


def test_a_handle_returns_the_same_output_again_and_records_its_first_read_only(world: World) -> None:
    handle = world.queue.submit(world.jobs[2])
    assert handle.value() is handle.value()
    (row,) = world.rows("update")
    assert (row["client"], row["job"], row["base_version"], row["num_steps"]) == (2, 0, 0, 3)
    assert (row["train_loss"], row["update_norm"]) == (handle.value().train_loss, handle.value().update_norm)


def test_updates_are_recorded_in_the_order_of_their_reads(world: World) -> None:
    handles = [world.queue.submit(job) for job in world.jobs]
    for position in (4, 0, 2):
        handles[position].value()
    assert [row["client"] for row in world.rows("update")] == [4, 0, 2]


def gradient_job(world: World, scale: float = 1.0) -> GradientJob:
    job = world.jobs[2]
    state = (scale * job.parameters).astype(np.float32)
    return GradientJob(
        task=job.task, client=2, index=5, base_version=9, parameters=state, samples=job.samples[:1],
        counts=job.counts[:1], step=4, torch_seed=0,
    )  # fmt: skip


def test_a_gradient_that_is_read_is_an_update_of_no_step_with_the_norm_of_the_gradient(world: World) -> None:
    output = world.queue.submit(gradient_job(world)).value()
    (row,) = world.rows("update")
    assert [row[name] for name in ("client", "job", "base_version", "num_steps")] == [2, 5, 9, 0]
    assert row["train_loss"] == output.train_loss > 0
    assert row["update_norm"] == pytest.approx(np.linalg.norm(output.gradient), rel=1e-5)


def test_a_gradient_that_is_not_finite_raises_when_it_is_read(world: World) -> None:
    class Overflow(InlinePlacement):
        def run(self, chunks: Any) -> Any:
            return [[GradientOutput(np.full(140, np.inf, np.float32), 1.0, np.inf)] for _ in chunks]

    with np.errstate(over="ignore", invalid="ignore"):
        handle = world.queue.submit(gradient_job(world, np.inf))
    with pytest.raises(NonFiniteUpdateError, match="client 2 diverged in round 9"):
        handle.value()
    world.queue.placement = Overflow()  # the loss is finite, its gradient is not
    with pytest.raises(NonFiniteUpdateError, match="client 2 diverged in round 9"):
        world.queue.submit(gradient_job(world)).value()


def test_jobs_that_end_after_the_horizon_are_left_alone_unless_read(world: World) -> None:
    at, after = world.queue.submit(world.jobs[0], 100.0), world.queue.submit(world.jobs[1], 100.5)
    asked = world.queue.submit(world.jobs[2])
    asked.value()
    assert (at.is_computed, after.is_computed) == (True, False)
    after.value()
    assert [row["num_jobs"] for row in world.rows("chunk")] == [2, 1]


def test_a_discarded_job_is_not_computed_and_cannot_be_read(world: World) -> None:
    lost, read = world.queue.submit(world.jobs[0]), world.queue.submit(world.jobs[1])
    lost.discard()
    read.value()
    assert [row["num_jobs"] for row in world.rows("chunk")] == [1]
    with pytest.raises(RuntimeError, match="discarded"):
        lost.value()


def test_a_diverged_job_raises_when_read_and_not_before(make_task: Any, make_jobs: Any) -> None:
    world = World(make_task, make_jobs, learning_rate=0.1)
    broken = world.jobs[1].parameters.copy()
    broken[0] = np.inf
    bad = TrainingJob(**{**world.jobs[1].__dict__, "parameters": broken, "base_version": 7})
    handles: list[Handle[TrainingOutput]] = [world.queue.submit(job) for job in (world.jobs[0], bad)]
    assert np.all(np.isfinite(handles[0].value().parameters))
    world.now_s = 31.25
    with pytest.raises(NonFiniteUpdateError, match=r"client 1 diverged in round 7.*t = 31\.25 s"):
        handles[1].value()


def test_a_dry_run_reports_no_updates(make_task: Any, make_jobs: Any) -> None:
    world = World(make_task, make_jobs, NoKernel())
    handles = [world.queue.submit(job) for job in world.jobs]
    assert handles[0].value().parameters is world.jobs[0].parameters
    assert world.rows("update") == []
    assert [row["reason"] for row in world.rows("chunk")] == ["timeline only"]


def test_the_serial_kernel_has_one_job_a_chunk(make_task: Any, make_jobs: Any) -> None:
    world = World(make_task, make_jobs, SerialKernel())
    handles = [world.queue.submit(job) for job in world.jobs]
    handles[0].value()
    assert [(row["num_jobs"], row["num_lanes"]) for row in world.rows("chunk")] == [(1, 1)] * 6


def test_a_job_of_another_shape_is_refused(world: World) -> None:
    job = world.jobs[0]
    for change in (
        {"parameters": np.zeros(3, dtype=np.float32)},
        {"parameters": np.zeros(world.task.layout.size)},
        {"num_steps": 2},
        {"counts": np.array([10, 10, 11])},
        {"counts": np.array([10, 0, 10])},
    ):
        with pytest.raises(ValueError):
            TrainingJob(**{**job.__dict__, **change})


def test_a_job_counts_the_samples_it_visits(make_task: Any, make_jobs: Any) -> None:
    task = make_task(lambda: nn.Sequential(nn.Linear(13, 10)))
    full, small = make_jobs(task, [BatchPlan("full", local_steps=4), BatchPlan(10, local_epochs=2)], [30, 25])
    assert (full.num_samples, small.num_samples) == (120, 50)


def test_the_luck_of_a_job_is_that_of_its_client_and_index(make_task: Any, make_jobs: Any) -> None:
    task = make_task(lambda: nn.Sequential(nn.Linear(13, 10)))
    plan = BatchPlan(10, local_steps=3)
    few = make_jobs(task, [plan] * 2, [30, 30])
    many = make_jobs(task, [plan] * 3, [30, 30, 30])
    for one, other in zip(few, many, strict=False):
        assert one.torch_seed == other.torch_seed
        np.testing.assert_array_equal(one.samples, other.samples)
    assert few[0].torch_seed != few[1].torch_seed
