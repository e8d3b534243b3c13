"""What chance decides of a training job: its minibatches, all drawn before it starts, and the seed of its forwards.

Every epoch visits the client's samples once in a fresh order, in batches of `batch_size`; the last batch of
an epoch may be smaller and is kept. Batches stand as rows of one index matrix, padded on the right to a
common width with the row's own first sample, which costs arithmetic but carries no weight.

A job's luck is a function of its address (client, how-manieth), so it may be drawn ahead: for a whole cohort at once
that costs a third.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import NamedTuple

import numpy as np

from testbed.learning.kernels.protocol import TrainingJob
from testbed.learning.minibatches import BatchPlan, IntArray, padded_width
from testbed.learning.task import LearningTask, State
from testbed.streams import Purpose, stream, streams

__all__ = ["JobLuck", "draw_luck", "draw_luck_ahead", "make_training_job"]


class JobLuck(NamedTuple):
    """The luck of one job.

    `samples : (num_rows, width)` and `counts : (num_rows,)`; one row for all steps if the batch is the whole shard,
    else a row a step. Row r is valid up to counts[r].
    """

    torch_seed: int
    samples: IntArray
    counts: IntArray


def draw_luck(
    rngs: Iterable[np.random.Generator], shards: Sequence[IntArray], plan: BatchPlan, batch_width: int
) -> list[JobLuck]:
    """Return the luck of jobs that have equally many samples.

    Parameters
    ----------
    rngs : the stream of each job; one is not used any more when the next is taken. A full batch draws no order.
    shards : the samples of each job, (num_samples,), as indices into the training set.
    plan : the batch size and the number of steps.
    batch_width : the widest batch of the task.

    Raises
    ------
    ValueError : an empty shard, or a batch wider than the task's.
    """
    num_samples = len(shards[0])
    if num_samples < 1:
        raise ValueError("a client without samples cannot train")
    is_full = plan.width(num_samples) == num_samples
    num_epochs = 1 if is_full else math.ceil(plan.num_steps(num_samples) / plan.steps_per_epoch(num_samples))
    orders = np.stack(shards)[:, np.newaxis].repeat(num_epochs, axis=1)
    torch_seeds = []
    for rng, epochs in zip(rngs, orders, strict=True):
        torch_seeds.append(int(rng.integers(2**63)))
        for order in () if is_full else epochs:
            rng.shuffle(order)
    samples, counts = _cut_into_batches(orders, plan, batch_width)
    return [JobLuck(*luck) for luck in zip(torch_seeds, samples, counts, strict=True)]


def draw_luck_ahead(
    root_seed: int, shards: Mapping[tuple[int, int], IntArray], plan: BatchPlan, batch_width: int
) -> dict[tuple[int, int], JobLuck]:
    """Return the luck of many jobs by their addresses (client, index), each from stream (TRAIN, client, index).

    `shards` : the samples of each job by its address, (num_samples,); all else is as for `draw_luck`.
    """
    luck: dict[tuple[int, int], JobLuck] = {}
    by_size: dict[int, list[tuple[int, int]]] = {}
    for address, shard in shards.items():
        by_size.setdefault(len(shard), []).append(address)
    rngs = streams(root_seed, Purpose.TRAIN, list(chain.from_iterable(by_size.values())))
    for addresses in by_size.values():
        drawn = draw_luck(islice(rngs, len(addresses)), [shards[address] for address in addresses], plan, batch_width)
        luck.update(zip(addresses, drawn, strict=True))
    return luck


def _cut_into_batches(orders: IntArray, plan: BatchPlan, batch_width: int) -> tuple[IntArray, IntArray]:
    """Return samples, (num_jobs, num_rows, width), and counts, (num_jobs, num_rows).

    `orders : (num_jobs, num_epochs, num_samples)`, the order in which each job visits its samples in each epoch.
    """
    num_jobs, num_epochs, num_samples = orders.shape
    size = plan.width(num_samples)
    width, (num_full, rest) = padded_width(size, batch_width), divmod(num_samples, size)
    shape = num_jobs, num_epochs, num_full + (rest > 0)
    samples, counts = np.empty((*shape, width), dtype=np.int64), np.full(shape, size, dtype=np.int64)
    in_full_batches = orders[..., : num_full * size]
    samples[:, :, :num_full, :size] = in_full_batches.reshape(num_jobs, num_epochs, num_full, size)
    if rest:
        samples[:, :, num_full, :rest] = orders[..., -rest:]
        samples[:, :, num_full, rest:] = samples[:, :, num_full, :1]
        counts[..., num_full] = rest
    samples[..., size:] = samples[..., :1]
    num_rows = 1 if size == num_samples else plan.num_steps(num_samples)
    return samples.reshape(num_jobs, -1, width)[:, :num_rows], counts.reshape(num_jobs, -1)[:, :num_rows]


def make_training_job(
    task: LearningTask,
    client: int,
    index: int,
    base_version: int,
    parameters: State,
    shard: IntArray,
    plan: BatchPlan,
    root_seed: int,
    proximal_weight: float = 0.0,
    learning_rate: float | None = None,
    optimizer_state: State | None = None,
    luck: JobLuck | None = None,
) -> TrainingJob:
    """Return the `index`-th training job of a client, its luck drawn from stream (TRAIN, client, index).

    Parameters
    ----------
    task : what is trained.
    client, index : whose job, and its how-manieth.
    base_version : the global version `parameters` are.
    parameters : (num_entries,) float32, the state it starts from; made read-only, for it is read later.
    shard : (num_samples,) the client's samples, as indices into the training set.
    plan : the batch size and the number of steps.
    root_seed : the run's seed.
    proximal_weight : mu of the objective's proximal term.
    learning_rate : of all its steps; None: plain SGD that starts without momentum, at the task's rate.
    optimizer_state : (num_state,) float32, what the first step starts with; None: zeros, if there is a learning rate.
    luck : what that stream gave, if it was drawn already.
    """
    if luck is None:
        rng = stream(root_seed, Purpose.TRAIN, client, index)
        (luck,) = draw_luck([rng], [shard], plan, task.batch_width)
    num_steps = plan.num_steps(len(shard))
    if learning_rate is not None and optimizer_state is None:
        optimizer_state = np.zeros(task.num_state, dtype=np.float32)
    return TrainingJob(
        task=task,
        client=client,
        index=index,
        base_version=base_version,
        parameters=parameters,
        samples=luck.samples,
        counts=luck.counts,
        num_steps=num_steps,
        torch_seed=luck.torch_seed,
        proximal_weight=proximal_weight,
        optimizer_state=optimizer_state,
        learning_rates=None if learning_rate is None else np.full(num_steps, learning_rate),
    )
