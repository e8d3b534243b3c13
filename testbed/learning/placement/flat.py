"""Records (jobs, outputs) as short tuples that Python's plain pickle writes at once.

A job has a dozen fields and a chunk many jobs, so a pickler that asks about every number costs more than a small job
does. Here a field is a pair of what it is and of what is written for it:

    plain      numbers, text, small tuples, arrays: as they are
    integers   a writeable int64 array: its shape; the numbers of all such arrays of a chunk stand in one row
    indices    a read-only array of integers: its content; the same array again wherever it has the same content
    vector     a state: the name that it is given, if it is given one
    task       a task: likewise
    own        anything else: bytes, by value where a name would not be found elsewhere
"""

import io
import math
import pickle
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

import cloudpickle
import numpy as np
import numpy.typing as npt

from testbed.learning.task import LearningTask

__all__ = ["Flat", "Names", "flatten", "is_vector", "own_bytes", "own_value", "row", "unflatten"]

_Vector = npt.NDArray[Any]
Flat = tuple[tuple[str, Any], ...]
Names = Callable[[str, Any], Any]  # given "task" or "vector" and which, returns its name; or given that, itself

_VECTOR_BYTES: Final = 2048  # arrays from this size on are worth an entry of their own
_PLAIN: Final = frozenset({int, float, bool, str, bytes, type(None)})


def is_vector(value: Any) -> bool:
    """Return whether a value is a large array of reals that nobody changes: a state."""
    is_constant = type(value) is np.ndarray and not value.flags.writeable
    return is_constant and value.dtype.kind == "f" and value.nbytes >= _VECTOR_BYTES


def flatten(fields: dict[str, Any], name: Names, integers: list[npt.NDArray[np.int64]]) -> Flat:
    """Return the values of fields, in order; to `integers` are added the arrays that stand in the common row."""
    return tuple(_flat(value, name, integers) for value in fields.values())


def _flat(value: Any, name: Names, integers: list[npt.NDArray[np.int64]]) -> tuple[str, Any]:
    kind = type(value)
    if kind in _PLAIN or isinstance(value, np.generic):
        return "plain", value
    if kind is tuple and all(type(item) in _PLAIN for item in value):
        return "plain", value
    if kind is np.ndarray:
        if is_vector(value):
            written = name("vector", value)
            return ("plain", value) if written is None else ("vector", written)
        if value.dtype.kind == "i" and not value.flags.writeable:
            return "indices", (value.tobytes(), value.dtype.str, value.shape)
        if value.dtype == np.int64:
            integers.append(value.reshape(-1))
            return "integers", value.shape
        if not value.dtype.hasobject:
            return "plain", value
    if isinstance(value, LearningTask):
        return "task", name("task", value)
    return "own", own_bytes(value, name)


def unflatten(flat: Flat, found: Names, integers: npt.NDArray[np.int64], start: int) -> tuple[list[Any], int]:
    """Return the values that `flatten` wrote, and where in the common row those of the next record start."""
    values: list[Any] = []
    for kind, written in flat:
        if kind == "plain":
            values.append(written)
        elif kind == "integers":
            stop = start + math.prod(written)
            values.append(integers[start:stop].reshape(written))
            start = stop
        elif kind == "indices":
            values.append(_remembered(written))
        else:
            values.append(own_value(written, found) if kind == "own" else found(kind, written))
    return values, start


@lru_cache(maxsize=1024)
def _remembered(named: tuple[bytes, str, tuple[int, ...]]) -> _Vector:
    """Return the same array for the same content: evaluations keep what they made of such arrays."""
    content, dtype, shape = named
    return np.frombuffer(content, dtype).reshape(shape)


class _OwnPickler(cloudpickle.CloudPickler):  # type: ignore[misc]
    def __init__(self, file: io.BytesIO, name: Names) -> None:
        super().__init__(file, protocol=5)
        self._name = name

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, LearningTask):
            return "task", self._name("task", value)
        return ("vector", self._name("vector", value)) if is_vector(value) else None


class _OwnUnpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, found: Names) -> None:
        super().__init__(file)
        self._found = found

    def persistent_load(self, written: Any) -> Any:
        return self._found(*written)


def own_bytes(value: Any, name: Names) -> bytes:
    """Return anything as bytes in which tasks and vectors are only named.

    Raises
    ------
    PicklingError, TypeError, AttributeError : something in it cannot be written.
    """
    file = io.BytesIO()
    _OwnPickler(file, name).dump(value)
    return file.getvalue()


def own_value(words: bytes, found: Names) -> Any:
    """Return what `own_bytes` wrote."""
    return _OwnUnpickler(io.BytesIO(words), found).load()


def row(integers: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Return arrays in one row."""
    return np.concatenate(integers) if integers else np.empty(0, dtype=np.int64)
