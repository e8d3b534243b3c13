"""Keeping every version of a run's global model, for tests that compare trajectories."""

import numpy as np
import numpy.typing as npt

from testbed.experiments.run import Experiment

__all__ = ["run_and_keep_versions"]


def run_and_keep_versions(experiment: Experiment) -> list[tuple[float, npt.NDArray[np.float32]]]:
    """Run and return (time, model) of every version."""
    versions: list[tuple[float, npt.NDArray[np.float32]]] = []
    watch = experiment.workload.watch

    def keep(version: int, time_s: float, vector: npt.NDArray[np.float32]) -> None:
        versions.append((time_s, vector.copy()))
        watch(version, time_s, vector)

    experiment.world.server._watch = keep
    experiment.run()
    return versions
