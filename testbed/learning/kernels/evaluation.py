"""Evaluations: one version at a time on test samples, a forward pass on as many as fit the cache.

Clients with tests of their own are tested on the same samples again and again. What a store makes of these samples is
kept from one version to the next, up to as many samples as the test set has: at most a second copy of it.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import torch

from testbed.learning.kernels.protocol import Chunk, EvaluationJob, EvaluationOutput, Output
from testbed.learning.loss import class_scores, sample_losses
from testbed.learning.task import LearningTask
from testbed.learning.torch_seed import seeded

__all__ = ["KeptInputs", "evaluate", "evaluation_output", "kept_inputs"]

# Test samples of one forward pass: enough to keep the processor busy, few enough to fit its cache.
_TEST_BATCH: Final = 1024
_TEST_TOKENS: Final = 4096

_Samples = npt.NDArray[np.int64]


class KeptInputs:
    """What a store made of samples, by the arrays that named them; the oldest go first.

    Parameters
    ----------
    most_samples : the most that are kept together, except that the newest is kept whatever its size.
    """

    def __init__(self, most_samples: int) -> None:
        self.most_samples = most_samples
        self.num_samples = 0
        # The arrays are kept too, so that no other is given the id of one of them.
        self._kept: dict[tuple[int, ...], tuple[Sequence[_Samples], Any]] = {}

    def get(self, samples: Sequence[_Samples], make: Callable[[], Any]) -> Any:
        """Return what was made of these very arrays, which are read-only; `make` makes it the first time."""
        key = tuple(id(array) for array in samples)
        if key not in self._kept:
            self._kept[key] = samples, make()
            self.num_samples += sum(len(array) for array in samples)
            while self.num_samples > self.most_samples and len(self._kept) > 1:
                gone, _ = self._kept.pop(next(iter(self._kept)))
                self.num_samples -= sum(len(array) for array in gone)
        return self._kept[key][1]


_kept: WeakKeyDictionary[LearningTask, KeptInputs] = WeakKeyDictionary()


def kept_inputs(task: LearningTask) -> KeptInputs:
    """Return what is kept of a task's test inputs."""
    found = _kept.get(task)
    if found is None:
        found = _kept[task] = KeptInputs(len(task.test_labels))
    return found


def evaluate(chunk: Chunk) -> Sequence[Output]:
    """Return the outputs of a chunk of evaluations, one after another."""
    return [_evaluate(job) for job in chunk.jobs if isinstance(job, EvaluationJob)]


@torch.no_grad()
def _evaluate(job: EvaluationJob) -> EvaluationOutput:
    task = job.task
    model = task.load(job.parameters, training=False)
    batch = max(1, _TEST_TOKENS // task.test_labels.shape[1]) if task.is_language else _TEST_BATCH
    labels = (
        task.test_labels if job.samples is None else task.test_labels[torch.tensor(job.samples, device=task.device)]
    )
    parts = [slice(start, start + batch) for start in range(0, len(labels), batch)]
    losses, hits = [], []
    # A model that draws even in evaluation mode meets the same luck at every version.
    with seeded(0) if task.traits.draws else nullcontext():
        for part, inputs in zip(parts, _inputs(job, parts), strict=True):
            scores = class_scores(model(inputs))
            losses.append(sample_losses(scores, labels[part]))
            hits.append(scores.argmax(dim=-1) == labels[part])
    return evaluation_output(task, losses, hits, labels)


def _inputs(job: EvaluationJob, parts: Sequence[slice]) -> Iterable[Any]:
    """Return the inputs of each part; a store's are kept."""
    inputs, samples = job.task.test_inputs, job.samples
    if samples is None:
        return (inputs[part] for part in parts)
    chosen = torch.tensor(samples, device=job.task.device)  # a copy: the array is read-only
    if isinstance(inputs, torch.Tensor):
        return (inputs[chosen[part]] for part in parts)
    found: list[Any] = kept_inputs(job.task).get([samples], lambda: [inputs[chosen[part]] for part in parts])
    return found


def evaluation_output(
    task: LearningTask, losses: Sequence[torch.Tensor], hits: Sequence[torch.Tensor], labels: torch.Tensor
) -> EvaluationOutput:
    """Return the output of samples with these labels, (num_samples, ...).

    `losses, hits` : part by part each sample's loss, (num_in_part,), and whether each label is told rightly.
    """
    loss_sum = sum(float(part.sum(dtype=torch.float64)) for part in losses)
    all_labels, hit = labels.cpu().numpy(), torch.cat(list(hits)).cpu().numpy()
    return EvaluationOutput(
        loss=loss_sum / len(labels),
        num_correct=np.bincount(all_labels[hit], minlength=task.num_classes),
        num_samples=np.bincount(all_labels.reshape(-1), minlength=task.num_classes),
    )
