"""Laws of chunks and outputs in parcels: what arrives is what was sent, whatever it is."""

from functools import partial
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch import nn

from testbed.learning.kernels.batched import BatchedKernel
from testbed.learning.kernels.protocol import Chunk, EvaluationOutput, TrainingOutput, form_chunks
from testbed.learning.minibatches import BatchPlan
from testbed.learning.placement.chunk_parcel import pack_chunk, pack_outputs, unpack_chunk, unpack_outputs
from testbed.learning.placement.flat import flatten, row, unflatten

SCALARS = st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), st.text(), st.none(), st.binary())
ARRAYS = st.one_of(
    arrays(np.int64, array_shapes(min_side=0)), arrays(np.float64, array_shapes()), arrays(np.float32, 700),
    arrays(np.int32, 3), arrays(np.bool_, 3),
)  # fmt: skip
VALUES = st.one_of(SCALARS, ARRAYS, st.tuples(SCALARS, SCALARS), st.lists(st.integers()), st.just(np.float64(0.5)))


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        kinds = one.dtype == other.dtype and one.shape == other.shape
        return bool(kinds and one.tobytes() == other.tobytes())
    return type(one) is type(other) and bool(one == other)


@given(st.lists(st.tuples(VALUES, st.booleans()), max_size=8))
def test_values_of_every_kind_come_back_as_they_were_one_record_after_another(given_: list[tuple[Any, bool]]) -> None:
    values = []
    for value, is_constant in given_:
        if isinstance(value, np.ndarray) and is_constant:
            value.setflags(write=False)
        values.append(value)
    integers: list[Any] = []
    held: list[Any] = []

    def name(_kind: str, value: Any) -> int:
        held.append(value)
        return len(held) - 1

    flat = [flatten({str(k): value for k, value in enumerate(values)}, name, integers) for _ in range(2)]
    start = 0
    for record in flat:
        found, start = unflatten(record, lambda _kind, name: held[name], row(integers), start)
        assert len(found) == len(values) and all(map(same, values, found))
    assert start == len(row(integers))


def sent(chunk: Chunk) -> tuple[Chunk, bytes]:
    tasks, vectors = [], []  # type: ignore[var-annotated]

    def keep(kept: list[Any], value: Any) -> int:
        kept.append(value)
        return len(kept) - 1

    words = pack_chunk(chunk, partial(keep, tasks), partial(keep, vectors))
    return unpack_chunk(words, tasks.__getitem__, vectors.__getitem__), words


def test_a_chunk_arrives_with_every_field_of_its_jobs_and_its_family(make_task: Any, make_jobs: Any) -> None:
    task = make_task(lambda: nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 10)), batch_width=10)
    for chunk in form_chunks(make_jobs(task, [BatchPlan(10, local_steps=3)] * 5, [30] * 5), BatchedKernel()):
        found, words = sent(chunk)
        assert found.family == chunk.family and found.positions == chunk.positions
        for job, copy in zip(chunk.jobs, found.jobs, strict=True):
            assert type(copy) is type(job) and vars(copy).keys() == vars(job).keys()
            assert all(
                value is task if key == "task" else same(vars(job)[key], value) for key, value in vars(copy).items()
            )
        assert len(words) < 8 * sum(job.samples.size for job in chunk.jobs) + 400 * (len(chunk.jobs) + 2)  # no states


def test_a_family_whose_function_brings_its_task_along_arrives_with_that_of_the_other_side(
    make_task: Any, make_jobs: Any
) -> None:
    task, elsewhere = (make_task(lambda: nn.Linear(13, 10), batch_width=10) for _ in range(2))
    (chunk, *_) = form_chunks(make_jobs(task, [BatchPlan(10, local_steps=1)], [30]), BatchedKernel())
    family = type(chunk.family)(**vars(chunk.family) | {"compute": lambda own, of=task: [of.layout.size]})  # type: ignore[misc]
    words = pack_chunk(Chunk(family, chunk.positions, chunk.jobs), lambda _: 7, lambda _: 0)
    found = unpack_chunk(words, lambda _: elsewhere, lambda _: elsewhere.initial_state())
    assert found.family.task is elsewhere
    assert found.family.compute.__defaults__[0] is elsewhere  # type: ignore[attr-defined]


def test_outputs_arrive_in_order_and_a_vector_without_a_place_travels_itself() -> None:
    state = np.arange(1000, dtype=np.float32)
    state.setflags(write=False)
    outputs = [
        TrainingOutput(state, 0.5, 1.5), None, EvaluationOutput(0.25, np.array([1, 2]), np.array([3, 4])),
        TrainingOutput(state, 0.75, 2.5, gradient_norm=1.0),
    ]  # fmt: skip
    placed: list[int] = []

    def name(position: int, vector: Any) -> str | None:
        placed.append(position)
        return "here" if position == 0 else None

    found = unpack_outputs(pack_outputs(outputs, name), {"here": state}.__getitem__)
    assert placed == [0, 3] and found[1] is None
    for output, copy in zip(outputs, found, strict=True):
        assert type(copy) is type(output)
        if output is not None:
            assert all(same(value, vars(copy)[key]) for key, value in vars(output).items())
