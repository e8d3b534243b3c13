"""Runs side by side: a few worker processes, each computing one run at a time.

A run's bytes do not depend on the process it is computed in, so how many there are changes nothing but the time. Rows
travel back and the caller's process saves them: a worker that dies leaves nothing behind, and it is known whose run it
took along. Workers are started afresh, not forked (a forked copy of PyTorch's threads does not work): a script that
uses this keeps its own statements under `if __name__ == "__main__"`.
"""

import multiprocessing
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.experiments.run import Observer, Progress, execute
from testbed.experiments.scenario import Scenario, data_folder
from testbed.learning.placement.last_words import last_words

__all__ = ["Crash", "Outcome", "Task", "compute", "compute_side_by_side"]

_REPORT_EVERY_S: Final = 0.2  # of wall-clock time: a bar needs no more


@dataclass(frozen=True)
class Task:
    """One run to be computed: the scenario with its settings, the seed, where data sets lie."""

    scenario: Scenario
    seed: int
    data_dir: Path | None


@dataclass(frozen=True)
class Crash:
    """A run that has no rows: it was refused when it started, an error of the program ended it, or its process died."""

    error: str
    is_refusal: bool = False
    trace: str = ""


Outcome = RunResult | Crash


def compute(task: Task, observe: Observer | None) -> Outcome:
    """Return what became of a run; nothing but an interruption stops it from returning."""
    try:
        scenario = task.scenario.resolve()
        return execute(scenario, task.seed, data_dir=data_folder(task.data_dir, scenario), observe=observe)
    except RequestError as error:
        return Crash(str(error), is_refusal=True)
    except Exception as error:  # noqa: BLE001 - of the program: the other runs go on, and this one is listed with it
        return Crash(f"{type(error).__name__}: {error}", trace=traceback.format_exc())


def compute_side_by_side(
    tasks: Sequence[Task], num_processes: int, observers: Sequence[Observer | None]
) -> Iterator[tuple[int, Outcome]]:
    """Yield (position of the task, outcome) as runs end, computed by at most `num_processes` workers.

    Parameters
    ----------
    observers : (num_tasks,) each is told of its run's progress, now and then; None for those nobody watches.
    """
    waiting = list(range(len(tasks)))[::-1]
    workers = [_Worker() for _ in range(min(num_processes, len(tasks)))]
    try:
        for worker in workers:
            worker.give(tasks, waiting)
        while any(worker.position is not None for worker in workers):
            ready = wait([worker.pipe for worker in workers if worker.position is not None])
            for worker in [worker for worker in workers if worker.pipe in ready]:
                position, message = worker.receive()
                if isinstance(message, Progress):
                    observe = observers[position]
                    if observe is not None:
                        observe(message)
                    continue
                worker.give(tasks, waiting)
                yield position, message
    finally:
        for worker in workers:
            worker.stop()


class _Worker:
    """A process and what it is busy with; a dead one is replaced when it is given the next run."""

    def __init__(self) -> None:
        self.position: int | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()  # so that the end of the process is the end of the pipe

    def give(self, tasks: Sequence[Task], waiting: list[int]) -> None:
        """Start on the next run that waits, if one does."""
        self.position = waiting.pop() if waiting else None
        if self.position is None:
            return
        if not self._process.is_alive():
            self._start()
        self.pipe.send(tasks[self.position])

    def receive(self) -> tuple[int, Progress | Outcome]:
        """Return the run's position and the worker's next message, or the crash if there will be none."""
        assert self.position is not None
        try:
            message: Progress | Outcome = self.pipe.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            message = Crash(f"its process {last_words(self._process.exitcode)}")
        return self.position, message

    def stop(self) -> None:
        """End the process, whatever it does."""
        self.pipe.close()
        self._process.terminate()
        self._process.join()


def _work(pipe: Connection) -> None:
    """Compute runs until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interruption is the parent's to handle
    try:
        while True:
            pipe.send(compute(pipe.recv(), _reporter(pipe)))
    except (EOFError, ConnectionError):
        return


def _reporter(pipe: Connection) -> Callable[[Progress], None]:
    last_s = 0.0

    def report(progress: Progress) -> None:
        nonlocal last_s
        now_s = time.monotonic()  # paces messages about the run, which never sees it
        if now_s - last_s >= _REPORT_EVERY_S:
            last_s = now_s
            pipe.send(progress)

    return report
