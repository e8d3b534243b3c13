"""Tasks that are sent to every worker once, and whose data all workers read in one place."""

import weakref
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from testbed.learning.kernels.protocol import Chunk
from testbed.learning.placement.parcel import pack_task, place_buffers
from testbed.learning.placement.shared_memory import Place, Pool
from testbed.learning.placement.worker import ForgetMessage, TaskMessage, Worker
from testbed.learning.task import LearningTask

__all__ = ["SharedTasks"]


class SharedTasks:
    """The tasks that chunks name by number.

    Parameters
    ----------
    pool : where their data are written; given back when nobody has a task any more.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._messages: WeakKeyDictionary[LearningTask, TaskMessage] = WeakKeyDictionary()
        self._num_tasks = 0
        self._gone: set[int] = set()

    def number(self, task: LearningTask) -> int:
        """Return the number of a task, which is written into the memory the first time.

        Raises
        ------
        RequestError : it cannot be sent to another process.
        """
        if task not in self._messages:
            self._messages[task] = self._write(task)
        return self._messages[task].number

    def introduce(self, chunk: Chunk, worker: Worker) -> None:
        """Tell a worker of the tasks of a chunk that it does not know yet, and of those that are gone."""
        for number in worker.tasks & self._gone:
            worker.tasks.remove(number)
            worker.send(ForgetMessage(number))
        for task in {chunk.family.task, *(job.task for job in chunk.jobs)}:
            number = self.number(task)
            if number not in worker.tasks:
                worker.tasks.add(number)
                worker.send(self._messages[task])

    def _write(self, task: LearningTask) -> TaskMessage:
        words, buffers = pack_task(task)
        held = [self._pool.store(words)]

        def room(num_bytes: int) -> npt.NDArray[np.uint8]:
            held.append(self._pool.take(num_bytes))
            return np.frombuffer(self._pool.bytes_at(held[-1]), np.uint8)

        _, offsets = place_buffers(buffers, room)
        words_place, data = held
        places = [data.part(offset, buffer.nbytes) for offset, buffer in zip(offsets, buffers, strict=True)]
        self._num_tasks += 1
        weakref.finalize(task, self._forget, self._num_tasks, held).atexit = False
        return TaskMessage(self._num_tasks, words_place, tuple(places))

    def _forget(self, number: int, held: list[Place]) -> None:
        self._gone.add(number)
        for place in held:
            self._pool.give_back(place)
