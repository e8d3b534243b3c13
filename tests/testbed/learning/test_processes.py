"""Laws of worker processes: the bytes of this process, one copy of the data, and nothing left when the run is over."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from channels.codecs import Int8Codec
from testbed.errors import RequestError, RunFailure
from testbed.learning.kernels.protocol import Chunk, EvaluationJob, Job, JointJob, Output, TrainingJob, form_chunks
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.minibatches import BatchPlan
from testbed.learning.placement.processes import ProcessesPlacement
from testbed.learning.task import LearningTask

HIDDEN = 64  # so that a state is large enough to travel in the shared memory
Bytes = list[tuple[bytes, ...]]


class Touchy(nn.Module):
    """A layer that takes its process along where a sample is all zeros, anywhere but at home."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(13, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 10))
        self.home = os.getpid()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if os.getpid() != self.home and bool((inputs == 0).all(1).any()):
            os.kill(os.getpid(), signal.SIGKILL)
        return self.layers(inputs)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def workers() -> Iterator[ProcessesPlacement]:
    """Two workers, for all tests that do not end them."""
    torch.set_num_threads(1)
    placement = ProcessesPlacement(num_workers=2)
    yield placement
    placement.close()


@pytest.fixture
def task(make_task: Callable[..., LearningTask]) -> LearningTask:
    return make_task(Touchy, batch_width=10)


@pytest.fixture
def jobs(task: LearningTask, make_jobs: Any) -> list[Any]:
    trained: list[Any] = make_jobs(task, [BatchPlan(10, local_steps=k % 3 + 1) for k in range(9)], [30] * 9)
    return [*trained, EvaluationJob(task=task, version=4, parameters=trained[0].parameters)]


def chunks_of(jobs: Sequence[Job]) -> list[Chunk]:
    return form_chunks(jobs, SerialKernel())


def bytes_of(outputs: Sequence[Output]) -> Bytes:
    cells = [vars(output).values() for output in outputs]
    return [tuple(c.tobytes() if isinstance(c, np.ndarray) else repr(c).encode() for c in row) for row in cells]


def processes(placement: ProcessesPlacement) -> list[int]:
    assert placement._crew is not None
    return [worker.process_id for worker in placement._crew._workers]


