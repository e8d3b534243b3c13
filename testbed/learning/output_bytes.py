"""The outputs of a chunk as bytes, and back: every field, bit by bit, and nothing that could be executed.

A header in JSON says for each output its type and where its fields lie in what follows; numbers are stored as the
bytes of an array. A field of a type that is not known raises.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np

from testbed.learning.content_digest import UnknownContentError, array_bytes
from testbed.learning.kernels.protocol import EvaluationOutput, GradientOutput, JointOutput, Output, TrainingOutput

__all__ = ["decode_outputs", "encode_outputs"]

_TYPES: Final = {kind.__name__: kind for kind in (TrainingOutput, GradientOutput, EvaluationOutput, JointOutput)}
_SCALARS: Final = {"bool": bool, "int": int, "float": float}
_PREFIX: Final = struct.Struct("<Q")  # length of the header


def encode_outputs(outputs: Sequence[Output]) -> bytes:
    """Return the bytes of a chunk's outputs.

    Raises
    ------
    UnknownContentError : an output, or a field of one, of a type that is not known.
    """
    header: list[Any] = []
    blocks: list[memoryview] = []
    for output in outputs:
        if output is None:
            header.append(None)
            continue
        if type(output).__name__ not in _TYPES:
            raise UnknownContentError(f"outputs of type {type(output).__name__} are not known")
        entry: dict[str, Any] = {}
        for field in fields(output):
            value = getattr(output, field.name)
            if value is None:
                entry[field.name] = None
                continue
            kind = "array" if isinstance(value, np.ndarray) else type(value).__name__
            if kind != "array" and kind not in _SCALARS:
                raise UnknownContentError(f"{type(output).__name__}.{field.name} of type {kind} is not known")
            array = np.asarray(value)
            entry[field.name] = [kind, array.dtype.str, list(array.shape)]
            blocks.append(array_bytes(array))
        header.append([type(output).__name__, entry])
    words = json.dumps(header, separators=(",", ":")).encode()
    return b"".join([_PREFIX.pack(len(words)), words, *blocks])


def decode_outputs(data: bytes) -> list[Output]:
    """Return the outputs behind `data`; arrays are copies of their own, read-only.

    Raises
    ------
    ValueError : not what `encode_outputs` writes.
    """
    try:
        (length,) = _PREFIX.unpack_from(data)
        position = _PREFIX.size + length
        outputs: list[Output] = []
        for entry in json.loads(data[_PREFIX.size : position]):
            if entry is None:
                outputs.append(None)
                continue
            values: dict[str, Any] = {}
            for name, stored in entry[1].items():
                if stored is None:
                    values[name] = None
                    continue
                kind, dtype, shape = stored
                # A copy: aligned, and the bytes of the whole chunk are let go.
                count = int(np.prod(shape, dtype=np.int64))
                array = np.frombuffer(data, np.dtype(dtype), count, position).reshape(shape).copy()
                array.setflags(write=False)
                position += array.nbytes
                values[name] = array if kind == "array" else _SCALARS[kind](array[()])
            outputs.append(_TYPES[entry[0]](**values))
    except (struct.error, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"not the outputs of a chunk: {error}") from None
    if position != len(data):
        raise ValueError(f"not the outputs of a chunk: {len(data)} bytes instead of {position}")
    return outputs
