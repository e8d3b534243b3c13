"""Laws of the first layer in the space of its samples: another way to the same descent, taken where it is cheaper."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from testbed.learning.job_luck import make_training_job
from testbed.learning.kernels.batched import BatchedKernel
from testbed.learning.kernels.protocol import TrainingJob, TrainingOutput, form_chunks
from testbed.learning.kernels.sample_space import num_rows_if_cheaper, padded_rows
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.linear_stack import LinearLayer
from testbed.learning.minibatches import BatchPlan
from testbed.learning.task import LearningTask


def compute(kernel: Any, jobs: list[TrainingJob]) -> list[TrainingOutput]:
    outputs: list[Any] = [None] * len(jobs)
    for chunk in form_chunks(jobs, kernel):
        for position, output in zip(chunk.positions, chunk.compute(), strict=True):
            outputs[position] = output
    return outputs


def arithmetic(job: TrainingJob) -> str:
    return BatchedKernel().family(job).name.split("/")[2]


def stack(num_inputs: int, hidden: list[int], bias: bool) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        layers: list[nn.Module] = []
        for width, following in zip([num_inputs, *hidden], [*hidden, 10], strict=True):
            layers += [nn.Linear(width, following, bias=bias), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    return build


def jobs_of(task: LearningTask, sizes: list[int], plan: BatchPlan, proximal_weight: float) -> list[TrainingJob]:
    made = []
    for client, size in enumerate(sizes):
        rng = np.random.default_rng(client)
        base = task.initial_state() + rng.normal(0.0, 0.02, task.layout.size).astype(np.float32)
        shard = rng.choice(400, size, replace=False)
        made.append(make_training_job(task, client, 0, 0, base, shard, plan, 5, proximal_weight=proximal_weight))
    return made


@pytest.fixture
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute every job in the space of its samples, be it cheaper or not."""
    monkeypatch.setattr(
        "testbed.learning.kernels.dense.num_rows_if_cheaper",
        lambda layer, job: padded_rows(len(np.unique(job.samples))),
    )


plans = st.one_of(
    st.builds(BatchPlan, st.integers(3, 12), local_epochs=st.integers(1, 4)),
    st.builds(BatchPlan, st.integers(3, 12), local_steps=st.integers(1, 12)),
    st.builds(BatchPlan, st.just("full"), local_steps=st.integers(1, 12)),
)


@pytest.mark.usefixtures("_always")
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    num_inputs=st.integers(1, 40),
    hidden=st.lists(st.integers(1, 20), max_size=2),
    bias=st.booleans(),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    plan=plans,
    momentum=st.sampled_from([0.0, 0.9]),
    weight_decay=st.sampled_from([0.0, 0.1]),
    proximal_weight=st.sampled_from([0.0, 1.0]),
)
def test_by_samples_and_by_weights_is_one_descent(
    make_task: Any,
    num_inputs: int,
    hidden: list[int],
    bias: bool,
    sizes: list[int],
    plan: BatchPlan,
    momentum: float,
    weight_decay: float,
    proximal_weight: float,
) -> None:
    options = {"learning_rate": 0.02, "momentum": momentum, "weight_decay": weight_decay}
    task = make_task(stack(num_inputs, hidden, bias), shape=(num_inputs,), **options)
    jobs = jobs_of(task, sizes, plan, proximal_weight)
    assert all(arithmetic(job).startswith("dense-") for job in jobs)
    together = compute(BatchedKernel(), jobs)
    for job, output, expected in zip(jobs, together, compute(SerialKernel(), jobs), strict=True):
        np.testing.assert_allclose(output.parameters, expected.parameters, rtol=0, atol=1e-5)
        assert output.train_loss == pytest.approx(expected.train_loss, abs=1e-5)
        assert output.update_norm == pytest.approx(expected.update_norm, rel=1e-3, abs=1e-5)
        (alone,) = compute(BatchedKernel(), [job])
        assert alone.parameters.tobytes() == output.parameters.tobytes()
        assert (alone.train_loss, alone.update_norm) == (output.train_loss, output.update_norm)


