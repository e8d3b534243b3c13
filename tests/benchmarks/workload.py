"""What every side of the comparison trains: data, models, optimiser and the shape of a round.

1000 clients hold 50 samples each of synthetic images, 1x28x28 as MNIST's, of 10 classes; a round asks 50 of them,
drawn at random, for one epoch in batches of 10, plain SGD, and averages what they return.

Needs NumPy and torch alone, because it is imported in environments that have nothing else of ours.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

__all__ = ["FULL", "MODELS", "SMALL", "Samples", "Size", "build", "num_parameters", "score"]

NUM_CLASSES: Final = 10
IMAGE: Final = (1, 28, 28)
BATCH_SIZE: Final = 10
LEARNING_RATE: Final = 0.05
SEED: Final = 20


@dataclass(frozen=True)
class Size:
    """How much there is to train: clients, samples of each, clients asked in a round, test samples."""

    num_clients: int
    samples_per_client: int
    cohort: int
    num_test: int


FULL: Final = Size(num_clients=1000, samples_per_client=50, cohort=50, num_test=2000)
SMALL: Final = Size(num_clients=20, samples_per_client=50, cohort=10, num_test=500)


@dataclass(frozen=True)
class Samples:
    """Images, float32 (n, 1, 28, 28), and labels, int64 (n,); client c has the c-th block of the training samples."""

    size: Size
    train_inputs: npt.NDArray[np.float32]
    train_labels: npt.NDArray[np.int64]
    test_inputs: npt.NDArray[np.float32]
    test_labels: npt.NDArray[np.int64]

    @classmethod
    def draw(cls, size: Size) -> "Samples":
        """Return a pattern a class, of 7x7 tiles, under noise twice as strong: learnable in a few rounds."""
        rng = np.random.default_rng(SEED)
        tiles = rng.standard_normal((NUM_CLASSES, 1, 7, 7), dtype=np.float32) / 2
        patterns = tiles.repeat(4, axis=2).repeat(4, axis=3)
        num_train = size.num_clients * size.samples_per_client
        labels = rng.integers(NUM_CLASSES, size=num_train + size.num_test)
        inputs = rng.standard_normal((len(labels), *IMAGE), dtype=np.float32)
        inputs += patterns[labels]
        return cls(size, inputs[:num_train], labels[:num_train], inputs[num_train:], labels[num_train:])

    def of_client(self, client: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the inputs and labels of one client, views of all."""
        count = self.size.samples_per_client
        own = slice(client * count, (client + 1) * count)
        return torch.from_numpy(self.train_inputs[own]), torch.from_numpy(self.train_labels[own])


def _logistic_regression() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, NUM_CLASSES))


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, NUM_CLASSES))


def _cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2),  # (n, 32, 28, 28)
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2),  # (n, 64, 14, 14)
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),  # (n, 3136)
        nn.Linear(3136, 512),
        nn.ReLU(),
        nn.Linear(512, NUM_CLASSES),
    )


_BUILDERS: Final = {"logreg": _logistic_regression, "mlp": _mlp, "cnn": _cnn}
MODELS: Final = tuple(_BUILDERS)


def build(model: str) -> nn.Module:
    """Return a new module with the initial parameters that all sides start from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return _BUILDERS[model]()


def num_parameters(module: nn.Module) -> int:
    """Return how many numbers training changes."""
    return sum(parameter.numel() for parameter in module.parameters())


@torch.no_grad()
def score(module: nn.Module, samples: Samples) -> tuple[float, float]:
    """Return the loss [nat] and the accuracy of a module on the test samples."""
    scores = module(torch.from_numpy(samples.test_inputs))
    labels = torch.from_numpy(samples.test_labels)
    return float(functional.cross_entropy(scores, labels)), float((scores.argmax(1) == labels).float().mean())
