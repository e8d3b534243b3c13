"""Chunks and their outputs as bytes for another process; tasks and states are only named in them.

Of a chunk the family (with the function that computes it) and the types of its jobs are the same again and again: they
are written once and remembered on both sides. The fields of jobs and outputs are written flat (see `flat`).
"""

import pickle
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError
from testbed.learning.kernels.protocol import Chunk, Family, Output
from testbed.learning.placement.flat import Names, flatten, own_bytes, own_value, row, unflatten
from testbed.learning.task import LearningTask

__all__ = ["pack_chunk", "pack_outputs", "unpack_chunk", "unpack_outputs"]

_Vector = npt.NDArray[Any]
_Shape = tuple[type, tuple[str, ...]]  # of a job: its type and the names of its fields


def _no_name(kind: str, value: Any) -> Any:
    raise LookupError(f"a {kind} in what is common to chunks")


@lru_cache(maxsize=256)
def _head_of(kind: Hashable, fields: tuple[tuple[str, Any], ...], shapes: tuple[_Shape, ...]) -> bytes:
    return own_bytes((kind, fields, shapes), _no_name)


@lru_cache(maxsize=256)
def _head_in(words: bytes) -> Any:
    return own_value(words, _no_name)


def _head(family: Family, shapes: tuple[_Shape, ...], name: Names) -> tuple[bytes, bool]:
    """Return what a chunk has in common with others, and whether it names nothing, so that it may be remembered."""
    fields = tuple((key, value) for key, value in vars(family).items() if key != "task")
    try:
        kind: Any = type(family)
        return _head_of(kind, fields, shapes), True
    except LookupError:  # a function that brings a task along
        return own_bytes((type(family), fields, shapes), name), False


def pack_chunk(chunk: Chunk, task_name: Callable[[LearningTask], Any], vector_name: Callable[[_Vector], Any]) -> bytes:
    """Return a chunk as bytes in which its tasks and vectors are only named.

    Raises
    ------
    RequestError : something of a job or of the kernel cannot be written.
    """

    def name(kind: str, value: Any) -> Any:
        return task_name(value) if kind == "task" else vector_name(value)

    integers: list[npt.NDArray[np.int64]] = []
    try:
        shapes = [(type(job), tuple(vars(job))) for job in chunk.jobs]
        numbers = {shape: number for number, shape in enumerate(dict.fromkeys(shapes))}
        head = _head(chunk.family, tuple(numbers), name)
        flat = (flatten(vars(job), name, integers) for job in chunk.jobs)
        jobs = [(numbers[shape], fields) for shape, fields in zip(shapes, flat, strict=True)]
        task = name("task", chunk.family.task)
        return pickle.dumps((head, task, chunk.positions, jobs, row(integers)), protocol=5)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise RequestError(
            f'{chunk.family.name} cannot be sent to another process: {error}; use the placement "inline"'
        ) from error


def unpack_chunk(
    words: bytes | memoryview, task: Callable[[Any], LearningTask], vector: Callable[[Any], _Vector]
) -> Chunk:
    """Return the chunk that `pack_chunk` wrote; `task` and `vector` return what a name names."""

    def found(kind: str, written: Any) -> Any:
        return task(written) if kind == "task" else vector(written)

    (head, is_common), family_task, positions, packed, integers = pickle.loads(words)
    kind, fields, shapes = _head_in(head) if is_common else own_value(head, found)
    jobs, start = [], 0
    for number, flat in packed:
        values, start = unflatten(flat, found, integers, start)
        job_type, names = shapes[number]
        jobs.append(_remade(job_type, zip(names, values, strict=True)))
    family = _remade(kind, [("task", task(family_task)), *fields])
    return Chunk(family, positions, tuple(jobs))


def _remade(kind: type, fields: Any) -> Any:
    """Return an object with these fields: it was checked where it was made."""
    made: Any = object.__new__(kind)
    vars(made).update(fields)
    return made


def pack_outputs(outputs: Sequence[Output], vector_name: Callable[[int, _Vector], Any]) -> bytes:
    """Return the outputs of a chunk as bytes.

    `vector_name` : given an output's position and a vector, returns the name of the place where it wrote that; None if
    there was no room.
    """
    integers: list[npt.NDArray[np.int64]] = []
    packed: list[Any] = []
    for position, output in enumerate(outputs):

        def name(_kind: str, vector: Any, position: int = position) -> Any:
            return vector_name(position, vector)

        fields = {} if output is None else vars(output)
        packed.append((type(output), tuple(fields), flatten(fields, name, integers)))
    return pickle.dumps((packed, row(integers)), protocol=5)


def unpack_outputs(words: bytes, vector: Callable[[Any], _Vector]) -> list[Output]:
    """Return the outputs that `pack_outputs` wrote; `vector` returns what a name names."""
    packed, integers = pickle.loads(words)
    outputs: list[Output] = []
    start = 0
    for kind, names, flat in packed:
        values, start = unflatten(flat, lambda _kind, name: vector(name), integers, start)
        outputs.append(None if kind is type(None) else _remade(kind, zip(names, values, strict=True)))
    return outputs
