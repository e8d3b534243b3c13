"""Laws of replaying: nothing changes but what is computed, and a chunk that is not worth it is left alone."""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from testbed.errors import RunFailure
from testbed.learning.jobs import Jobs
from testbed.learning.kernels.batched import BatchedKernel
from testbed.learning.kernels.protocol import Chunk, EvaluationJob, Output, TrainingJob, form_chunks
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.minibatches import BatchPlan
from testbed.learning.output_bytes import encode_outputs
from testbed.learning.placement.inline import InlinePlacement
from testbed.learning.placement.replaying import ReplayingPlacement
from testbed.learning.result_store import STORE_FILE, ResultStore, StoreWarning
from testbed.records import Recorder


class Watched(InlinePlacement):
    """Computes here, and keeps count."""

    kind: str = "watched"

    def run(self, chunks: Sequence[Chunk]) -> Iterator[list[Output]]:
        for chunk in chunks:
            counts[0] += 1
            yield chunk.compute()


counts = [0]


class World:
    """Jobs of a few clients, and a placement that replays from a folder."""

    def __init__(
        self, make_task: Any, make_jobs: Any, folder: Path, kernel: Any = None, threshold: float = 0.0
    ) -> None:
        counts[0] = 0
        self.kernel = kernel or SerialKernel()
        self.task = make_task(lambda: nn.Sequential(nn.Linear(13, 10)))
        self.jobs: list[Any] = make_jobs(self.task, [BatchPlan(10, local_steps=3)] * 6, [30] * 6)
        self.jobs.append(EvaluationJob(task=self.task, version=3, parameters=self.jobs[0].parameters))
        self.store = ResultStore(folder)
        self.placement = ReplayingPlacement(Watched(), self.store, self.kernel, lambda job: 1e4, threshold)

    def run(self, jobs: Sequence[Any] | None = None) -> list[list[Output]]:
        return list(self.placement.run(form_chunks(self.jobs if jobs is None else jobs, self.kernel)))


@pytest.fixture
def make_world(make_task: Any, make_jobs: Any, tmp_path: Path) -> Iterator[Any]:
    made: list[World] = []

    def make(**options: Any) -> World:
        for world in made:
            world.store.close()
        made.append(World(make_task, make_jobs, tmp_path, **options))
        return made[-1]

    yield make
    for world in made:
        world.store.close()


def bits(outputs: list[list[Output]]) -> list[Any]:
    return [
        [(name, np.asarray(value).tobytes()) for name, value in vars(output).items()]
        for chunk in outputs
        for output in chunk
    ]


@pytest.mark.parametrize("kernel", [SerialKernel(), BatchedKernel()], ids=lambda kernel: kernel.kind)
def test_what_is_replayed_is_what_was_computed_to_the_bit(make_world: Any, kernel: Any) -> None:
    first = make_world(kernel=kernel)
    computed = first.run()
    num_chunks = counts[0]
    second = make_world(kernel=kernel)
    assert bits(second.run()) == bits(computed)
    assert counts[0] == 0
    assert (second.placement.reuse.num_chunks, second.placement.reuse.num_reused) == (num_chunks, num_chunks)
    assert second.placement.reuse.to_json()["reused_flop_fraction"] == 1.0


def test_only_what_is_missing_is_computed_and_order_is_kept(make_world: Any) -> None:
    part = make_world()
    part.run(part.jobs[1:5:2])
    world = make_world()
    outputs = world.run()
    assert counts[0] == len(world.jobs) - 2
    assert bits(outputs) == bits(list(InlinePlacement().run(form_chunks(world.jobs, world.kernel))))
    assert world.placement.reuse.to_json()["reused_flop_fraction"] == pytest.approx(2 / 7)


def test_records_do_not_tell_what_was_replayed(make_world: Any) -> None:
    tables = []
    for _ in range(2):
        world, records = make_world(), Recorder()
        queue = Jobs(world.kernel, world.placement, lambda: 1.0, 100.0, records)
        for handle in [queue.submit(job) for job in world.jobs]:
            handle.value()
        tables.append([list(records.rows(name)) for name in ("chunk", "update")])
    assert tables[0] == tables[1]


def test_a_chunk_with_too_few_operations_for_its_bytes_is_neither_looked_up_nor_stored(make_world: Any) -> None:
    job_bytes = make_world().jobs[0].parameters.nbytes
    worth = 1e4 / (job_bytes + 32768)
    make_world(threshold=worth * 1.001).run()
    assert make_world().store.known([b""]) == set() and counts[0] == 0
    barely = make_world(threshold=worth * 0.999)
    barely.run()
    assert counts[0] == len(barely.jobs) and barely.store.num_stored == len(barely.jobs)
    strict = make_world(threshold=worth * 1.001)
    strict.run()
    assert (counts[0], strict.placement.reuse.num_reused, strict.store.num_stored) == (len(strict.jobs), 0, 0)


def test_a_damaged_entry_is_computed_again_and_stored_again(make_world: Any, tmp_path: Path) -> None:
    first = make_world()
    computed = first.run()
    connection = sqlite3.connect(tmp_path / STORE_FILE)
    with connection:
        connection.execute("update entry set outputs = zeroblob(9) where rowid in (2, 4)")
    connection.close()
    second = make_world()
    assert bits(second.run()) == bits(computed)
    assert (counts[0], second.store.num_damaged, second.store.num_stored) == (2, 2, 2)
    make_world().run()
    assert counts[0] == 0


def test_an_entry_with_another_number_of_outputs_is_computed_again(make_world: Any, tmp_path: Path) -> None:
    make_world().run()
    two = encode_outputs([None, None])
    connection = sqlite3.connect(tmp_path / STORE_FILE)
    with connection:
        connection.execute("update entry set checksum = ?, outputs = ?", (zlib.crc32(two), two))
    connection.close()
    world = make_world()
    world.run()
    assert counts[0] == world.store.num_damaged == len(world.jobs)


def test_what_was_computed_before_a_failure_is_kept(make_world: Any) -> None:
    world = make_world()
    chunks = form_chunks(world.jobs, world.kernel)

    def fail(chunk: Chunk) -> Sequence[Output]:
        raise RunFailure("the model fails")

    broken = Chunk(chunks[3].family.__class__(**{**vars(chunks[3].family), "compute": fail}), (0,), chunks[3].jobs)
    with pytest.raises(RunFailure):
        list(world.placement.run([*chunks[:3], broken, *chunks[4:]]))
    assert world.store.num_stored == 3


def test_what_cannot_be_named_is_computed_and_said_once(make_world: Any) -> None:
    world = make_world()
    world.task.later = object()
    with pytest.warns(StoreWarning, match=r"not stored.*object") as caught:
        world.run(world.jobs[:3])
        world.run(world.jobs[:3])
    assert len(caught) == 1
    assert (counts[0], world.store.num_stored, len(world.store.notes)) == (6, 0, 1)


def test_a_later_field_of_a_job_is_never_replayed_from_a_job_without_it(make_world: Any) -> None:
    world = make_world()
    world.run(world.jobs[:1])
    other = TrainingJob(**{**vars(world.jobs[0]), "torch_seed": world.jobs[0].torch_seed + 1})
    world.run([other])
    assert counts[0] == 2
