"""Laws of content digests: every field counts, and nothing is passed over that is not known."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from testbed.learning.content_digest import UnknownContentError, content_digest
from testbed.learning.optimizer import OptimizerSettings


@dataclasses.dataclass(frozen=True)
class Point:
    x: Any
    y: Any = 0


@dataclasses.dataclass(frozen=True)
class Place:
    x: Any
    y: Any = 0


def bound(weight: float) -> Callable[[], float]:
    def weigh() -> float:
        return weight

    return weigh


VALUES: list[Any] = [
    None, False, True, 0, 1, -1, 0.0, -0.0, 1.0, float("nan"), "", "1", b"1", "None",
    (), (1,), [1], (1, 2), (12,), ((1,), 2), ("1, 2",), {1}, {1: 2}, {2: 1}, {"a": (), "b": 1}, {"b": 1, "a": ()},
    np.zeros(2), np.zeros(2, np.float32), np.zeros((2, 1)), np.zeros((1, 2)), np.array([0.0, -0.0]), np.int64(1),
    torch.zeros(2), torch.zeros(2, dtype=torch.bfloat16), torch.tensor(1), torch.float32,
    Point(1), Point(1, 1), Place(1), Point(np.zeros(2)), OptimizerSettings(learning_rate=1.0),
    OptimizerSettings(learning_rate=1.0, momentum=0.5), bound(1.0), bound(2.0), functools.partial(bound, 1.0), bound,
    Point, torch.relu, torch.tanh, ("ab", "c"), ("a", "bc"),
]  # fmt: skip


def test_different_values_have_different_digests_and_equal_ones_the_same() -> None:
    digests = [content_digest(value) for value in VALUES]
    assert len(set(digests)) == len(VALUES)
    assert digests == [content_digest(value) for value in VALUES]


def test_a_set_has_no_order_and_a_mapping_has() -> None:
    names = [f"name {number}" for number in range(20)]
    other = set(names[10:])  # built in another order, and so perhaps walked in another
    other.update(names[:10])
    assert content_digest(set(names)) == content_digest(other)
    assert content_digest(dict.fromkeys(names)) != content_digest(dict.fromkeys(reversed(names)))


@pytest.mark.parametrize(
    "value",
    [object(), lambda: 1, np.array([None]), (1, [object()]), Point(object()), type("T", (str,), {})("a")],
    ids=["object", "lambda", "array of objects", "in a list", "in a field", "kind of text"],
)
def test_what_is_not_known_is_refused_wherever_it_stands(value: Any) -> None:
    with pytest.raises(UnknownContentError):
        content_digest(value)


def test_a_class_inside_a_function_is_refused() -> None:
    class Local:
        pass

    with pytest.raises(UnknownContentError, match="inside a function"):
        content_digest(Local)


def test_a_read_only_array_is_digested_once_and_a_writeable_one_every_time() -> None:
    array, arrays = np.zeros(3), {}
    before = content_digest(array, arrays)
    array[0] = 1.0
    assert content_digest(array, arrays) != before
    array.setflags(write=False)
    after = content_digest(array, arrays)
    assert after == content_digest(array.copy()) == content_digest(array, arrays)
    assert [kept[0] is array for kept in arrays.values()] == [True]


def test_rows_count_as_they_stand_whatever_their_memory() -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert content_digest(np.asfortranarray(array)) == content_digest(array) != content_digest(array.T)
    assert content_digest(array[:, ::2]) == content_digest(array[:, ::2].copy())
