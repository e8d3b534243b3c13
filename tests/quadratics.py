"""Regions that descend known functions: the vectors of a paper can be checked on whole runs.

A kernel of this module replaces training by gradient descent on a function of four parameters a client, in two modules
of two parameters each.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
from torch import Tensor, cat, nn

from testbed import catalogue
from testbed.experiments.resolve import resolve
from testbed.experiments.run import Experiment, prepare
from testbed.learning.datasets.dataset import Dataset
from testbed.learning.jobs import EvaluationJob, TrainingJob, TrainingOutput
from testbed.learning.kernels.none import NoKernel
from testbed.learning.kernels.protocol import Chunk, Family, GradientJob, GradientOutput, Job, Output
from testbed.settings import Part

__all__ = ["START", "A", "B", "Descent", "document", "replay"]

A = np.array([[1, 0.5, 2, 0.8], [0.6, 1.2, 0.7, 1.5]])
B = np.array([[1, -1, 0.5, 2], [-1, 2, 1.5, -0.5]])
START = np.array([0.2, -0.3, 0.4, 0.1])
ETA = 0.1

Gradient = Callable[[int, npt.NDArray[np.float64]], npt.NDArray[np.float64]]


def quadratic(client: int, theta: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return ETA * A[client] * (theta - B[client])


class Descent(Part):
    """theta <- theta - step(client, theta): the update of one inner step is given, learning rate included."""

    kind: str = "descent"
    computes: ClassVar[bool] = True
    step: ClassVar[Gradient] = quadratic

    def family(self, job: Job) -> Family:
        if isinstance(job, EvaluationJob):
            return NoKernel().family(job)
        return Family(job.task, "descent", _descend, 1, 1, "known functions")


def _descend(chunk: Chunk) -> Sequence[Output]:
    outputs: list[Output] = []
    for job in chunk.jobs:
        theta = job.parameters.astype(np.float64)
        if isinstance(job, GradientJob):
            outputs.append(GradientOutput.of((Descent.step(job.client, theta) / ETA).astype(np.float32), 0.0))
            continue
        assert isinstance(job, TrainingJob)
        for _ in range(job.num_steps):
            theta = theta - Descent.step(job.client, theta)
        outputs.append(TrainingOutput.of(job, theta.astype(np.float32), 0.0))
    return outputs


class FourParameters(nn.Module):
    """Two modules of two parameters: what a fragment is."""

    def __init__(self, start: Sequence[float]) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False)
        for layer, values in ((self.first, start[:2]), (self.second, start[2:])):
            layer.weight.data = Tensor([list(values)])

    def forward(self, inputs: Tensor) -> Tensor:
        return cat([self.first(inputs), self.second(inputs)], dim=1)


def samples(num: int = 32) -> Dataset:
    inputs = np.linspace(0, 1, 2 * num, dtype=np.float32).reshape(num, 2)
    labels = np.arange(num, dtype=np.int64) % 2
    return Dataset(
        name="dots", train_inputs=inputs, train_labels=labels, test_inputs=inputs, test_labels=labels, num_classes=2
    )


def document(algorithm: dict[str, Any], steps: int, num_regions: int = 2) -> dict[str, Any]:
    """Return a scenario of equal regions with an inner step of one second and a network that takes next to no time."""
    return {
        "scenario": {"name": "quadratics", "world": "regions"},
        "run": {"horizon_rounds": steps, "evaluation_interval_rounds": 1},
        "data": {"dataset": "digits", "partition": "iid"},
        "model": {"kind": "mlp", "hidden": [2]},
        "training": {"learning_rate": ETA, "batch_size": 1},
        "virtual": {"parameters": 1, "tokens_per_step": 1},
        "regions": {
            "count": num_regions,
            "profile": {
                "kind": "custom",
                "flop_per_s": 6.0,
                "memory_bytes": 1e9,
                "memory_bandwidth_bytes_per_s": 1e9,
                "idle_w": 1.0,
                "compute_w": 1.0,
                "transmit_w": 1.0,
            },
            "slowdown": "none",
            "on_loss": "pause",
        },
        "network": {"topology": {"kind": "uniform", "capacity_bit_per_s": 1e12, "delay_s": 0.0}},
        "algorithm": {
            "kind": algorithm["kind"],
            algorithm["kind"]: {k: v for k, v in algorithm.items() if k != "kind"},
        },
    }


class Replay:
    """A run on known functions: what was published after each inner step.

    `mean[t]`, `anchor[t]`, `first[t]` : (4,) the mean of the replicas, the global model and the first region's.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.mean: dict[int, npt.NDArray[np.float32]] = {}
        self.anchor: dict[int, npt.NDArray[np.float32]] = {}
        self.first: dict[int, npt.NDArray[np.float32]] = {}
        self.time_s: dict[int, float] = {}
        watch = experiment.workload.watch

        def keep(version: int, time_s: float, vector: Any, views: Any) -> None:
            self.mean[version], self.time_s[version] = vector, time_s
            if "anchor" in views:
                self.anchor[version] = views["anchor"]
            if "region_0" in views:
                self.first[version] = views["region_0"]
            watch(version, time_s, vector, views)

        experiment.workload.watch = keep

    def rows(self, table: str) -> list[dict[str, Any]]:
        return list(self.experiment.simulation.records.rows(table))


def replay(
    algorithm: dict[str, Any],
    steps: int,
    *,
    start: Sequence[float] = tuple(START),
    step: Gradient = quadratic,
    num_regions: int = 2,
    changes: dict[str, Any] | None = None,
) -> Replay:
    """Run a method on known functions and return what it published."""
    overrides = list((changes or {}).items())
    scenario = resolve(document(algorithm, steps, num_regions), overrides)
    with pytest.MonkeyPatch.context() as patch:  # the catalogue of this process must not keep what tests add
        patch.setattr(catalogue, "_registered", dict(catalogue._registered))
        patch.setattr(Descent, "step", staticmethod(step))
        catalogue.register("kernel", "descent", "gradient descent on known functions (tests)")(Descent)
        experiment = prepare(scenario, 0, samples(), model=FourParameters(start), kernel="descent")
        played = Replay(experiment)
        experiment.run()
    return played
