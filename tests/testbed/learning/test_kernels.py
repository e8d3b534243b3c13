"""Laws of kernels: they agree with each other and with PyTorch's optimiser, and companions change no bit."""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from testbed.errors import RunFailure
from testbed.learning.kernels.batched import BatchedKernel
from testbed.learning.kernels.lanes import lanes_of
from testbed.learning.kernels.none import NoKernel
from testbed.learning.kernels.protocol import (
    Chunk,
    EvaluationJob,
    EvaluationOutput,
    Family,
    Kernel,
    TrainingJob,
    TrainingOutput,
    form_chunks,
)
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.minibatches import BatchPlan
from testbed.learning.task import LearningTask
from testbed.learning.torch_seed import seeded


class Own(nn.Module):
    """A user's module: not a plain stack, so `vmap` computes it; its matrices keep lanes aligned."""

    def __init__(self, activation: type[nn.Module] = nn.GELU, num_inputs: int = 16) -> None:
        super().__init__()
        self.inner = nn.Linear(num_inputs, 16)
        self.norm = nn.LayerNorm(16)
        self.activation = activation()
        self.head = nn.Linear(16, 10, bias=False)
        self.register_buffer("scale", torch.full((16,), 0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.activation(self.inner(x))) * self.scale)


def stack(*widths: int, bias: bool = True) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        layers: list[nn.Module] = [nn.Flatten()]
        for num_inputs, num_outputs in itertools.pairwise(widths):
            layers += [nn.Linear(num_inputs, num_outputs, bias=bias), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    return build


def convolutions(*, bias: bool = True) -> nn.Module:
    """Two convolutions of images 1x9x9, pooled with a rest, then strided to one point and rectified; a hidden layer."""
    return nn.Sequential(
        nn.Conv2d(1, 5, 3, padding=(1, 2), bias=bias),  # (n, 5, 9, 11)
        nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)),  # (n, 5, 4, 5)
        nn.Conv2d(5, 6, (2, 3), stride=(1, 2), bias=bias),  # (n, 6, 3, 2)
        nn.MaxPool2d(2),  # (n, 6, 1, 1)
        nn.Identity(),
        nn.Conv2d(6, 7, 1, bias=bias),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(7, 12, bias=bias),
        nn.ReLU(),
        nn.Linear(12, 10, bias=bias),
    )


