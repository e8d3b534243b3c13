"""Laws of stored outputs: every bit comes back, and what was not written here is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest

from testbed.learning.content_digest import UnknownContentError
from testbed.learning.kernels.protocol import EvaluationOutput, GradientOutput, Output, TrainingOutput
from testbed.learning.output_bytes import decode_outputs, encode_outputs

STATE = np.array([1.5, -0.0, np.nan, np.inf, 1e-45], dtype=np.float32)
OUTPUTS: list[Output] = [
    TrainingOutput(STATE, 0.1, math.inf),
    None,
    EvaluationOutput(math.nan, np.array([1, 2]), np.array([3, 4])),
    TrainingOutput(np.empty(0, np.float32), -0.0, 5e-324),
    TrainingOutput(STATE, 0.1, 0.2, STATE[::-1]),
    GradientOutput(STATE, 0.3, math.nan),
]


def bits(output: Output) -> list[tuple[object, ...]]:
    if output is None:
        return []
    cells = vars(output).items()
    return [(name, type(value), np.asarray(value).dtype, np.asarray(value).tobytes()) for name, value in cells]


def test_what_comes_back_is_the_same_to_the_bit() -> None:
    back = decode_outputs(encode_outputs(OUTPUTS))
    assert [type(output) for output in back] == [type(output) for output in OUTPUTS]
    assert [bits(output) for output in back] == [bits(output) for output in OUTPUTS]


def test_arrays_come_back_read_only_aligned_and_alone() -> None:
    (_, _, _, _, first) = decode_outputs(encode_outputs([None, None, *OUTPUTS]))[:5]
    assert isinstance(first, EvaluationOutput)
    assert first.num_correct.base is None or first.num_correct.base.nbytes == first.num_correct.nbytes
    assert first.num_correct.flags.aligned and not first.num_correct.flags.writeable


def test_what_cannot_be_written_exactly_is_refused() -> None:
    training = OUTPUTS[0]
    assert isinstance(training, TrainingOutput)
    for broken in (replace(training, train_loss=np.float64(0.1)), replace(training, parameters=[1.0]), "text"):
        with pytest.raises(UnknownContentError):
            encode_outputs([broken])  # type: ignore[list-item]


def test_other_bytes_are_refused() -> None:
    data = encode_outputs(OUTPUTS)
    for broken in (
        b"",
        data[:20],
        data[:-1],
        data + b"0",
        data.replace(b"TrainingOutput", b"TrainingOutpot"),
        bytes(64),
    ):
        with pytest.raises(ValueError):
            decode_outputs(broken)
