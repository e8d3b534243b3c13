"""The workers of a run, what they are busy with, and the memory they share.

Chunks are dealt as they are, two to a worker so that it never waits, the longest first. A task is sent to a worker
once; its data lie in memory that all share. States go there and back in slots of that memory, and what a job returned
is the start of another without having been copied: its slot is free again when nobody has the array any more.
"""

import pickle
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from multiprocessing.connection import Connection, wait
from typing import Any, Final

import numpy.typing as npt

from testbed.errors import RequestError, RunFailure
from testbed.learning.kernels.protocol import Chunk, EvaluationJob, Job, Output, TrainingJob
from testbed.learning.placement.arithmetic import Arithmetic
from testbed.learning.placement.chunk_parcel import pack_chunk, unpack_outputs
from testbed.learning.placement.chunk_words import jobs_in_words, num_passes
from testbed.learning.placement.flat import is_vector
from testbed.learning.placement.shared_memory import Place, Pool
from testbed.learning.placement.shared_tasks import SharedTasks
from testbed.learning.placement.worker import ChunkMessage, VectorName, Worker, vector_at

__all__ = ["Crew"]

_DEPTH: Final = 2  # chunks that a worker has in hand


@dataclass(eq=False)
class _Ticket:
    """A chunk on its way, with the memory that is held for it."""

    number: int
    chunk: Chunk
    vectors: dict[int, npt.NDArray[Any]] = field(default_factory=dict)
    places: dict[Place, None] = field(default_factory=dict)
    answer: list[Output] | Exception | None = None
    abandoned: bool = False


