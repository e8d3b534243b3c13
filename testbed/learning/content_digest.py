"""The digest of a value: equal for equal content, and an error for anything whose content is not known.

A value is written out with its type, and its pieces with their lengths, so that no two values are written alike; arrays
are written as their own digest. Dataclasses and settings count with *every* field: a field that somebody adds later
changes the digest without being mentioned here, and one of a type that is not known raises instead of being left out.
"""

import dataclasses
import functools
import hashlib
import struct
from collections.abc import Mapping
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from testbed.learning.sources import source_digest
from testbed.settings import Settings

__all__ = ["ArrayDigests", "UnknownContentError", "array_bytes", "content_digest"]


class UnknownContentError(TypeError):
    """A value whose content cannot be told; the message names its type."""


# How read-only arrays are written, by id, each with its array, which keeps the id from being given to another.
ArrayDigests: TypeAlias = dict[int, tuple[Any, bytes]]


def content_digest(value: Any, arrays: ArrayDigests | None = None) -> bytes:
    """Return the SHA-256 of a value's type and content, 32 bytes.

    Known are numbers, text, arrays, tensors, tuples, lists, sets, mappings (in their order), dataclasses, settings,
    classes and functions (by name, source and what they are bound to).

    Parameters
    ----------
    value : what is named.
    arrays : read-only arrays that were digested before; the jobs of a round share their state.

    Raises
    ------
    UnknownContentError : a part of it is of another type, or code that has no name of its own.
    UnknownSourceError : code whose source is not known.

    >>> content_digest((1, 2)) == content_digest((1, 2)), content_digest((1, 2)) == content_digest([1, 2])
    (True, False)
    """
    return hashlib.sha256(_written(value, {} if arrays is None else arrays)).digest()


def _written(value: Any, arrays: ArrayDigests) -> bytes:
    kind = type(value)
    if value is None or kind in (bool, int, float, str, bytes):
        return f"{kind.__name__} {value!r}".encode()
    if isinstance(value, np.ndarray):
        return _written_array(value, arrays)
    if isinstance(value, type):
        return _written_class(value)
    if isinstance(value, BuiltinFunctionType):
        return f"builtin {value.__module__} {value.__qualname__}".encode()
    pieces = [_written(piece, arrays) for piece in _pieces(value)]
    if isinstance(value, set | frozenset):
        pieces.sort()
    tag = f"{kind.__module__} {kind.__qualname__} {len(pieces)}"
    return b"".join([tag.encode(), *(struct.pack("<q", len(piece)) + piece for piece in pieces)])


def _pieces(value: Any) -> list[Any]:
    """Return what makes up a composite value."""
    kind = type(value)
    if isinstance(value, tuple | list | set | frozenset):
        return list(value)
    if isinstance(value, Mapping):
        return [piece for item in value.items() for piece in item]
    if dataclasses.is_dataclass(value):
        return [kind, *(piece for f in dataclasses.fields(value) for piece in (f.name, getattr(value, f.name)))]
    if isinstance(value, Settings):
        return [kind, *(piece for name in kind.model_fields for piece in (name, getattr(value, name)))]
    if isinstance(value, FunctionType):
        return _pieces_of_function(value)
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, torch.Tensor):
        content = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        return [str(value.dtype), tuple(value.shape), content]
    if isinstance(value, np.generic):
        return [np.asarray(value)]
    if isinstance(value, torch.dtype | torch.device | Path):
        return [str(value)]
    raise UnknownContentError(f"the content of a {kind.__module__}.{kind.__qualname__} is not known")


def _pieces_of_function(function: FunctionType) -> list[Any]:
    if "<lambda>" in function.__qualname__:
        raise UnknownContentError(f"the function in line {function.__code__.co_firstlineno} has no name")
    bound = [cell.cell_contents for cell in function.__closure__ or ()]
    place = (function.__module__, function.__qualname__, function.__code__.co_firstlineno)
    return [place, source_digest(function.__module__), bound, function.__defaults__, function.__kwdefaults__]


@functools.cache
def _written_class(kind: type) -> bytes:
    if "<locals>" in kind.__qualname__:
        raise UnknownContentError(f"the class {kind.__qualname__} is defined inside a function")
    owners = [(base.__module__, base.__qualname__, source_digest(base.__module__)) for base in kind.__mro__[:-1]]
    return f"class {owners!r}".encode()


def _written_array(array: npt.NDArray[Any], arrays: ArrayDigests) -> bytes:
    if id(array) in arrays:
        return arrays[id(array)][1]
    digest = hashlib.sha256(array_bytes(array)).digest()
    written = f"array {array.dtype.str} {array.shape} ".encode() + digest
    if not array.flags.writeable:
        arrays[id(array)] = array, written
    return written


def array_bytes(array: npt.NDArray[Any]) -> memoryview:
    """Return the numbers of an array as bytes, row by row; without a copy if they lie so.

    Raises
    ------
    UnknownContentError : an array of objects.
    """
    if array.dtype.hasobject:
        raise UnknownContentError("the content of an array of objects is not known")
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
