"""The placement that has chunks computed by a Ray cluster: one task of Ray a chunk.

A learning task is put into the cluster's object store once; every node fetches it once, and all workers of a node read
its data in one place. Chunks are pure, so one whose worker or node dies is computed again by another. A node whose
versions or processor would compute other bits is refused.
"""

import os
import socket
import uuid
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from pydantic import PositiveInt, PrivateAttr

from testbed.errors import RequestError, RunFailure
from testbed.learning.chunk_key import machine
from testbed.learning.device import device_name
from testbed.learning.kernels.protocol import Chunk, Output
from testbed.learning.placement.arithmetic import Arithmetic
from testbed.learning.placement.chunk_parcel import pack_chunk
from testbed.learning.placement.chunk_words import jobs_in_words, num_passes
from testbed.learning.placement.parcel import pack_task, place_buffers
from testbed.learning.placement.ray_task import compute
from testbed.learning.task import LearningTask
from testbed.settings import Part

__all__ = ["RayPlacement"]

_ADDRESS_VARIABLE: Final = "RAY_ADDRESS"
_LOCAL: Final = "local"
_PATIENCE_S: Final = 10.0  # of wall-clock time, for an answer of the cluster
_DEPTH: Final = 2  # chunks that a core of the cluster has in hand


class RayPlacement(Part):
    """Runs chunks on a Ray cluster; a lone chunk is run here. The cluster is joined when it is first needed."""

    kind: str = "ray"
    num_workers: PositiveInt | None = None  # at most so many chunks at once; none: as many as there are cores
    ray_address: str | None = None  # of the cluster; none: the variable RAY_ADDRESS, else a cluster of this machine
    _cluster: "_Cluster | None" = PrivateAttr(None)
    _reason: str = PrivateAttr("nothing was sent to a cluster")

    def check(self) -> None:
        """Refuse where the package is missing."""
        if find_spec("ray") is None:
            raise RequestError(
                "the placement 'ray' needs the package of that name: python -m pip install 'airwan[ray]'"
            )

    @property
    def reason(self) -> str:
        """Which cluster it was."""
        return self._reason

    def run(self, chunks: Sequence[Chunk]) -> Iterator[list[Output]]:
        """Yield the outputs of each chunk, in order.

        Raises
        ------
        RunFailure : a chunk was lost again and again; the message names its jobs.
        RequestError : no cluster at that address; a node that computes other bits; jobs that cannot be sent.
        """
        if len(chunks) == 1:  # to send it away would gain nothing
            yield chunks[0].compute()
        elif chunks:
            if self._cluster is None:
                address = self.ray_address or os.environ.get(_ADDRESS_VARIABLE) or _LOCAL
                self._cluster = _Cluster(address, self.num_workers)
                self._reason = self._cluster.description
            yield from self._cluster.run(chunks)

    def close(self) -> None:
        """Leave the cluster; one that was started for the run ends."""
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None


