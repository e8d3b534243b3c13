"""Laws of tensors that stay with each client: what is exchanged of a state, and how it is put back."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from testbed.errors import RequestError
from testbed.learning.kernels.batched import BatchedKernel
from testbed.learning.kernels.protocol import TrainingJob, TrainingOutput, form_chunks
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.minibatches import BatchPlan
from testbed.learning.task import LearningTask

KERNELS = [SerialKernel(), BatchedKernel()]
PATTERNS = [("0.*",), ("4.*",), ("*.bias",), ("2.weight", "4.*"), ("0.weight", "2.bias")]


def build() -> nn.Module:
    return nn.Sequential(nn.Linear(13, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 10))


def with_statistics() -> nn.Module:
    return nn.Sequential(nn.Linear(13, 8), nn.BatchNorm1d(8), nn.Linear(8, 10))


def names(task: LearningTask) -> set[str]:
    """Return the names of the tensors that are exchanged, found by a state whose exchanged part is marked."""
    marked = task.with_exchanged(np.zeros(task.layout.size, np.float32), np.ones(task.num_exchanged, np.float32))
    return {slot.name for slot in task.layout if marked[slot.start : slot.stop].all()}


@pytest.mark.parametrize("local", PATTERNS)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_putting_in_and_taking_out_are_inverse_and_leave_the_rest_and_their_arguments_alone(
    make_task: Any, local: tuple[str, ...], seed: int
) -> None:
    task, rng = make_task(build, local=local), np.random.default_rng(seed)
    state, other = (rng.normal(size=task.layout.size).astype(np.float32) for _ in range(2))
    before = state.tobytes(), other.tobytes()
    part = task.exchanged_part(other)
    assert part.shape == (task.num_exchanged,)
    assert part.dtype == np.float32
    merged = task.with_exchanged(state, part)
    np.testing.assert_array_equal(task.exchanged_part(merged), part)
    np.testing.assert_array_equal(task.with_exchanged(state, task.exchanged_part(state)), state)
    np.testing.assert_array_equal(task.with_exchanged(merged, task.exchanged_part(state)), state)
    assert (state.tobytes(), other.tobytes()) == before
    assert not np.shares_memory(merged, state)


@pytest.mark.parametrize("local", PATTERNS)
def test_what_stays_is_what_the_patterns_name(make_task: Any, local: tuple[str, ...]) -> None:
    task = make_task(build, local=local)
    everything = {slot.name for slot in task.layout}
    stays = {
        ("0.*",): {"0.weight", "0.bias"},
        ("4.*",): {"4.weight", "4.bias"},
        ("*.bias",): {"0.bias", "2.bias", "4.bias"},
        ("2.weight", "4.*"): {"2.weight", "4.weight", "4.bias"},
        ("0.weight", "2.bias"): {"0.weight", "2.bias"},
    }[local]
    assert task.is_personal
    assert names(task) == everything - stays


def test_the_statistics_of_a_normalisation_can_stay_with_the_clients(make_task: Any) -> None:
    task = make_task(with_statistics, local=("1.*",))
    assert names(task) == {"0.weight", "0.bias", "2.weight", "2.bias"}


@pytest.mark.parametrize("local", [(), ("head.*",)])
def test_where_nothing_stays_a_state_is_exchanged_as_it_is(make_task: Any, local: tuple[str, ...]) -> None:
    task = make_task(build, local=local)
    state, part = task.initial_state(), task.initial_state()
    assert not task.is_personal
    assert task.num_exchanged == task.layout.size
    assert task.exchanged_part(state) is state
    assert task.with_exchanged(state, part) is part


def test_a_model_of_which_everything_stays_is_refused(make_task: Any) -> None:
    with pytest.raises(RequestError, match=r"all tensors stay with the clients: \* leave"):
        make_task(build, local=("*",))


# -- the proximal term -------------------------------------------------------------------------------------------------


def trained(kernel: Any, job: TrainingJob) -> np.ndarray:
    (chunk,) = form_chunks([job], kernel)
    (output,) = chunk.compute()
    assert isinstance(output, TrainingOutput)
    return output.parameters


def with_state(job: TrainingJob, proximal_weight: float) -> TrainingJob:
    more = {
        "optimizer_state": np.zeros(job.task.num_state, np.float32),
        "learning_rates": np.full(job.num_steps, 0.1),
        "proximal_weight": proximal_weight,
    }
    return TrainingJob(**{**vars(job), **more})


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.kind)
def test_the_term_pulls_at_what_is_exchanged_and_not_at_what_stays(kernel: Any, make_task: Any, make_jobs: Any) -> None:
    """At the second step the gradient differs by the term alone, -mu eta (w - base) on what is exchanged."""
    task, mu, rate = make_task(build, local=("2.*",)), 3.0, 0.1
    (job,) = make_jobs(task, [BatchPlan(10, local_steps=2)], [25])
    first = trained(kernel, with_state(job, 0.0).cut(1))
    free, held = (trained(kernel, with_state(job, weight)) for weight in (0.0, mu))
    mask = task.with_exchanged(np.zeros(task.layout.size, np.float32), np.ones(task.num_exchanged, np.float32))
    np.testing.assert_allclose(held - free, -mu * rate * mask * (first - job.parameters), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(held[mask == 0], free[mask == 0])
    assert np.abs((held - free)[mask == 1]).max() > 1e-4


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.kind)
def test_where_nothing_stays_the_term_is_the_same_with_a_state_and_without(
    kernel: Any, make_task: Any, make_jobs: Any
) -> None:
    task = make_task(build)
    (job,) = make_jobs(task, [BatchPlan(10, local_steps=5)], [25])
    plain = TrainingJob(**{**vars(job), "proximal_weight": 2.0})
    np.testing.assert_allclose(trained(kernel, with_state(job, 2.0)), trained(kernel, plain), rtol=0, atol=1e-6)


def test_a_term_without_a_state_is_refused_where_something_stays(make_task: Any, make_jobs: Any) -> None:
    (job,) = make_jobs(make_task(build, local=("2.*",)), [BatchPlan(10, local_steps=2)], [25])
    with pytest.raises(ValueError, match="needs an optimizer_state"):
        TrainingJob(**{**vars(job), "proximal_weight": 1.0})


def test_frozen_tensors_among_those_that_stay_do_not_shift_the_mask(make_task: Any) -> None:
    def frozen() -> nn.Module:
        model = build()
        model[0].requires_grad_(False)
        return model

    task = make_task(frozen, local=("2.*",))
    expected = torch.cat([torch.zeros(8 * 6 + 6), torch.ones(6 * 10 + 10)])
    torch.testing.assert_close(task.trained_is_exchanged, expected, rtol=0, atol=0)