@pytest.mark.usefixtures("_always")
def test_companions_with_fewer_samples_and_steps_or_the_same_start_do_not_change_a_bit(make_task: Any) -> None:
    task = make_task(stack(37, [18], True), shape=(37,), momentum=0.5)
    plan = BatchPlan(10, local_epochs=2)
    jobs = jobs_of(task, [33, 50, 64, 41, 50], plan, 0.0)
    jobs += [TrainingJob(**{**jobs[0].__dict__, "client": 9, "samples": jobs[1].samples, "counts": jobs[1].counts,
                            "num_steps": jobs[1].num_steps})]  # fmt: skip
    assert {arithmetic(job) for job in jobs} == {"dense-64"}
    alone = [compute(BatchedKernel(), [job])[0].parameters.tobytes() for job in jobs]
    for order in (jobs, jobs[::-1], [jobs[0], jobs[-1]]):
        found = [output.parameters.tobytes() for output in compute(BatchedKernel(), order)]
        assert found == [alone[jobs.index(job)] for job in order]


@pytest.mark.usefixtures("_always")
def test_what_is_no_number_in_one_sample_stays_with_the_jobs_that_have_it(make_task: Any) -> None:
    task = make_task(stack(37, [18], True), shape=(37,))
    clean, other = jobs_of(task, [33, 50], BatchPlan(10, local_epochs=2), 0.0)
    expected = compute(BatchedKernel(), [clean])[0].parameters.tobytes()
    theirs = np.setdiff1d(other.samples, clean.samples)
    before = task.train_inputs[theirs[0]].clone()
    task.train_inputs[theirs[0]] = float("nan")
    assert not np.isfinite(compute(BatchedKernel(), [other])[0].parameters).all()
    found = compute(BatchedKernel(), [other, clean])[1]
    task.train_inputs[theirs[0]] = before
    assert found.parameters.tobytes() == expected


# -- where it is taken -------------------------------------------------------------------------------------------------

PERCEPTRON = LinearLayer("weight", "bias", 784, 200, rectified=True)
REGRESSION = LinearLayer("weight", "bias", 784, 10, rectified=False)


def rows_of(layer: LinearLayer, task: LearningTask, num_samples: int, plan: BatchPlan) -> int:
    job = make_training_job(task, 0, 0, 0, task.initial_state(), np.arange(num_samples), plan, 5)
    return num_rows_if_cheaper(layer, job)


def test_wide_layers_and_many_steps_are_cheaper_by_samples(make_task: Any) -> None:
    task = make_task(stack(4, [], True), shape=(4,), batch_width=10)
    one, ten = BatchPlan(10, local_epochs=1), BatchPlan(10, local_epochs=10)
    assert rows_of(PERCEPTRON, task, 50, one) == rows_of(PERCEPTRON, task, 50, ten) == 64
    assert rows_of(REGRESSION, task, 50, one) == 0
    assert rows_of(REGRESSION, task, 50, ten) == 64
    assert rows_of(LinearLayer("weight", "bias", 13, 10, rectified=False), task, 50, ten) == 0


def test_once_cheaper_more_steps_on_the_same_samples_never_make_it_dearer(make_task: Any) -> None:
    task = make_task(stack(4, [], True), shape=(4,), batch_width=10)
    for layer in (PERCEPTRON, REGRESSION):
        chosen = [rows_of(layer, task, 50, BatchPlan(10, local_epochs=n)) > 0 for n in range(1, 15)]
        assert chosen == sorted(chosen) and chosen[-1]


def test_the_reason_says_which(make_task: Any) -> None:
    task = make_task(stack(784, [200], True), shape=(784,), batch_width=10)
    (job,) = jobs_of(task, [50], BatchPlan(10, local_epochs=1), 0.0)
    family = BatchedKernel().family(job)
    assert family.name == "blobs/train/dense-64/10"
    assert "in the space of its 64 samples" in family.reason
    (short,) = jobs_of(task, [50], BatchPlan(10, local_steps=1), 0.0)
    assert "space" not in BatchedKernel().family(short).reason


@given(st.integers(1, 5000))
def test_rows_are_padded_to_a_power_of_two_that_keeps_lanes_aligned(num_distinct: int) -> None:
    padded = padded_rows(num_distinct)
    assert padded % 16 == 0 and padded & (padded - 1) == 0
    assert num_distinct <= padded < max(33, 2 * num_distinct)
