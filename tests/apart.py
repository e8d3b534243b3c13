"""Training apart from the simulated world, for tests that follow a method by hand."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from testbed.experiments.run import Experiment
from testbed.learning.jobs import Jobs
from testbed.learning.kernels.serial import SerialKernel
from testbed.records import Recorder

__all__ = ["train_apart"]


class _Inline:
    kind = "inline"

    def run(self, chunks: Sequence[Any]) -> list[Any]:
        return [chunk.compute() for chunk in chunks]


def train_apart(experiment: Experiment, client: int, version: int, base: np.ndarray) -> np.ndarray:
    """Return what a client's next job learns, with the reference kernel."""
    job = experiment.workload.next_job(client, version, base)
    jobs = Jobs(SerialKernel(), _Inline(), lambda: 0.0, math.inf, Recorder())
    return jobs.submit(job).value().parameters
