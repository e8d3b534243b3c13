"""How a side of the comparison is run and what it reports: one JSON line a model.

A side is a script with a function that trains; `measure` reads the command line, calls it and writes the line. What was
learnt is scored on the same test samples by every side. Needs NumPy and torch alone, as `workload` does.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from workload import FULL, MODELS, SMALL, Samples, num_parameters, score

__all__ = ["ROUNDS", "WARM_UP", "Seconds", "Trained", "measure", "note_peak", "now"]

# Enough of them that what one makes once (caches, pools of memory) is behind it.
WARM_UP: Final = {"logreg": 2, "mlp": 2, "cnn": 1}
ROUNDS: Final = {"logreg": 10, "mlp": 10, "cnn": 2}

_peaks_mb: Final[list[float]] = []  # of the model that is trained now

Seconds = npt.NDArray[np.float64]
Train = Callable[[str, Samples, int, argparse.Namespace], "Trained"]


@dataclass(frozen=True)
class Trained:
    """What a side did: the seconds of every round as `now` has them, and size, test loss [nat] and accuracy at last."""

    round_s: Sequence[Seconds]
    num_parameters: int
    loss: float
    accuracy: float

    @classmethod
    def scored(cls, module: nn.Module, samples: Samples, round_s: Sequence[Seconds]) -> "Trained":
        """Return it for a module, scored here."""
        return cls(round_s, num_parameters(module), *score(module, samples))


def now() -> Seconds:
    """Return the time on the wall and the processor time of this process [s], both from some start on: (2,)."""
    return np.array([time.perf_counter(), time.process_time()])


def measure(
    side: str, train: Train, packages: Sequence[str], options: Callable[[argparse.ArgumentParser], None] | None = None
) -> None:
    """Run a side as the command line says and write a JSON line for each model.

    Parameters
    ----------
    side : its name.
    train : given the model, the samples, the number of rounds and the arguments; returns what came out.
    packages : distributions whose versions the line states.
    options : adds the arguments that only this side has.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--rounds", type=int, help="timed rounds of each model, after those that warm up")
    parser.add_argument("--processes", type=int, default=1, help="how many compute, one thread each")
    parser.add_argument("--small", action="store_true", help="20 clients and 10 a round: to see that it works")
    if options is not None:
        options(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    samples = Samples.draw(SMALL if arguments.small else FULL)
    for model in arguments.models:
        warm_up, rounds = WARM_UP[model], arguments.rounds or ROUNDS[model]
        _peaks_mb.clear()
        _forget_peaks()
        trained = train(model, samples, warm_up + rounds, arguments)
        note_peak()
        timed_s = np.array(trained.round_s)[warm_up:]
        wall_s, cpu_s = timed_s.mean(axis=0).tolist()
        line = {
            "side": side,
            "model": model,
            "num_parameters": trained.num_parameters,
            "processes": arguments.processes,
            "cores": len(os.sched_getaffinity(0)),
            "rounds": len(timed_s),
            "seconds_per_round": wall_s,
            # Of one process this hardly depends on what else the machine does; of several it is not what was asked.
            "cpu_seconds_per_round": cpu_s if arguments.processes == 1 else None,
            "clients_per_second": samples.size.cohort / wall_s,
            "peak_rss_mb": max(_peaks_mb),
            "loss": trained.loss,
            "accuracy": trained.accuracy,
            "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def _forget_peaks() -> None:
    """Let the system measure this process's peak anew, where it can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return  # the peak is then that of all models so far, which is the larger


def note_peak() -> None:
    """Note the peaks of resident memory of this process and all below it, added up; shared pages count often.

    To be called by a side before the processes it started end.
    """
    total_kb, waiting = 0, [os.getpid()]
    while waiting:
        folder = Path("/proc") / str(waiting.pop())
        try:
            fields = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            children = [(task / "children").read_text() for task in (folder / "task").iterdir()]
        except OSError:
            continue  # it has ended
        total_kb += int(fields["VmHWM"].split()[0])
        waiting += [int(child) for text in children for child in text.split()]
    _peaks_mb.append(total_kb * 1024 / 1e6)
