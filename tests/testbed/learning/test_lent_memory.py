"""Laws of lent memory: nothing that anybody can see is lent again, and what nobody sees is."""

import pickle
from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from testbed.learning.kernels.lent_memory import LentMemory

# Ways to hold on to a vector of six entries, each of which still shows its first number.
HOLDS = [
    lambda vector: vector,
    lambda vector: vector[:1],
    lambda vector: vector.reshape(2, 3).T,
    lambda vector: torch.from_numpy(vector)[:2],
    lambda vector: memoryview(vector),
    lambda vector: np.asarray(memoryview(vector))[:1],
]


def first(held: Any) -> float:
    return float(np.asarray(held).reshape(-1)[0])


@given(st.lists(st.tuples(st.integers(0, len(HOLDS) - 1), st.integers(0, 3)), max_size=40))
def test_what_somebody_holds_keeps_its_numbers_however_memory_is_lent(moves: list[tuple[int, int]]) -> None:
    memory, held = LentMemory(6), dict[int, Any]()
    for number, (way, let_go) in enumerate(moves):
        vector = memory.lend()
        vector[:] = number
        held[number] = HOLDS[way](vector)
        del vector
        if let_go and held:
            del held[sorted(held)[let_go % len(held)]]
        assert all(first(thing) == value for value, thing in held.items())
    num_lent = len(held)
    assert memory.num_free <= len(moves)
    held.clear()
    assert memory.num_free >= num_lent  # all of it has come back


def test_as_much_is_kept_as_was_lent_at_once() -> None:
    memory = LentMemory(4)
    for _ in range(5):
        lent = [memory.lend() for _ in range(3)]
        del lent
    assert memory.num_free == 3


def test_a_vector_is_new_to_whoever_is_lent_it() -> None:
    memory = LentMemory(4)
    memory.lend().setflags(write=False)
    again = memory.lend()
    assert again.flags.writeable and again.shape == (4,) and again.dtype == np.float32
    assert again.ctypes.data % 64 == 0
    assert pickle.loads(pickle.dumps(again)).shape == (4,)