class Crew:
    """So many workers, started at once.

    Parameters
    ----------
    num_workers : how many there are, always.
    """

    def __init__(self, num_workers: int) -> None:
        self._pool = Pool()
        self._arithmetic = Arithmetic.here()
        self._workers = [Worker(self._pool.file, self._arithmetic) for _ in range(num_workers)]
        self._tasks = SharedTasks(self._pool)
        self._waiting: deque[_Ticket] = deque()
        self._in_hand: dict[int, _Ticket] = {}
        self._num_tickets = 0
        self._placed: dict[int, tuple[VectorName, Place | None]] = {}  # by id: vectors of chunks that are on their way
        self._num_uses: dict[int, int] = {}
        self._close = weakref.finalize(self, _stop, self._workers)  # if nobody closes the placement

    def run(self, chunks: Sequence[Chunk]) -> Iterator[list[Output]]:
        """Yield the outputs of each chunk, in order; several such iterators may be open at once."""
        tickets = [self._ticket(chunk) for chunk in chunks]
        self._waiting.extend(sorted(tickets, key=lambda ticket: -num_passes(ticket.chunk)))
        try:
            self._deal()
            for ticket in tickets:
                while ticket.answer is None:
                    self._deal()
                    if ticket.answer is None:
                        self._listen()
                if isinstance(ticket.answer, Exception):
                    raise ticket.answer
                yield ticket.answer
        finally:
            self._abandon(tickets)

    def close(self) -> None:
        """End the workers and let go of the memory."""
        self._close()
        self._pool.close()

    def _ticket(self, chunk: Chunk) -> _Ticket:
        self._num_tickets += 1
        ticket = _Ticket(self._num_tickets, chunk)
        # Counted now, so that a state that later chunks need too is written once.
        for vector in (value for job in chunk.jobs for value in vars(job).values() if is_vector(value)):
            self._use(ticket, vector)
        return ticket

    def _deal(self) -> None:
        """Give waiting chunks to workers that have room, the least busy first."""
        while self._waiting:
            worker = min(self._workers, key=lambda worker: len(worker.tickets))
            if len(worker.tickets) >= _DEPTH:
                return
            if not worker.tickets and not worker.is_alive:  # one that ended is replaced when it is needed
                worker = self._replace(worker)
            ticket = self._waiting.popleft()
            try:
                self._give(ticket, worker)
            except RequestError as error:  # raised where the output is read, which may be elsewhere
                ticket.answer = error
                self._settle(ticket)

    def _give(self, ticket: _Ticket, worker: Worker) -> None:
        self._tasks.introduce(ticket.chunk, worker)
        words = pack_chunk(ticket.chunk, self._tasks.number, lambda vector: self._vector_name(ticket, vector))
        rows = [[self._pool.take(size) for size in _row_sizes(job)] for job in ticket.chunk.jobs]
        place = self._pool.store(pickle.dumps((words, rows)))
        ticket.places = dict.fromkeys([place, *chain(*rows)])
        self._in_hand[ticket.number] = ticket
        worker.tickets.append(ticket.number)
        worker.send(ChunkMessage(ticket.number, place))

    def _vector_name(self, ticket: _Ticket, vector: npt.NDArray[Any]) -> VectorName:
        """Return the name of a vector, written into the memory unless it lies there already."""
        self._use(ticket, vector)
        if id(vector) not in self._placed:
            place, own = self._pool.find(vector), None
            if place is None:
                place = own = self._pool.take(vector.nbytes)
                self._pool.write(own, vector)
            self._placed[id(vector)] = VectorName.of(vector, place), own
        return self._placed[id(vector)][0]

    def _use(self, ticket: _Ticket, vector: npt.NDArray[Any]) -> None:
        if id(vector) not in ticket.vectors:
            ticket.vectors[id(vector)] = vector
            self._num_uses[id(vector)] = self._num_uses.get(id(vector), 0) + 1

    def _listen(self) -> None:
        """Wait until a worker says something, or ends."""
        pipes: dict[Any, Worker] = {worker.pipe: worker for worker in self._workers if worker.tickets}
        for pipe in wait(list(pipes)):
            assert isinstance(pipe, Connection)
            try:
                number, failed, words = pipe.recv()
            except (EOFError, ConnectionError):
                self._bury(pipes[pipe])
                continue
            pipes[pipe].tickets.remove(number)
            ticket = self._in_hand.pop(number)
            ticket.answer = pickle.loads(words) if failed else self._outputs(ticket, words)
            self._settle(ticket)

    def _outputs(self, ticket: _Ticket, words: bytes) -> list[Output]:
        return unpack_outputs(words, lambda name: self._kept(ticket, name))

    def _kept(self, ticket: _Ticket, name: VectorName) -> npt.NDArray[Any]:
        """Return the array of a row, which is free again when nobody has the array any more."""
        array = vector_at(self._pool, name)
        del ticket.places[name.place]
        weakref.finalize(array, self._pool.give_back, name.place).atexit = False
        return array

    def _settle(self, ticket: _Ticket) -> None:
        """Let go of all that was held for a chunk."""
        self._release(ticket)
        for name in ticket.vectors:
            self._num_uses[name] -= 1
            if self._num_uses[name] == 0:
                del self._num_uses[name]
                _, own = self._placed.pop(name, (None, None))
                if own is not None:
                    self._pool.give_back(own)
        ticket.vectors = {}
        if ticket.abandoned:
            ticket.answer = None

    def _release(self, ticket: _Ticket) -> None:
        """Give back the memory that a worker needed for a chunk."""
        for place in ticket.places:
            self._pool.give_back(place)
        ticket.places = {}

    def _abandon(self, tickets: Sequence[_Ticket]) -> None:
        """Do not compute what nobody waits for any more; what is in hand is thrown away when it comes."""
        for ticket in tickets:
            ticket.abandoned = True
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                self._settle(ticket)

    def _bury(self, worker: Worker) -> None:
        """Take note of the end of a worker: the chunk that it computed has failed, the next one is dealt again."""
        computed, *others = (self._in_hand.pop(number) for number in worker.tickets)
        computed.answer = RunFailure(
            f"worker process {worker.process_id} {worker.last_words()}: it computed {jobs_in_words(computed.chunk)}"
        )
        self._settle(computed)
        for ticket in others:
            self._release(ticket)
            if ticket.abandoned:
                self._settle(ticket)
            else:
                self._waiting.appendleft(ticket)
        worker.tickets.clear()
        worker.stop()

    def _replace(self, worker: Worker) -> Worker:
        worker.stop()
        new = Worker(self._pool.file, self._arithmetic)
        self._workers[self._workers.index(worker)] = new
        return new


def _row_sizes(job: Job) -> list[int]:
    """Return the sizes of the vectors that a job returns [byte]."""
    if isinstance(job, EvaluationJob):
        return []
    state = job.optimizer_state if isinstance(job, TrainingJob) else None
    return [vector.nbytes for vector in (job.parameters, state) if vector is not None]


def _stop(workers: Sequence[Worker]) -> None:
    for worker in workers:
        worker.stop()
