"""FedProx where some tensors stay with the clients: only what is exchanged is held to the global model."""

import numpy as np
import pytest
from graph_runs import graph_experiment, models_of_versions

from testbed.learning.kernels.protocol import TrainingJob, form_chunks
from testbed.learning.kernels.serial import SerialKernel


def learnt(job: TrainingJob) -> np.ndarray:
    (chunk,) = form_chunks([job], SerialKernel())
    return chunk.compute()[0].parameters  # type: ignore[union-attr]


def test_without_weight_it_is_fedavg_bit_by_bit() -> None:
    ours = models_of_versions(graph_experiment("fedprox", {"proximal_weight": 0.0, "access": "ofdma"}))
    theirs = models_of_versions(graph_experiment("fedavg"))
    assert len(ours) == len(theirs) == 7
    for one, other in zip(ours, theirs, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_second_step_pulls_what_is_exchanged_and_leaves_what_stays(optimizer: str) -> None:
    """In two steps on one batch the pull is felt once, after a step has led away, and not yet through the network."""
    workload = graph_experiment(
        "fedprox", training__optimizer=optimizer, training__batch_size="full", training__local_epochs=2
    ).workload
    exchanged = np.zeros(workload.task.layout.size, dtype=bool)
    for run in workload.task.exchanged:
        exchanged[run] = True
    workload.keeps_optimizer_state = False
    free, held = (learnt(copy_of(workload, mu)) for mu in (0.0, 10.0))
    assert 0 < exchanged.sum() < len(exchanged)
    assert free[~exchanged].tobytes() == held[~exchanged].tobytes()
    assert (free[exchanged] != held[exchanged]).any()


def copy_of(workload: object, mu: float) -> TrainingJob:
    workload._jobs_made.clear()  # type: ignore[attr-defined]  # the same luck, and so is that of the steps: both have an optimiser's state
    return workload.next_job(0, 0, workload.initial_state, mu, gradient_norm=True)  # type: ignore[attr-defined]