class _Cluster:
    """A cluster that was joined."""

    def __init__(self, address: str, num_workers: int | None) -> None:
        _check_address(address)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a run tells nobody outside that it takes place
        import ray

        self._ray = ray
        self._arithmetic, self._machine = Arithmetic.here(), machine()
        num_threads = self._arithmetic.num_threads
        self._joined = not ray.is_initialized()
        if self._joined:
            size = {"num_cpus": num_workers * num_threads} if address == _LOCAL and num_workers else {}
            try:
                ray.init(address, log_to_driver=False, include_dashboard=None, logging_level="error", **size)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise RequestError(f"no Ray cluster can be joined at {address!r}: {error}") from error
        num_cores = int(ray.cluster_resources().get("CPU", 1))
        slots = max(1, num_cores // num_threads)
        self._most_in_hand = num_workers if num_workers and address != _LOCAL else _DEPTH * slots
        num_nodes = len([node for node in ray.nodes() if node["Alive"]])
        self.description = f"on {num_cores} cores of {num_nodes} nodes of the Ray cluster at {address!r}"
        self._compute = ray.remote(compute).options(num_cpus=num_threads)
        self._gpus_a_slot = min(1.0, ray.cluster_resources().get("GPU", 0) / slots)
        self._address = address
        self._tasks: weakref.WeakKeyDictionary[LearningTask, tuple[str, Any]] = weakref.WeakKeyDictionary()

    def run(self, chunks: Sequence[Chunk]) -> Iterator[list[Output]]:
        """Yield the outputs of each chunk, in order; the longest are sent first."""
        waiting = deque(sorted(range(len(chunks)), key=lambda position: -num_passes(chunks[position])))
        vectors: dict[int, Any] = {}  # by id: what chunks share is put into the object store once
        in_hand: dict[Any, int] = {}
        answers: dict[int, list[Output]] = {}
        for position in range(len(chunks)):
            while position not in answers:
                while waiting and len(in_hand) < self._most_in_hand:
                    sent = waiting.popleft()
                    in_hand[self._send(chunks[sent], vectors)] = sent
                for reference in self._ray.wait(list(in_hand))[0]:
                    done = in_hand.pop(reference)
                    answers[done] = self._answer(reference, chunks[done])
            yield answers.pop(position)

    def _send(self, chunk: Chunk, vectors: dict[int, Any]) -> Any:
        tasks: dict[str, Any] = {}
        named: dict[int, Any] = {}

        def task_name(task: LearningTask) -> str:
            if task not in self._tasks:
                self._tasks[task] = uuid.uuid4().hex, self._ray.put(_packed(task))
            key, reference = self._tasks[task]
            tasks[key] = reference
            return key

        def vector_name(vector: npt.NDArray[Any]) -> int:
            if id(vector) not in vectors:
                vectors[id(vector)] = vector, self._ray.put(vector)  # kept, so that its id is given to no other
            named[id(vector)] = vectors[id(vector)][1]
            return list(named).index(id(vector))

        words = pack_chunk(chunk, task_name, vector_name)
        device = chunk.family.task.device
        around = (self._arithmetic, self._machine | {"device": device_name(device)}, device)
        return self._compute_on(device).remote(words, around, list(tasks), *tasks.values(), *named.values())

    def _compute_on(self, device: torch.device) -> Any:
        """Return Ray's function; a worker sees a GPU only if it asks for a share of one."""
        if device.type == "cpu":
            return self._compute
        if not self._gpus_a_slot:
            raise RequestError(f"run.device = {device.type!r}: the Ray cluster at {self._address!r} has no GPU")
        return self._compute.options(num_gpus=self._gpus_a_slot)

    def _answer(self, reference: Any, chunk: Chunk) -> list[Output]:
        try:
            outputs, error = self._ray.get(reference)
        except self._ray.exceptions.RayError as lost:
            raise RunFailure(f"the cluster lost {jobs_in_words(chunk)}: {lost}") from lost
        if error is not None:
            raise error
        found: list[Output] = outputs
        return found

    def close(self) -> None:
        """Leave it, unless whoever uses the run had joined it before."""
        if self._joined:
            self._ray.shutdown()


def _check_address(address: str) -> None:
    """Refuse host:port where nobody listens: Ray itself would ask for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        try:
            socket.create_connection((host, int(port)), _PATIENCE_S).close()
        except OSError as error:
            raise RequestError(f"no Ray cluster can be joined at {address!r}: {error}") from error


def _packed(task: LearningTask) -> tuple[bytes, list[int], list[int], npt.NDArray[np.uint8]]:
    """Return a task's words, where each buffer of its data starts, how long it is, and the data in one piece."""
    words, buffers = pack_task(task)
    content, offsets = place_buffers(buffers, lambda num_bytes: np.empty(num_bytes, np.uint8))
    return words, offsets, [buffer.nbytes for buffer in buffers], content