def deferred() -> nn.Module:
    """A convolution of images 1x9x9 below a layer so large that its steps are kept apart: 43 rows of them."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(1296, 200), nn.ReLU(), nn.Linear(200, 10)
    )


def compute(kernel: Kernel, jobs: list[TrainingJob]) -> list[TrainingOutput]:
    outputs: list[Any] = [None] * len(jobs)
    for chunk in form_chunks(jobs, kernel):
        for position, output in zip(chunk.positions, chunk.compute(), strict=True):
            outputs[position] = output
    return outputs


def family_names(kernel: Kernel, jobs: list[TrainingJob]) -> set[str]:
    return {kernel.family(job).name.split("/")[2] for job in jobs}


# Odd sizes on purpose: they are what misaligned lanes would show in.
MODELS: dict[str, tuple[Callable[[], nn.Module], str, dict[str, Any]]] = {
    "one-layer": (stack(13, 10), "dense", {}),
    "three-layers": (stack(13, 17, 9, 10), "dense", {}),
    "no-bias": (stack(13, 17, 10, bias=False), "dense", {}),
    "momentum": (stack(13, 17, 10), "dense", {"momentum": 0.9}),
    "momentum-and-decay": (stack(13, 17, 10), "dense", {"momentum": 0.9, "weight_decay": 0.01}),
    "decay": (stack(13, 17, 10), "dense", {"weight_decay": 0.01}),
    "many-inputs": (stack(805, 67, 10), "dense-64", {"shape": (805,)}),
    "many-inputs-one-layer": (stack(3001, 33, bias=False), "dense-64", {"shape": (3001,), "num_classes": 33}),
    "many-inputs-all-terms": (stack(805, 67, 10), "dense-64", {"shape": (805,), "momentum": 0.9, "weight_decay": 0.1}),
    "convolutions": (convolutions, "convolution", {"shape": (1, 9, 9)}),
    "convolutions-no-bias": (lambda: convolutions(bias=False), "convolution", {"shape": (1, 9, 9)}),
    "convolutions-momentum": (
        convolutions,
        "convolution",
        {"shape": (1, 9, 9), "momentum": 0.9, "weight_decay": 0.01},
    ),
    "convolutions-decay": (convolutions, "convolution", {"shape": (1, 9, 9), "weight_decay": 0.1}),
    "deferred": (deferred, "convolution", {"shape": (1, 9, 9)}),
    "deferred-decay": (deferred, "convolution", {"shape": (1, 9, 9), "weight_decay": 0.1}),
    "deferred-momentum": (deferred, "convolution", {"shape": (1, 9, 9), "momentum": 0.9}),
    "own": (Own, "vmap", {"shape": (16,)}),
    "own-momentum": (lambda: Own(nn.Tanh), "vmap", {"shape": (16,), "momentum": 0.9, "weight_decay": 0.01}),
    "misaligned": (lambda: nn.Sequential(nn.Linear(13, 17), nn.SiLU(), nn.Linear(17, 10)), "serial", {}),
}
# Full batches and minibatches, unequal shards and steps, all in one list.
PLANS = [
    BatchPlan("full", local_steps=7),
    BatchPlan(10, local_steps=7),
    BatchPlan(10, local_epochs=2),
    BatchPlan("full", local_steps=3),
    BatchPlan(10, local_steps=1),
    BatchPlan("full", local_steps=7),
]
SIZES = [36, 25, 33, 20, 40, 61]


@pytest.fixture(params=MODELS, name="case")
def _case(
    request: pytest.FixtureRequest, make_task: Any, make_jobs: Any
) -> tuple[LearningTask, list[TrainingJob], str]:
    build, arithmetic, options = MODELS[request.param]
    task = make_task(build, **options)
    return task, make_jobs(task, PLANS, SIZES), arithmetic


def test_batched_and_serial_agree_to_1e5_per_job(case: tuple[LearningTask, list[TrainingJob], str]) -> None:
    _, jobs, arithmetic = case
    batched, serial = compute(BatchedKernel(), jobs), compute(SerialKernel(), jobs)
    assert arithmetic in family_names(BatchedKernel(), jobs)
    for one, other, job in zip(batched, serial, jobs, strict=True):
        np.testing.assert_allclose(one.parameters, other.parameters, rtol=0, atol=1e-5)
        assert one.train_loss == pytest.approx(other.train_loss, abs=1e-5)
        assert one.update_norm == pytest.approx(np.linalg.norm(one.parameters - job.parameters), rel=1e-4)
        assert one.update_norm > 1e-3


def test_the_bits_of_a_job_are_the_same_in_any_company(
    case: tuple[LearningTask, list[TrainingJob], str],
) -> None:
    _, jobs, _ = case
    kernel = BatchedKernel()
    alone = [compute(kernel, [job])[0] for job in jobs]
    together = compute(kernel, jobs)
    # Reversed, each job beside two copies of others: other neighbours, other lanes, longer chunks.
    mixed = compute(kernel, [job for own in reversed(jobs) for job in (jobs[0], own, jobs[1])])[1::3][::-1]
    for company in (together, mixed):
        for expected, found in zip(alone, company, strict=True):
            assert expected.parameters.tobytes() == found.parameters.tobytes()
            assert (expected.train_loss, expected.update_norm) == (found.train_loss, found.update_norm)


# 15 features of 10 samples do not fill whole vector registers, where SiLU has other bits.
UNEVEN = (lambda: nn.Sequential(nn.Linear(16, 15), nn.SiLU(), nn.Linear(15, 16)), "vmap", {"shape": (16,)})


@pytest.mark.parametrize(
    "name", ["three-layers", "momentum-and-decay", "many-inputs", "many-inputs-all-terms", "deferred", "own", "uneven"]
)
def test_the_bits_of_a_job_are_the_same_in_every_lane(make_task: Any, make_jobs: Any, name: str) -> None:
    build, _, options = (MODELS | {"uneven": UNEVEN})[name]
    task = make_task(build, batch_width=10, **options)
    jobs = make_jobs(task, [BatchPlan(10, local_steps=4)] * 7, [30] * 7)
    expected = compute(BatchedKernel(), jobs)
    for shift in range(1, 7):
        found = compute(BatchedKernel(), jobs[shift:] + jobs[:shift])
        for lane, output in enumerate(found):
            assert output.parameters.tobytes() == expected[(lane + shift) % 7].parameters.tobytes()


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}])
def test_the_bits_of_a_job_are_the_same_whether_it_shares_its_start_or_not(
    make_task: Any, make_jobs: Any, options: Any
) -> None:
    task = make_task(deferred, shape=(1, 9, 9), **options)
    starts = [task.initial_state(), task.initial_state() + np.float32(0.01)]
    jobs = [replace(job, parameters=starts[job.client % 2]) for job in make_jobs(task, PLANS, SIZES)]
    apart = [replace(job, parameters=job.parameters.copy()) for job in jobs]
    expected = [compute(BatchedKernel(), [job])[0].parameters.tobytes() for job in jobs]
    assert max(len(chunk.jobs) for chunk in form_chunks(jobs, BatchedKernel())) > 2
    for company in (jobs, apart, apart[:2] + jobs[2:]):
        assert [output.parameters.tobytes() for output in compute(BatchedKernel(), company)] == expected
        found = compute(BatchedKernel(), company[::-1])[::-1]
        assert [output.parameters.tobytes() for output in found] == expected


def test_convolutions_go_in_lockstep_only_where_steps_are_kept_apart(make_task: Any, make_jobs: Any) -> None:
    def largest(build: Any, **options: Any) -> int:
        jobs = make_jobs(make_task(build, shape=(1, 9, 9), **options), [BatchPlan(10, local_steps=2)] * 12, [30] * 12)
        return max(len(chunk.jobs) for chunk in form_chunks(jobs, BatchedKernel()))

    assert (largest(deferred), largest(deferred, momentum=0.9), largest(convolutions)) == (6, 1, 1)


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"momentum": 0.9, "weight_decay": 0.1}])
def test_the_serial_kernel_is_the_optimiser_of_pytorch(make_task: Any, make_jobs: Any, options: Any) -> None:
    task = make_task(stack(13, 17, 10), **options)
    (job,) = make_jobs(task, [BatchPlan(10, local_steps=6)], [25])
    with seeded(0):
        model = stack(13, 17, 10)()
    nn.utils.vector_to_parameters(torch.tensor(job.parameters), model.parameters())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, **options)
    for row, count in zip(job.samples, job.counts, strict=True):
        optimizer.zero_grad()
        inputs, labels = task.train_inputs[row[:count]], task.train_labels[row[:count]]
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    expected = nn.utils.parameters_to_vector(model.parameters()).detach().numpy()
    np.testing.assert_allclose(compute(SerialKernel(), [job])[0].parameters, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.Dropout(0.5), "draws"),
        (nn.BatchNorm1d(16), "buffers"),
        (nn.BatchNorm1d(16, track_running_stats=False), "affect each other"),
    ],
)
def test_models_that_cannot_be_batched_run_serially_for_a_reason_and_repeat_to_the_bit(
    make_task: Any, make_jobs: Any, layer: nn.Module, reason: str
) -> None:
    task = make_task(lambda: nn.Sequential(nn.Linear(13, 16), layer, nn.Linear(16, 10)))
    jobs = make_jobs(task, PLANS, SIZES)
    assert all(reason in BatchedKernel().family(job).reason for job in jobs)
    luck = torch.get_rng_state()
    first = compute(BatchedKernel(), jobs)
    torch.rand(3)
    second = compute(SerialKernel(), jobs[::-1])[::-1]
    for one, other in zip(first, second, strict=True):
        assert one.parameters.tobytes() == other.parameters.tobytes()
    assert not torch.equal(luck, torch.get_rng_state())  # only our own draw moved it
    torch.set_rng_state(luck)


def test_training_moves_the_running_statistics_that_travel(make_task: Any, make_jobs: Any) -> None:
    task = make_task(lambda: nn.Sequential(nn.Linear(13, 16), nn.BatchNorm1d(16), nn.Linear(16, 10)))
    (job,) = make_jobs(task, [BatchPlan("full", local_steps=3)], [30])
    (output,) = compute(BatchedKernel(), [job])
    moved = task.layout.view(output.parameters - job.parameters, "1.running_mean")
    assert np.all(np.abs(moved) > 0)


def test_the_dropout_of_a_job_depends_on_its_seed_alone(make_task: Any, make_jobs: Any) -> None:
    task = make_task(lambda: nn.Sequential(nn.Linear(13, 16), nn.Dropout(0.5), nn.Linear(16, 10)))
    (job,) = make_jobs(task, [BatchPlan("full", local_steps=3)], [30])
    other = TrainingJob(**{**job.__dict__, "torch_seed": job.torch_seed + 1})
    one, same, different = (compute(SerialKernel(), [j])[0].parameters.tobytes() for j in (job, job, other))
    assert one == same != different


def test_a_model_that_draws_in_evaluation_is_evaluated_alike_twice_and_leaves_the_generator_alone(
    make_task: Any,
) -> None:
    class Always(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(nn.functional.dropout(x, 0.5, training=True))

    task = make_task(lambda: Always(13, 10))
    luck = torch.get_rng_state()
    one, other = (_evaluated(SerialKernel(), task, task.initial_state()) for _ in range(2))
    assert one.loss == other.loss
    assert torch.equal(luck, torch.get_rng_state())


def test_a_model_that_fails_on_a_batch_fails_the_run_and_names_the_client(make_task: Any, make_jobs: Any) -> None:
    task = make_task(lambda: nn.Sequential(nn.Linear(13, 16), nn.BatchNorm1d(16), nn.Linear(16, 10)))
    (job,) = make_jobs(task, [BatchPlan(10, local_epochs=1)], [21])
    with pytest.raises(RunFailure, match="client 0 in round 0: the model fails on a batch of 1 samples"):
        compute(BatchedKernel(), [job])


def test_frozen_parameters_and_constant_buffers_travel_unchanged(make_task: Any, make_jobs: Any) -> None:
    def build() -> nn.Module:
        model = Own()
        model.inner.requires_grad_(False)
        return model

    task = make_task(build, shape=(16,), weight_decay=0.1)
    jobs = make_jobs(task, PLANS[:2], SIZES[:2])
    for kernel in (SerialKernel(), BatchedKernel()):
        for job, output in zip(jobs, compute(kernel, jobs), strict=True):
            for name in ("inner.weight", "scale"):
                before, after = (task.layout.view(v, name) for v in (job.parameters, output.parameters))
                np.testing.assert_array_equal(before, after)


def test_kernels_read_parameters_and_never_change_them(
    case: tuple[LearningTask, list[TrainingJob], str],
) -> None:
    _, jobs, _ = case
    before = [job.parameters.tobytes() for job in jobs]
    for kernel in (SerialKernel(), BatchedKernel()):
        for output in compute(kernel, jobs):
            assert not output.parameters.flags.writeable
    assert before == [job.parameters.tobytes() for job in jobs]


def test_the_state_of_a_submitted_job_cannot_be_changed_any_more(make_task: Any, make_jobs: Any) -> None:
    (job,) = make_jobs(make_task(stack(13, 10)), PLANS[:1], SIZES[:1])
    with pytest.raises(ValueError, match="read-only"):
        job.parameters[0] = 1.0


def test_chunks_are_a_function_of_the_list_longest_jobs_first(make_task: Any, make_jobs: Any) -> None:
    task = make_task(stack(13, 10))
    jobs = make_jobs(task, [BatchPlan(10, local_steps=n) for n in (2, 5, 2, 5, 9)], [30] * 5)
    (chunk,) = form_chunks(jobs, BatchedKernel())
    assert chunk.positions == (4, 1, 3, 0, 2)
    assert [chunk.positions for chunk in form_chunks(jobs, SerialKernel())] == [(4,), (1,), (3,), (0,), (2,)]


def test_chunks_are_cut_at_the_size_that_stays_in_cache(make_task: Any, make_jobs: Any) -> None:
    task = make_task(stack(784, 200, 10), shape=(1, 28, 28))
    # By weights, 0.68 MB of parameters a lane, 4 MB a chunk; in the space of 64 samples a step works on 0.15 MB.
    for plan, arithmetic, fewest, most in (("full", "dense", 3, 7), (10, "dense-64", 20, 28)):
        jobs = make_jobs(task, [BatchPlan(plan, local_epochs=1)] * 60, [60] * 60)
        assert family_names(BatchedKernel(), jobs) == {arithmetic}
        sizes = [len(chunk.jobs) for chunk in form_chunks(jobs, BatchedKernel())]
        assert sum(sizes) == 60
        assert fewest <= max(sizes) <= most


@given(num_jobs=st.integers(1, 60), max_jobs=st.integers(1, 12))
def test_chunks_of_a_family_are_as_few_as_will_do_and_differ_by_one_job_at_most(num_jobs: int, max_jobs: int) -> None:
    family = Family(None, "any", lambda chunk: [], max_jobs, 1, "a test")  # type: ignore[arg-type]
    jobs = [SimpleNamespace(num_steps=1)] * num_jobs
    chunks = form_chunks(jobs, SimpleNamespace(family=lambda job: family))  # type: ignore[arg-type]
    sizes = [len(chunk.jobs) for chunk in chunks]
    assert [position for chunk in chunks for position in chunk.positions] == list(range(num_jobs))
    assert len(sizes) == math.ceil(num_jobs / max_jobs) and max(sizes) <= max_jobs
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("name", ["three-layers", "no-bias", "many-inputs", "convolutions", "deferred", "own"])
def test_what_was_computed_before_leaves_no_trace_in_a_job(make_task: Any, make_jobs: Any, name: str) -> None:
    build, _, options = MODELS[name]
    task = make_task(build, **options)
    jobs = make_jobs(task, PLANS, SIZES)
    clean = [output.parameters.tobytes() for output in compute(BatchedKernel(), jobs)]
    diverged = [replace(job, parameters=np.full_like(job.parameters, np.nan)) for job in jobs]
    compute(BatchedKernel(), diverged)  # all that kernels keep from job to job is now full of it
    assert [output.parameters.tobytes() for output in compute(BatchedKernel(), jobs)] == clean


@pytest.mark.parametrize("kernel", [BatchedKernel(), SerialKernel()])
@pytest.mark.parametrize("name", ["three-layers", "many-inputs", "convolutions", "deferred", "own"])
def test_a_result_that_somebody_holds_never_changes(make_task: Any, make_jobs: Any, name: str, kernel: Kernel) -> None:
    build, _, options = MODELS[name]
    jobs = make_jobs(make_task(build, **options), PLANS, SIZES)
    held = [output.parameters[3:] for output in compute(kernel, jobs)]  # parts only, and not what they are of
    before = [part.tobytes() for part in held]
    other = [replace(job, parameters=job.parameters + np.float32(0.5)) for job in jobs]
    for _ in range(3):
        compute(kernel, other)
    assert [part.tobytes() for part in held] == before


def test_the_memory_of_results_that_nobody_holds_is_used_again(make_task: Any, make_jobs: Any) -> None:
    jobs = make_jobs(make_task(stack(13, 17, 10)), PLANS, SIZES)
    first = {output.parameters.ctypes.data for output in compute(BatchedKernel(), jobs)}
    assert {output.parameters.ctypes.data for output in compute(BatchedKernel(), jobs)} == first


def test_a_lone_job_is_padded_to_two_lanes(make_task: Any, make_jobs: Any) -> None:
    for build, options in ((stack(13, 10), {}), (Own, {"shape": (16,)})):
        (chunk,) = form_chunks(make_jobs(make_task(build, **options), PLANS[:1], SIZES[:1]), BatchedKernel())
        assert (len(chunk.jobs), chunk.num_lanes, len(chunk.compute())) == (1, 2, 1)
        assert lanes_of(chunk) == chunk.jobs * 2


def test_other_convolutions_and_large_models_run_one_at_a_time(make_task: Any, make_jobs: Any) -> None:
    convolution = make_task(
        lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(144, 10)),
        shape=(1, 8, 8),
    )
    large = make_task(lambda: nn.Sequential(nn.Linear(784, 160), nn.Tanh(), nn.Linear(160, 10)), shape=(784,))
    for task, reason in ((convolution, "convolutions"), (large, "size")):
        (job,) = make_jobs(task, PLANS[:1], SIZES[:1])
        assert reason in BatchedKernel().family(job).reason
        (one,), (other,) = compute(BatchedKernel(), [job]), compute(SerialKernel(), [job])
        assert one.parameters.tobytes() == other.parameters.tobytes()


def test_a_binary_classifier_with_one_output_learns(make_task: Any, make_jobs: Any) -> None:
    task = make_task(lambda: nn.Sequential(nn.Linear(16, 1)), shape=(16,), num_classes=2)
    jobs = make_jobs(task, PLANS, SIZES)
    for one, other in zip(compute(BatchedKernel(), jobs), compute(SerialKernel(), jobs), strict=True):
        np.testing.assert_allclose(one.parameters, other.parameters, rtol=0, atol=1e-5)


def _evaluated(kernel: Kernel, task: LearningTask, state: np.ndarray) -> EvaluationOutput:
    (chunk,) = form_chunks([EvaluationJob(task=task, version=0, parameters=state)], kernel)
    (output,) = chunk.compute()
    assert isinstance(output, EvaluationOutput)
    return output


def test_a_job_on_all_data_lowers_the_loss_and_zero_scores_have_the_loss_of_guessing(
    make_task: Any, make_jobs: Any
) -> None:
    task = make_task(stack(13, 17, 10), batch_width=400)
    zero = _evaluated(SerialKernel(), task, np.zeros(task.layout.size, dtype=np.float32))
    assert zero.loss == pytest.approx(np.log(10), abs=1e-6)
    assert zero.num_samples.sum() == 120
    assert zero.num_correct.tolist() == [zero.num_samples[0], *[0] * 9]
    (job,) = make_jobs(task, [BatchPlan("full", local_steps=200)], [400])
    (output,) = compute(BatchedKernel(), [job])
    assert _evaluated(BatchedKernel(), task, output.parameters).loss < 0.5 * zero.loss


def test_the_empty_kernel_returns_what_it_got_and_evaluates_nothing(make_task: Any, make_jobs: Any) -> None:
    task = make_task(stack(13, 10))
    jobs = make_jobs(task, PLANS, SIZES)
    for job, output in zip(jobs, compute(NoKernel(), jobs), strict=True):
        assert output.parameters is job.parameters
        assert (output.train_loss, output.update_norm) == (0.0, 0.0)
    (chunk,) = form_chunks([EvaluationJob(task=task, version=0, parameters=jobs[0].parameters)], NoKernel())
    assert chunk.compute() == [None]


def test_a_family_holds_no_state_of_a_chunk(make_task: Any, make_jobs: Any) -> None:
    task = make_task(stack(13, 17, 10))
    jobs = make_jobs(task, PLANS, SIZES)
    chunks = form_chunks(jobs, BatchedKernel())
    assert all(isinstance(chunk, Chunk) for chunk in chunks)
    for chunk in chunks:
        first, second = chunk.compute(), chunk.compute()
        for one, other in zip(first, second, strict=True):
            assert isinstance(one, TrainingOutput)
            assert isinstance(other, TrainingOutput)
            assert one.parameters.tobytes() == other.parameters.tobytes()