def is_running(process: int) -> bool:
    """Return whether a process computes or waits: one that ended and that nobody has asked for does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_outputs_are_those_of_this_process_whatever_is_read_beside_or_before(
    workers: ProcessesPlacement, jobs: list[Any]
) -> None:
    chunks = chunks_of(jobs)
    expected = [bytes_of(chunk.compute()) for chunk in chunks]
    first, second = workers.run(chunks), workers.run(chunks[::-1])
    assert bytes_of(next(iter(first))) == expected[0]
    assert bytes_of(next(iter(second))) == expected[-1]
    first.close()  # type: ignore[attr-defined]
    assert [bytes_of(outputs) for outputs in second] == expected[-2::-1]
    assert [bytes_of(outputs) for outputs in workers.run(chunks)] == expected


@pytest.mark.parametrize("top", ["shared", "sequential", "copies"])
def test_joint_jobs_of_clusters_have_the_outputs_of_this_process(
    top: Any, workers: ProcessesPlacement, make_task: Any
) -> None:
    task = make_task(lambda: nn.Sequential(nn.Linear(13, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 10)), batch_width=8)
    even, rng = np.full(2, 0.5), np.random.default_rng(3)
    clusters: list[Job] = [
        JointJob(
            task=task, cut=1, clients=(2 * k, 2 * k + 1), index=0, base_version=0, parameters=task.initial_state(),
            samples=rng.integers(0, 400, (3, 2, 8)), counts=np.array([8, 6]), learning_rate=0.1, top=top,
            top_weights=even, mean_weights=even, codec=Int8Codec(),
            orders=np.array([[0, 1], [1, 0], [0, 1]]) if top == "sequential" else None,
            mixing=np.full((3, 2), 0.3) if top == "shared" else None, local_weights=(0.5, 0.5),
        )
        for k in range(3)
    ]  # fmt: skip
    expected = [bytes_of(chunk.compute()) for chunk in chunks_of(clusters)]
    assert len(set(map(tuple, expected))) == 3
    assert [bytes_of(outputs) for outputs in workers.run(chunks_of(clusters))] == expected


def test_what_a_job_returned_stays_as_it_is_and_starts_the_next_job_without_a_copy(
    workers: ProcessesPlacement, jobs: list[Any]
) -> None:
    trained = [outputs[0] for outputs in workers.run(chunks_of(jobs[:6]))]
    before = [output.parameters.tobytes() for output in trained]
    assert not any(output.parameters.flags.writeable for output in trained)
    following = [
        TrainingJob(**(vars(job) | {"parameters": output.parameters, "index": 1}))
        for job, output in zip(jobs, trained, strict=False)
    ]
    assert workers._crew is not None
    assert all(workers._crew._pool.find(job.parameters) for job in following)
    again = [outputs[0] for outputs in workers.run(chunks_of(following))]
    assert [output.parameters.tobytes() for output in trained] == before
    expected = [chunk.compute()[0] for chunk in chunks_of(following)]
    assert bytes_of(again) == bytes_of(expected)


def test_memory_is_used_again_as_soon_as_nobody_has_the_outputs(workers: ProcessesPlacement, jobs: list[Any]) -> None:
    list(workers.run(chunks_of(jobs)))
    assert workers._crew is not None
    pool = workers._crew._pool
    gc.collect()
    size, free = pool._num_bytes, {size: len(places) for size, places in pool._free.items()}
    for _ in range(20):
        list(workers.run(chunks_of(jobs)))
    assert pool._num_bytes == size
    # What an earlier test still held at first may have come back since; nothing may have gone.
    assert all(len(pool._free[size]) >= num_free for size, num_free in free.items())
    assert not workers._crew._placed and not workers._crew._num_uses and not workers._crew._in_hand


def test_a_task_that_is_gone_gives_its_memory_back(workers: ProcessesPlacement, make_task: Any, make_jobs: Any) -> None:
    sizes = []
    for _ in range(8):
        task = make_task(Touchy, batch_width=10)
        list(workers.run(chunks_of(make_jobs(task, [BatchPlan(10, local_steps=1)] * 2, [30] * 2))))
        del task
        gc.collect()
        assert workers._crew is not None
        sizes.append(workers._crew._pool._num_bytes)
    assert sizes[-1] == sizes[3]


def test_an_error_is_raised_where_its_output_is_read_and_the_workers_go_on(
    workers: ProcessesPlacement, jobs: list[Any], make_task: Any, make_jobs: Any
) -> None:
    normalised = make_task(lambda: nn.Sequential(nn.Linear(13, 9), nn.BatchNorm1d(9), nn.Linear(9, 10)), batch_width=10)
    broken = make_jobs(normalised, [BatchPlan(1, local_steps=1)], [30])  # a batch of one sample has no variance
    chunks = [*chunks_of(jobs[:2]), *chunks_of(broken)]
    outputs = iter(workers.run(chunks))
    assert [bytes_of(next(outputs)) for _ in range(2)] == [bytes_of(chunk.compute()) for chunk in chunks[:2]]
    with pytest.raises(RunFailure, match="client 0 in round 0: the model fails on a batch of 1"):
        next(outputs)
    assert len(list(workers.run(chunks_of(jobs)))) == len(jobs)


def test_a_model_of_a_function_or_a_notebook_is_computed_and_one_that_cannot_be_sent_is_refused(
    workers: ProcessesPlacement, make_task: Any, make_jobs: Any
) -> None:
    class Own(nn.Module):
        def __init__(self, held: object) -> None:
            super().__init__()
            self.layer, self.held = nn.Linear(13, 10), held

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.layer(inputs)  # type: ignore[no-any-return]

    task = make_task(lambda: Own(lambda: None), batch_width=10)
    chunks = chunks_of(make_jobs(task, [BatchPlan(10, local_steps=1)] * 2, [30] * 2))
    assert [bytes_of(o) for o in workers.run(chunks)] == [bytes_of(chunk.compute()) for chunk in chunks]
    task.model.held = threading.Lock()
    other = make_task(lambda: Own(None), batch_width=10)
    other.model.held = threading.Lock()
    with pytest.raises(RequestError, match=r"model or the data of 'blobs' cannot be sent.*lock.*\"inline\""):
        list(workers.run(chunks_of(make_jobs(other, [BatchPlan(10, local_steps=1)] * 2, [30] * 2))))


def test_a_worker_that_is_killed_fails_its_own_chunk_by_name_and_is_replaced(
    workers: ProcessesPlacement, jobs: list[Any], task: LearningTask
) -> None:
    list(workers.run(chunks_of(jobs)))
    before = processes(workers)
    task.train_inputs[jobs[4].samples[0, 0]] = 0.0
    others = [chunk.compute() for chunk in chunks_of([job for job in jobs if not fatal(job)])]
    copy = LearningTask(task.model, data_of(task), task.optimizer, batch_width=10)  # with the fatal sample in it
    moved = [type(job)(**(vars(job) | {"task": copy})) for job in jobs]
    healthy = [job for job in moved if not fatal(job)]
    with pytest.raises(RunFailure, match=r"worker process \d+ was ended by SIGKILL.*client 4 in round 0 \(job 0\)"):
        list(workers.run(chunks_of([*healthy, moved[4]])))
    assert [bytes_of(o) for o in workers.run(chunks_of(healthy))] == [bytes_of(o) for o in others]
    after = processes(workers)
    assert len(set(after) - set(before)) == 1 and not any(map(is_running, set(before) - set(after)))


def fatal(job: Any) -> bool:
    inputs = job.task.train_inputs
    return isinstance(job, TrainingJob) and bool((inputs[torch.from_numpy(job.samples).reshape(-1)] == 0).all(1).any())


def data_of(task: LearningTask) -> Any:
    class Data:
        name, num_classes = task.name, task.num_classes
        train_inputs, train_labels = task.train_inputs.numpy(), task.train_labels.numpy()
        test_inputs, test_labels = task.test_inputs.numpy(), task.test_labels.numpy()

    return Data


def test_a_lone_chunk_starts_nobody(jobs: list[Any]) -> None:
    placement = ProcessesPlacement()
    assert bytes_of(next(iter(placement.run(chunks_of(jobs[:1]))))) == bytes_of(chunks_of(jobs[:1])[0].compute())
    assert placement._crew is None


def test_workers_end_when_the_placement_is_closed_or_forgotten_and_outputs_stay(jobs: list[Any]) -> None:
    placement = ProcessesPlacement(num_workers=1)
    outputs = list(placement.run(chunks_of(jobs)))
    started = processes(placement)
    assert all(map(is_running, started))
    placement.close()
    assert not any(map(is_running, started))
    assert [bytes_of(o) for o in outputs] == [bytes_of(chunk.compute()) for chunk in chunks_of(jobs)]
    open_run = placement.run(chunks_of(jobs))
    next(open_run)
    started = processes(placement)
    del placement, open_run
    gc.collect()
    assert not any(map(is_running, started))


ORPHANS = """
import os, signal
from torch import nn
from testbed import Scenario
from testbed.learning.placement.worker import Worker

def show(progress):
    if progress.version == 2:
        from testbed.learning.placement import crew
        import gc
        [found] = [value for value in gc.get_objects() if isinstance(value, crew.Crew)]
        print(*(worker.process_id for worker in found._workers), flush=True)
        os.kill(os.getpid(), signal.{signal})

class Net(nn.Module):  # of a script without a guard
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)
    def forward(self, inputs):
        return self.layer(inputs.flatten(1))

scenario = Scenario.load("air-fedga").set("run.kernel", "serial").set("run.placement", "processes")
scenario.set("run.num_workers", 1).run(model=Net, observe=show)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_no_worker_outlives_a_run_that_is_killed_or_interrupted(name: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(ORPHANS.replace("{signal}", name), encoding="utf-8")
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert ended.returncode == -getattr(signal, name), ended.stderr
    (worker,) = map(int, ended.stdout.split())
    for _ in range(200):
        if not is_running(worker):
            return
        time.sleep(0.05)
    pytest.fail(f"worker {worker} still runs 10 s after the run was ended")
