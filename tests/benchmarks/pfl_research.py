"""pfl-research: its federated averaging on its simulated backend, in its own environment.

Its data sets hand out minibatches in the order of the samples, which costs it less than a fresh order each epoch.
"""

import argparse
from itertools import pairwise

import torch
from measurement import Seconds, Trained, measure, now
from pfl.aggregate.simulate import SimulatedBackend
from pfl.algorithm.base import NNAlgorithmParams
from pfl.algorithm.federated_averaging import FederatedAveraging
from pfl.callback.base import TrainingProcessCallback
from pfl.data.dataset import Dataset
from pfl.data.federated_dataset import FederatedDataset
from pfl.data.sampling import get_user_sampler
from pfl.hyperparam.base import NNEvalHyperParams, NNTrainHyperParams
from pfl.metrics import Metrics, Weighted
from pfl.model.pytorch import PyTorchModel
from torch import nn
from torch.nn import functional
from workload import BATCH_SIZE, LEARNING_RATE, Samples, build


class _Learner(nn.Module):
    """The model with the two methods that the library asks for."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def loss(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(self.module(inputs), labels)

    @torch.no_grad()
    def metrics(self, inputs: torch.Tensor, labels: torch.Tensor) -> dict[str, Weighted]:
        return {"loss": Weighted(self.loss(inputs, labels).item() * len(labels), len(labels))}


class _Marks(TrainingProcessCallback):
    """Notes the time after every round."""

    def __init__(self) -> None:
        self.times_s: list[Seconds] = []

    def on_train_begin(self, *, model: PyTorchModel) -> Metrics:
        self.times_s.append(now())
        return Metrics()

    def after_central_iteration(
        self, aggregate_metrics: Metrics, model: PyTorchModel, *, central_iteration: int
    ) -> tuple[bool, Metrics]:
        self.times_s.append(now())
        return False, Metrics()


def train(model: str, samples: Samples, num_rounds: int, arguments: argparse.Namespace) -> Trained:
    """Train with one process; the library evaluates on the first round's clients, which is not timed."""
    module = build(model)
    learner = _Learner(module)
    clients = FederatedDataset(
        lambda client: Dataset(samples.of_client(client)),
        get_user_sampler("minimize_reuse", list(range(samples.size.num_clients))),
    )
    rounds = NNAlgorithmParams(
        central_num_iterations=num_rounds,
        evaluation_frequency=num_rounds,
        train_cohort_size=samples.size.cohort,
        val_cohort_size=0,
    )
    marks = _Marks()
    FederatedAveraging().run(
        algorithm_params=rounds,
        backend=SimulatedBackend(training_data=clients, val_data=clients),
        model=PyTorchModel(
            learner,
            local_optimizer_create=torch.optim.SGD,
            central_optimizer=torch.optim.SGD(learner.parameters(), lr=1.0),
        ),
        model_train_params=NNTrainHyperParams(
            local_num_epochs=1, local_learning_rate=LEARNING_RATE, local_batch_size=BATCH_SIZE
        ),
        model_eval_params=NNEvalHyperParams(local_batch_size=None),
        callbacks=[marks],
        send_metrics_to_platform=False,
    )
    times_s = marks.times_s
    return Trained.scored(module, samples, [stop - start for start, stop in pairwise(times_s)])


if __name__ == "__main__":
    measure("pfl", train, ["pfl", "torch", "numpy"])
