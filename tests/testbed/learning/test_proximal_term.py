"""Laws of the proximal term: the objective's gradient, its limits, and what it leaves alone."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from testbed.learning.job_luck import make_training_job
from testbed.learning.kernels.batched import BatchedKernel
from testbed.learning.kernels.protocol import Kernel, TrainingJob, TrainingOutput, form_chunks
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.minibatches import BatchPlan
from testbed.learning.torch_seed import seeded

KERNELS = [SerialKernel(), BatchedKernel()]
OPTIMIZERS = [{}, {"momentum": 0.9}, {"weight_decay": 0.1}, {"momentum": 0.9, "weight_decay": 0.1}]


def linear() -> nn.Module:
    return nn.Sequential(nn.Linear(13, 10))


def hidden() -> nn.Module:
    return nn.Sequential(nn.Linear(13, 17), nn.ReLU(), nn.Linear(17, 10))


def by_vmap() -> nn.Module:
    return nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 16))


def held(job: TrainingJob, proximal_weight: float) -> TrainingJob:
    return TrainingJob(**{**job.__dict__, "proximal_weight": proximal_weight})


def compute(kernel: Kernel, jobs: list[TrainingJob]) -> list[TrainingOutput]:
    outputs: list[Any] = [None] * len(jobs)
    for chunk in form_chunks(jobs, kernel):
        for position, output in zip(chunk.positions, chunk.compute(), strict=True):
            outputs[position] = output
    return outputs


def trained(kernel: Kernel, job: TrainingJob) -> np.ndarray:
    return compute(kernel, [job])[0].parameters


def softmax_regression(job: TrainingJob, rate: float, momentum: float, weight_decay: float) -> np.ndarray:
    """Return (W, b) after the job's steps in double precision, every term written out.

    v <- momentum v + (g + weight_decay w + mu (w - w_base)),  w <- w - rate v
    """
    inputs, labels = job.task.train_inputs.double().numpy(), job.task.train_labels.numpy()
    base = job.parameters.astype(np.float64)
    w, v = base.copy(), np.zeros_like(base)
    for row, count in zip(job.samples, job.counts, strict=True):
        x, y = inputs[row[:count]], labels[row[:count]]
        scores = x @ w[:130].reshape(10, 13).T + w[130:]
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        error = (shares / shares.sum(axis=1, keepdims=True) - np.eye(10)[y]) / count
        gradient = np.concatenate([(error.T @ x).ravel(), error.sum(axis=0)])
        v = momentum * v + (gradient + weight_decay * w + job.proximal_weight * (w - base))
        w = w - rate * v
    return w


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.kind)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: "-".join(optimizer) or "plain")
def test_a_step_goes_down_the_gradient_of_the_whole_local_objective(
    kernel: Kernel, optimizer: dict[str, float], make_task: Any, make_jobs: Any
) -> None:
    task = make_task(linear, **optimizer)
    (job,) = make_jobs(task, [BatchPlan(10, local_steps=6)], [25])
    terms = {"momentum": 0.0, "weight_decay": 0.0} | optimizer
    expected = softmax_regression(held(job, 3.0), 0.1, **terms)
    np.testing.assert_allclose(trained(kernel, held(job, 3.0)), expected, rtol=0, atol=1e-5)
    assert np.abs(trained(kernel, job) - expected).max() > 1e-2


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.kind)
@pytest.mark.parametrize("build", [hidden, by_vmap])
def test_the_term_is_what_autograd_makes_of_the_penalised_loss(
    kernel: Kernel, build: Callable[[], nn.Module], make_task: Any, make_jobs: Any
) -> None:
    options = {"momentum": 0.5, "weight_decay": 0.01}
    task = make_task(build, shape=(16,) if build is by_vmap else (13,), **options)
    (job,) = make_jobs(task, [BatchPlan(10, local_steps=6)], [25])
    arithmetic = BatchedKernel().family(job).name.split("/")[2]
    assert arithmetic == ("vmap" if build is by_vmap else "dense")
    with seeded(0):
        model = build()
    base = torch.tensor(job.parameters)
    nn.utils.vector_to_parameters(base.clone(), model.parameters())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, **options)
    for row, count in zip(job.samples, job.counts, strict=True):
        optimizer.zero_grad()
        inputs, labels = task.train_inputs[row[:count]], task.train_labels[row[:count]]
        drift = nn.utils.parameters_to_vector(model.parameters()) - base
        (nn.functional.cross_entropy(model(inputs), labels) + 2.0 / 2 * drift.square().sum()).backward()
        optimizer.step()
    expected = nn.utils.parameters_to_vector(model.parameters()).detach().numpy()
    np.testing.assert_allclose(trained(kernel, held(job, 2.0)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("build", [linear, hidden, by_vmap])
def test_companions_of_other_weights_do_not_change_a_bit(
    build: Callable[[], nn.Module], make_task: Any, make_jobs: Any
) -> None:
    task = make_task(build, shape=(16,) if build is by_vmap else (13,), momentum=0.5)
    jobs = make_jobs(task, [BatchPlan(10, local_steps=n) for n in (4, 7, 4, 2, 5, 4)], [30] * 6)
    jobs = [held(job, weight) for job, weight in zip(jobs, (0.5, 0.5, 0.0, 2.0, 0.0, 0.5), strict=True)]
    kernel = BatchedKernel()
    assert len({kernel.family(job) for job in jobs}) == 3
    alone = [trained(kernel, job).tobytes() for job in jobs]
    assert [output.parameters.tobytes() for output in compute(kernel, jobs)] == alone
    assert [output.parameters.tobytes() for output in compute(kernel, jobs[::-1])][::-1] == alone
    assert len(set(alone)) == len(jobs)


def test_only_a_weight_makes_another_family(make_task: Any, make_jobs: Any) -> None:
    task = make_task(hidden)
    (job,) = make_jobs(task, [BatchPlan(10, local_steps=4)], [30])
    kernel = BatchedKernel()
    assert kernel.family(held(job, 0.0)) == kernel.family(job)
    assert kernel.family(job).name == "blobs/train/dense/32"
    assert kernel.family(held(job, 0.1)).name == "blobs/train/dense/32/proximal-0.1"


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.kind)
@pytest.mark.parametrize("build", [hidden, by_vmap])
def test_a_large_weight_keeps_the_model_at_its_base(
    kernel: Kernel, build: Callable[[], nn.Module], make_task: Any, make_jobs: Any
) -> None:
    """With rate mu = 1/2 the drift is a mean of the last few gradients over mu, however many steps are taken."""
    norms = []
    for weight in (10.0, 100.0, 1000.0):
        task = make_task(build, shape=(16,) if build is by_vmap else (13,), learning_rate=0.5 / weight)
        (job,) = make_jobs(task, [BatchPlan(10, local_steps=300)], [25])
        (one_step,) = compute(kernel, [job.cut(1)])
        largest_gradient = 2.0 * one_step.update_norm / (0.5 / weight)
        (near,) = compute(kernel, [held(job, weight)])
        assert 0 < near.update_norm <= largest_gradient / weight
        norms.append(near.update_norm)
    assert norms[0] > 5 * norms[1] > 25 * norms[2]
    (free,) = compute(kernel, [job])
    assert free.update_norm > 20 * norms[-1]


def test_more_weight_never_means_more_drift(make_task: Any, make_jobs: Any) -> None:
    task = make_task(hidden)
    (job,) = make_jobs(task, [BatchPlan("full", local_steps=40)], [40])
    norms = [compute(BatchedKernel(), [held(job, weight)])[0].update_norm for weight in (0.0, 0.01, 0.1, 1.0, 5.0)]
    assert all(more > less for more, less in itertools.pairwise(norms))


def test_one_step_knows_no_term(make_task: Any, make_jobs: Any) -> None:
    """At the base the term has no gradient."""
    for build, shape in ((hidden, (13,)), (by_vmap, (16,))):
        (job,) = make_jobs(make_task(build, shape=shape), [BatchPlan(10, local_steps=1)], [25])
        for kernel in KERNELS:
            assert trained(kernel, job).tobytes() == trained(kernel, held(job, 5.0)).tobytes()


def test_frozen_parameters_stay_and_running_statistics_move_whatever_the_weight(make_task: Any, make_jobs: Any) -> None:
    def build() -> nn.Module:
        model = nn.Sequential(nn.Linear(13, 16), nn.BatchNorm1d(16), nn.Linear(16, 10))
        model[0].requires_grad_(False)
        return model

    task = make_task(build, learning_rate=1e-6)
    (job,) = make_jobs(task, [BatchPlan("full", local_steps=5)], [30])
    free, near = (task.layout.view(trained(BatchedKernel(), j), "1.running_mean") for j in (job, held(job, 1e5)))
    np.testing.assert_array_equal(free, near)
    after = trained(BatchedKernel(), held(job, 1e5))
    assert np.abs(near - task.layout.view(job.parameters, "1.running_mean")).min() > 0
    np.testing.assert_array_equal(task.layout.view(after, "0.weight"), task.layout.view(job.parameters, "0.weight"))


@pytest.mark.parametrize("weight", [-0.1, float("inf"), float("nan")])
def test_a_weight_below_zero_or_without_end_is_refused(weight: float, make_task: Any, make_jobs: Any) -> None:
    (job,) = make_jobs(make_task(linear), [BatchPlan(10, local_steps=1)], [25])
    with pytest.raises(ValueError, match="proximal_weight"):
        held(job, weight)


# -- the first steps of a job ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [10, "full"])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.kind)
def test_a_cut_job_is_the_job_of_fewer_steps(kernel: Kernel, batch_size: Any, make_task: Any) -> None:
    task = make_task(hidden, momentum=0.5)
    base, shard = task.initial_state(), np.arange(50, 75)
    for num_steps in (1, 3, 7):
        long, short = (
            make_training_job(task, 2, 1, 4, base, shard, BatchPlan(batch_size, local_steps=n), 5, proximal_weight=0.5)
            for n in (7, num_steps)
        )
        assert trained(kernel, long.cut(num_steps)).tobytes() == trained(kernel, short).tobytes()
        assert long.cut(num_steps).num_samples == short.num_samples == long.samples_after()[num_steps - 1]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # a factory keeps nothing
@given(st.integers(1, 40), st.sampled_from([5, 10, "full"]), st.integers(1, 12))
def test_the_samples_after_every_step_are_the_sizes_of_its_batches_added_up(
    make_task: Any, num_samples: int, batch_size: Any, num_steps: int
) -> None:
    plan = BatchPlan(batch_size, local_steps=num_steps)
    task = make_task(linear)
    job = make_training_job(task, 0, 0, 0, task.initial_state(), np.arange(num_samples), plan, 5)
    after = job.samples_after()
    assert len(after) == num_steps
    assert after[-1] == job.num_samples == plan.samples_per_job(num_samples)
    for done in range(1, num_steps + 1):
        assert after[done - 1] == job.cut(done).num_samples


@pytest.mark.parametrize("num_steps", [0, 8])
def test_a_job_is_not_cut_to_nothing_or_to_more_than_it_is(num_steps: int, make_task: Any, make_jobs: Any) -> None:
    (job,) = make_jobs(make_task(linear), [BatchPlan(10, local_steps=7)], [25])
    with pytest.raises(ValueError, match="must be 1 to 7"):
        job.cut(num_steps)
