"""Memory for results that is lent and comes back by itself: to have the system provide it anew is dear.

A job of a small model takes a millisecond, and so does the system to provide, zeroed and page by page, the memory for
its result. Results live shortly, are all of one size and are made over and over, so their memory is used again as soon
as nobody can see it any more.

That is safe because an array keeps alive what it looks at: whoever holds a result, a part of it or a tensor over it,
holds the *loan* from which it came, and memory comes back when its loan is gone. Nothing is ever taken back.
"""

import weakref
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import torch

from testbed.learning.task import LearningTask, State

__all__ = ["LentMemory", "lend_state"]


class LentMemory:
    """Lends vectors of one length.

    At most as many are kept as were lent at once.

    >>> memory = LentMemory(3)
    >>> first, second = memory.lend(), memory.lend()
    >>> place, part = first.ctypes.data, first[1:]
    >>> del first
    >>> memory.lend().ctypes.data == place  # a part of it is still held
    False
    >>> del part
    >>> memory.lend().ctypes.data == place
    True
    """

    def __init__(self, num_entries: int) -> None:
        self.num_entries = num_entries
        self._free: list[npt.NDArray[np.float32]] = []
        self._loans: dict[int, weakref.ref[object]] = {}

    def lend(self) -> npt.NDArray[np.float32]:
        """Return a vector (num_entries,) float32 with anything in it, writeable, on a border of 64 bytes."""
        # PyTorch's own memory, because it is aligned: the bits of a product can depend on that.
        memory = self._free.pop() if self._free else torch.empty(self.num_entries).numpy()
        lent = np.frombuffer(memory.data, dtype=np.float32)
        loan = lent.base  # all that looks at this memory keeps it alive
        number = id(loan)

        def come_back(_: object) -> None:
            del self._loans[number]
            self._free.append(memory)

        self._loans[number] = weakref.ref(loan, come_back)
        return lent

    @property
    def num_free(self) -> int:
        """Vectors that wait to be lent."""
        return len(self._free)


_memories: WeakKeyDictionary[LearningTask, LentMemory] = WeakKeyDictionary()


def lend_state(task: LearningTask) -> State:
    """Return memory for a state of a task that a job returns, (num_entries,), with anything in it."""
    memory = _memories.get(task)
    if memory is None:
        memory = _memories[task] = LentMemory(task.layout.size)
    return memory.lend()
