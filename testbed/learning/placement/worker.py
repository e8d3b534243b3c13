"""A worker: a fresh interpreter that computes chunks until the run lets go of it.

It is started as a program of its own (not forked: a forked copy of PyTorch's threads does not work; nor by
`multiprocessing`, which would run a script's statements once more in every worker), with two descriptors: a pipe for
short messages, and the file of the shared memory in which everything large lies. It ends when the pipe does, so it
cannot outlive the run.

    to the worker      Arithmetic, then TaskMessage, ForgetMessage and ChunkMessage in any order
    from the worker    (ticket, whether it failed, outputs or error in bytes), in the order of the chunks
"""

import json
import os
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple

import numpy.typing as npt

from testbed.learning.kernels.protocol import Chunk
from testbed.learning.placement.arithmetic import Arithmetic
from testbed.learning.placement.chunk_parcel import pack_outputs, unpack_chunk
from testbed.learning.placement.errors_of_workers import sendable
from testbed.learning.placement.last_words import last_words
from testbed.learning.placement.parcel import unpack_task
from testbed.learning.placement.shared_memory import Place, View
from testbed.learning.task import LearningTask

__all__ = [
    "ChunkMessage",
    "ForgetMessage",
    "TaskMessage",
    "VectorName",
    "Worker",
    "serve",
    "vector_at",
]

_PROGRAM: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from testbed.learning.placement.worker import serve; serve(int(sys.argv[2]), int(sys.argv[3]))"
)
_PATIENCE_S: Final = 5.0  # of wall-clock time, for a process that was told to end


class VectorName(NamedTuple):
    """A large array in the shared memory."""

    place: Place
    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, array: npt.NDArray[Any], place: Place) -> "VectorName":
        """Return the name of an array that lies at a place."""
        return cls(place, array.dtype.str, array.shape)


@dataclass(frozen=True)
class TaskMessage:
    """A task that chunks will name by its number: what `pack_task` returned, and where its data lie."""

    number: int
    words: Place
    buffers: tuple[Place, ...]


@dataclass(frozen=True)
class ForgetMessage:
    """A task that no chunk will name any more."""

    number: int


@dataclass(frozen=True)
class ChunkMessage:
    """A chunk to be computed: what `pack_chunk` returned; with it lie the rows for what its jobs return."""

    ticket: int
    words: Place


class Worker:
    """The run's side of a worker."""

    def __init__(self, memory: int, arithmetic: Arithmetic) -> None:
        self.pipe, theirs = Pipe()
        command = [sys.executable, "-c", _PROGRAM, json.dumps(sys.path), str(theirs.fileno()), str(memory)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), memory),
            process_group=0,  # an interruption at the keyboard is the run's to handle
        )
        theirs.close()  # so that the end of the process is the end of the pipe
        self.tickets: list[int] = []  # given to it and not answered, in order
        self.tasks: set[int] = set()  # that it knows
        self.send(arithmetic)

    def send(self, message: Any) -> None:
        """Send a short message; a dead worker is noticed when it is listened to."""
        with suppress(ConnectionError):
            self.pipe.send(message)

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def process_id(self) -> int:
        """The number by which the system knows it."""
        return self._process.pid

    def last_words(self) -> str:
        """Return how the process ended."""
        return last_words(self._process.wait(_PATIENCE_S))

    def stop(self) -> None:
        """End the process, whatever it does."""
        self.pipe.close()
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(pipe_descriptor: int, memory: int) -> None:
    """Compute chunks until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = Connection(pipe_descriptor)
    desk = _Desk(View(memory))
    try:
        pipe.recv().enter()
        while True:
            message = pipe.recv()
            if isinstance(message, ChunkMessage):
                pipe.send((message.ticket, *desk.answer(message)))
            else:
                desk.note(message)
    except (EOFError, ConnectionError):
        # At once: what the interpreter would put in order at its end belongs to nobody any more.
        os._exit(0)


class _Desk:
    """What a worker remembers: the memory, and its tasks."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._tasks: dict[int, LearningTask | Exception] = {}

    def note(self, message: TaskMessage | ForgetMessage) -> None:
        """Learn or forget a task; one that cannot be made again is told of when a chunk names it."""
        if isinstance(message, ForgetMessage):
            self._tasks.pop(message.number, None)
            return
        try:
            buffers = [self._view.bytes_at(place) for place in message.buffers]
            self._tasks[message.number] = unpack_task(self._view.bytes_at(message.words), buffers)
        except Exception as error:  # noqa: BLE001 - whatever a user's class raises
            self._tasks[message.number] = error

    def answer(self, message: ChunkMessage) -> tuple[bool, bytes]:
        """Return whether a chunk failed, and its outputs or the error that it ended with, as bytes."""
        try:
            words, rows = pickle.loads(self._view.bytes_at(message.words))
            chunk: Chunk = unpack_chunk(words, self._task, self._vector)
            return False, pack_outputs(chunk.compute(), lambda position, vector: self._put(vector, rows[position]))
        except Exception as error:  # noqa: BLE001 - it is raised where the output is read
            return True, pickle.dumps(sendable(error))

    def _put(self, vector: npt.NDArray[Any], places: list[Place]) -> VectorName | None:
        """Write a vector into the first place of a job in which it fits; None: there is no such place."""
        place = next((place for place in places if place.num_bytes >= vector.nbytes), None)
        if place is None:
            return None
        places.remove(place)
        self._view.write(place, vector)
        return VectorName.of(vector, place)

    def _task(self, number: int) -> LearningTask:
        found = self._tasks[number]
        if isinstance(found, Exception):
            raise found
        return found

    def _vector(self, name: VectorName) -> npt.NDArray[Any]:
        return vector_at(self._view, name)


def vector_at(view: View, name: VectorName) -> npt.NDArray[Any]:
    """Return the array of a name: no copy, read-only."""
    array = view.array(name.place, name.dtype, name.shape)
    array.setflags(write=False)
    return array
