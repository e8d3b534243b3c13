"""Tiny tasks for the tests of learning: hand-made data, any model."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from testbed.learning.device import CPU
from testbed.learning.job_luck import make_training_job
from testbed.learning.kernels.protocol import TrainingJob
from testbed.learning.minibatches import BatchPlan
from testbed.learning.optimizer import OptimizerSettings
from testbed.learning.task import LearningTask
from testbed.learning.torch_seed import seeded

NUM_SAMPLES = 400


def blobs(shape: tuple[int, ...], num_classes: int) -> SimpleNamespace:
    """Return labelled noise around one centre a class, with the fields of a data set."""
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(num_classes, *shape))
    parts = {}
    for part, size in (("train", NUM_SAMPLES), ("test", 120)):
        labels = rng.integers(0, num_classes, size)
        parts[f"{part}_labels"] = labels
        parts[f"{part}_inputs"] = (centres[labels] + rng.normal(size=(size, *shape))).astype(np.float32)
    return SimpleNamespace(name="blobs", num_classes=num_classes, **parts)


@pytest.fixture
def make_task() -> Callable[..., LearningTask]:
    def make(
        build: Callable[[], nn.Module],
        *,
        shape: tuple[int, ...] = (13,),
        num_classes: int = 10,
        batch_width: int = 64,
        local: Sequence[str] = (),
        device: torch.device = CPU,
        **optimizer: Any,
    ) -> LearningTask:
        settings = OptimizerSettings(**{"learning_rate": 0.1, **optimizer})
        with seeded(3):
            model = build()
        return LearningTask(model, blobs(shape, num_classes), settings, batch_width, local, device=device)

    return make


@pytest.fixture
def make_jobs() -> Callable[..., list[TrainingJob]]:
    """Return jobs of clients with different bases, shards and numbers of steps."""

    def make(
        task: LearningTask, plans: list[BatchPlan], shard_sizes: list[int], learning_rate: float | None = None
    ) -> list[TrainingJob]:
        jobs = []
        for client, (plan, size) in enumerate(zip(plans, shard_sizes, strict=True)):
            rng = np.random.default_rng(client)
            base = task.initial_state() + rng.normal(0.0, 0.05, task.layout.size).astype(np.float32)
            shard = np.sort(rng.choice(NUM_SAMPLES, size, replace=False))
            jobs.append(make_training_job(task, client, 0, 0, base, shard, plan, 5, learning_rate=learning_rate))
        return jobs

    return make
