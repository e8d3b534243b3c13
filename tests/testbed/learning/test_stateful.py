"""Laws of jobs with an optimiser's state and of gradients: cuts change no bit, and regions' gradients add up."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from graph_runs import graph_experiment
from small import small_experiment, small_scenario
from torch import nn

from testbed.errors import RequestError
from testbed.experiments.run import prepare
from testbed.learning.inner_optimizer import InnerOptimizer
from testbed.learning.kernels.batched import BatchedKernel
from testbed.learning.kernels.none import NoKernel
from testbed.learning.kernels.protocol import GradientOutput, Job, Kernel, TrainingOutput, form_chunks
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.learning_rate import LearningRate
from testbed.learning.loss import mean_loss
from testbed.learning.torch_seed import seeded
from testbed.learning.workload import Workload
from testbed.streams import Purpose, stream

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "momentum": {"momentum": 0.9, "weight_decay": 0.01},
    "clipped": {"momentum": 0.9, "clip_norm": 0.3},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1, "clip_norm": 0.5, "learning_rate": 0.01},
    "scheduled": {
        "optimizer": "adamw", "learning_rate": 0.01, "warmup_steps": 4, "decay": "cosine", "total_steps": 20,
    },
}  # fmt: skip


def compute(kernel: Kernel, job: Job) -> Any:
    (chunk,) = form_chunks([job], kernel)
    (output,) = chunk.compute()
    return output


def workload_of(name: str = "adamw", model: Callable[[], nn.Module] | None = None, **settings: Any) -> Workload:
    training = {"learning_rate": 0.1, "local_steps": 1, "batch_size": 10} | OPTIMIZERS[name]
    if model is None:
        return small_experiment(training=training, model={"kind": "mlp", "hidden": [11]}, **settings).workload
    resolved = small_scenario(training=training, **settings).resolve()
    return prepare(resolved, 0, resolved.data.dataset.load(None), model=model).workload


def dropout() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Dropout(0.5), nn.Linear(16, 10))


def train(
    workload: Workload, client: int, cuts: list[int], kernel: Kernel | None = None
) -> tuple[np.ndarray, np.ndarray, list[TrainingOutput]]:
    """Return parameters and state after jobs of these lengths, one after another, and the outputs."""
    parameters, state, step, outputs = workload.initial_state, workload.optimizer.start(), 0, []
    for num_steps in cuts:
        job = workload.segments.next_segment(client, step, parameters, state, step, num_steps)
        output = compute(kernel or SerialKernel(), job)
        parameters, state, step = output.parameters, output.optimizer_state, step + num_steps
        outputs.append(output)
    return parameters, state, outputs


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("cuts", [[1] * 12, [5, 7], [11, 1]], ids=str)
def test_many_steps_in_one_job_are_as_many_in_several_to_the_bit(name: str, cuts: list[int]) -> None:
    whole, state, _ = train(workload_of(name), 2, [12])
    parts, state_of_parts, _ = train(workload_of(name), 2, cuts)
    assert parts.tobytes() == whole.tobytes()
    assert state_of_parts.tobytes() == state.tobytes()
    assert not np.array_equal(whole, workload_of(name).initial_state)


def test_what_a_forward_draws_in_a_step_does_not_depend_on_the_cuts_either() -> None:
    luck = torch.get_rng_state()
    whole, _, _ = train(workload_of(model=dropout), 1, [6])
    parts, _, _ = train(workload_of(model=dropout), 1, [2, 3, 1])
    assert parts.tobytes() == whole.tobytes()
    again = workload_of(model=dropout)
    job, gradient = (
        again.segments.next_segment(1, 0, again.initial_state, None, 2, 1),
        again.segments.next_gradient(1, 0, whole, 2),
    )
    for name, step in (("first_step", job), ("step", gradient)):
        luck_of = [compute(SerialKernel(), dataclasses.replace(step, **{name: k})) for k in (2, 2, 3)]
        vectors = [getattr(output, "gradient", getattr(output, "parameters", None)).tobytes() for output in luck_of]
        assert vectors[0] == vectors[1] != vectors[2]
    assert torch.equal(torch.get_rng_state(), luck)


def test_running_statistics_travel_through_cuts() -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.Linear(16, 10))

    workload = workload_of(model=build)
    whole, _, _ = train(workload, 1, [6])
    parts, _, _ = train(workload_of(model=build), 1, [2, 3, 1])
    assert parts.tobytes() == whole.tobytes()
    moved = workload.task.layout.view(whole - workload.initial_state, "2.running_mean")
    assert (np.abs(moved) > 0).all()
    with pytest.raises(RequestError, match="running statistics"):
        workload.segments.next_gradient(0, 0, workload.initial_state, 0)


def test_the_proximal_term_is_part_of_the_gradient() -> None:
    """FedProx: the gradient of mu / 2 ||w - w_base||^2 is added, which is zero in the first step."""
    workload = workload_of("plain")
    mu, rate = 0.7, 0.1
    job = dataclasses.replace(
        workload.segments.next_segment(0, 0, workload.initial_state, None, 0, 2), proximal_weight=mu
    )
    first = compute(SerialKernel(), job.cut(1)).parameters
    free = workload.segments.next_segment(0, 0, workload.initial_state, None, 0, 1)
    assert compute(SerialKernel(), free).parameters.tobytes() == first.tobytes()
    slope = compute(SerialKernel(), workload.segments.next_gradient(0, 0, first, 1)).gradient
    expected = first - rate * (slope + mu * (first - workload.initial_state))
    np.testing.assert_allclose(compute(SerialKernel(), job).parameters, expected, rtol=0, atol=1e-6)
    assert np.abs(rate * mu * (first - workload.initial_state)).max() > 1e-4


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_gradient_and_one_step_of_the_optimiser_are_a_job_of_that_step_to_the_bit(name: str) -> None:
    workload = workload_of(name)
    parameters, state, _ = train(workload, 3, [4])
    job = workload.segments.next_segment(3, 4, parameters, state, 4, 1)
    gradient = workload.segments.next_gradient(3, 4, parameters, 4)
    assert gradient.samples.tobytes() == job.samples.tobytes()
    trained, found = compute(SerialKernel(), job), compute(SerialKernel(), gradient)
    moved, after = workload.optimizer.step(parameters, found.gradient, state, 4)
    assert moved.tobytes() == trained.parameters.tobytes()
    assert after.tobytes() == trained.optimizer_state.tobytes()
    assert found.train_loss == trained.train_loss
    assert found.gradient_norm == pytest.approx(np.linalg.norm(found.gradient), rel=1e-5)


def test_the_mean_gradient_of_equal_batches_is_the_gradient_of_the_batch_of_all() -> None:
    """Data-parallel training is training on one large batch."""
    workload = workload_of(devices__count=4, data__partition="iid")
    jobs = [workload.segments.next_gradient(client, 0, workload.initial_state, 0) for client in range(4)]
    mean = np.mean([compute(SerialKernel(), job).gradient for job in jobs], axis=0)
    together = dataclasses.replace(
        jobs[0],
        task=workload_of(devices__count=4, data__partition="iid", training__batch_size=40).task,
        samples=np.concatenate([job.samples for job in jobs], axis=1),
        counts=np.array([40]),
    )
    np.testing.assert_allclose(mean, compute(SerialKernel(), together).gradient, rtol=0, atol=1e-6)


def test_a_gradient_is_that_of_the_loss_by_differences() -> None:
    workload = workload_of()
    base = workload.initial_state.copy()
    job = workload.segments.next_gradient(0, 0, base, 3)
    found = compute(SerialKernel(), job)
    direction = found.gradient / np.linalg.norm(found.gradient)
    ahead, behind = (
        compute(SerialKernel(), dataclasses.replace(job, parameters=(base + side * 0.01 * direction))).train_loss
        for side in (1, -1)
    )
    assert (ahead - behind) / 0.02 == pytest.approx(found.gradient_norm, rel=1e-3)


def test_frozen_parameters_and_buffers_have_no_gradient_and_do_not_decay() -> None:
    def build() -> nn.Module:
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10), nn.Linear(10, 10))
        model[3].requires_grad_(False)
        model[4].register_buffer("scale", torch.ones(3))
        return model

    workload = workload_of(model=build)
    task = workload.task
    trained, state, _ = train(workload, 0, [5])
    gradient = compute(SerialKernel(), workload.segments.next_gradient(0, 0, workload.initial_state, 0)).gradient
    moved, _ = workload.optimizer.step(trained, np.ones_like(trained), state, 5)
    for name in ("3.weight", "3.bias", "4.scale"):
        assert not task.layout.view(gradient, name).any()
        for vector in (trained, moved):
            np.testing.assert_array_equal(
                task.layout.view(vector, name), task.layout.view(workload.initial_state, name)
            )
    assert len(state) == 2 * (64 * 16 + 16 + 100 + 10) + 1
    assert all(task.layout.view(gradient, name).any() for name in task.trainable)


def test_a_step_of_the_optimiser_leaves_what_it_was_given_as_it_was() -> None:
    workload = workload_of()
    given = (workload.initial_state.copy(), np.ones(workload.num_entries, np.float32), workload.optimizer.start())
    before = [vector.tobytes() for vector in given]
    workload.optimizer.step(*given, 0)
    assert [vector.tobytes() for vector in given] == before
    with pytest.raises(ValueError, match="must have the shapes"):
        workload.optimizer.step(given[0], given[1], given[2][1:], 0)


def test_the_rate_of_a_step_is_that_of_its_number() -> None:
    workload = workload_of("scheduled")
    schedule = workload.optimizer.learning_rate
    job = workload.segments.next_segment(0, 0, workload.initial_state, None, 6, 5)
    assert job.learning_rates is not None
    np.testing.assert_array_equal(job.learning_rates, schedule.rates(6, 5))
    halved = InnerOptimizer(workload.task, LearningRate(schedule.rate(6) / 2))
    gradient = compute(SerialKernel(), workload.segments.next_gradient(0, 0, workload.initial_state, 6)).gradient
    start = workload.optimizer.start()
    full, _ = workload.optimizer.step(workload.initial_state, gradient, start, 6)
    half, _ = halved.step(workload.initial_state, gradient, start, 0)
    np.testing.assert_allclose(full - workload.initial_state, 2 * (half - workload.initial_state), atol=2e-7)


def test_a_segment_cut_short_is_its_first_steps() -> None:
    workload = workload_of("scheduled")
    job = workload.segments.next_segment(1, 0, workload.initial_state, None, 3, 6)
    cut, short = job.cut(2), workload.segments.next_segment(1, 0, workload.initial_state, None, 3, 2)
    outputs = [compute(SerialKernel(), one) for one in (cut, short)]
    assert outputs[0].parameters.tobytes() == outputs[1].parameters.tobytes()
    assert workload.part_done(job, workload.flop_of(cut)) is not None


@pytest.mark.parametrize("name", ["momentum", "adamw", "scheduled", "clipped"])
def test_the_batched_kernel_computes_them_serially_and_says_why(name: str) -> None:
    workload = workload_of(name)
    segment = workload.segments.next_segment(0, 0, workload.initial_state, None, 0, 2)
    gradient = workload.segments.next_gradient(0, 0, workload.initial_state, 0)
    for job, reason in ((segment, "with a state"), (gradient, "a gradient is computed alone")):
        assert reason in BatchedKernel().family(job).reason
    assert compute(BatchedKernel(), segment).parameters.tobytes() == train(workload, 0, [2])[0].tobytes()


def test_the_empty_kernel_gives_everything_back_and_no_gradient() -> None:
    workload = workload_of()
    parameters, state, (output,) = train(workload, 0, [3], NoKernel())
    assert parameters is workload.initial_state
    assert output.optimizer_state is state and len(state) == workload.task.num_state
    found = compute(NoKernel(), workload.segments.next_gradient(0, 0, workload.initial_state, 0))
    assert isinstance(found, GradientOutput)
    assert found.gradient.shape == parameters.shape and not found.gradient.any()


def test_vectors_of_a_job_and_of_its_output_cannot_be_written() -> None:
    workload = workload_of()
    state = workload.optimizer.start()
    job = workload.segments.next_segment(0, 0, workload.initial_state, state, 0, 2)
    output = compute(SerialKernel(), job)
    gradient = compute(SerialKernel(), workload.segments.next_gradient(0, 0, workload.initial_state, 0))
    for vector in (state, output.parameters, output.optimizer_state, gradient.gradient, job.learning_rates):
        with pytest.raises(ValueError, match="read-only"):
            vector[0] = 1


def test_a_job_that_does_not_fit_its_task_is_refused() -> None:
    workload = workload_of()
    job = workload.segments.next_segment(0, 0, workload.initial_state, None, 0, 2)
    for change, complaint in (
        ({"optimizer_state": np.zeros(3, np.float32)}, "optimizer_state must be float32"),
        ({"learning_rates": np.zeros(3)}, "as many learning rates"),
        ({"learning_rates": np.array([0.1, np.nan])}, "as many learning rates"),
        ({"learning_rates": None}, "both"),
        ({"learning_rates": None, "optimizer_state": None}, "plain SGD"),
        ({"first_step": -1}, "first_step"),
    ):
        with pytest.raises(ValueError, match=complaint):
            dataclasses.replace(job, **change)  # type: ignore[arg-type]


# -- minibatches counted through ---------------------------------------------------------------------------------------


def test_an_epoch_of_a_sequence_visits_every_sample_once_and_the_next_in_another_order() -> None:
    workload = workload_of(devices__count=4, data__partition="iid")
    shard = workload.shards[1]
    num_steps = 3 * len(shard)  # batches of 10: thirty epochs' worth of samples
    job = workload.segments.next_segment(1, 0, workload.initial_state, None, 0, num_steps)
    row = job.samples.reshape(-1).reshape(30, len(shard))
    assert all(np.array_equal(np.sort(epoch), shard) for epoch in row)
    assert len({epoch.tobytes() for epoch in row}) == 30
    assert (job.counts == 10).all()


def test_other_clients_and_seeds_meet_other_minibatches_and_a_whole_shard_is_one_row() -> None:
    workload = workload_of(devices__count=4, data__partition="iid")
    sizes, positions = {}, []
    for client in (1, 1, 2):
        samples = workload.segments.next_segment(client, 0, workload.initial_state, None, 5, 3).samples
        sizes[client] = len(workload.shards[client])
        positions.append(np.searchsorted(workload.shards[client], samples))
    one, same, other = positions
    assert sizes[1] == sizes[2]
    assert one.tobytes() == same.tobytes() != other.tobytes()
    full = small_experiment(training__batch_size="full").workload
    job = full.segments.next_segment(0, 0, full.initial_state, None, 7, 4)
    np.testing.assert_array_equal(job.samples, [full.shards[0]])
    assert job.num_samples == 4 * len(full.shards[0])


def test_every_step_costs_the_same_and_a_job_costs_its_steps() -> None:
    workload = workload_of()
    for client in range(3):
        segment = workload.segments.next_segment(client, 0, workload.initial_state, None, 2, 5)
        gradient = workload.segments.next_gradient(client, 0, workload.initial_state, 2)
        assert workload.flop_of(gradient) == workload.step_flop[client]
        assert workload.flop_of(segment) == pytest.approx(5 * workload.step_flop[client])


# -- the norm of the last gradient -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [SerialKernel(), BatchedKernel()], ids=lambda kernel: kernel.kind)
def test_a_job_tells_the_norm_of_its_last_gradient(kernel: Kernel) -> None:
    workload = workload_of("momentum")
    state, _, _ = train(workload, 1, [3], kernel)
    _, _, (*_, output) = train(workload_of("momentum"), 1, [4], kernel)
    gradient = compute(kernel, workload.segments.next_gradient(1, 0, state, 3))
    assert output.gradient_norm > 0
    assert output.gradient_norm == pytest.approx(gradient.gradient_norm, rel=1e-6)


def test_the_norm_is_that_before_clipping() -> None:
    (*_, output) = train(workload_of("clipped"), 1, [1])[2]
    gradient = compute(
        SerialKernel(), workload_of("clipped").segments.next_gradient(1, 0, workload_of().initial_state, 0)
    )
    assert output.gradient_norm > 0.3
    assert output.gradient_norm == pytest.approx(gradient.gradient_norm, rel=1e-6)


def test_the_norm_is_that_of_what_is_exchanged() -> None:
    workload = graph_experiment("fedavg", training__batch_size="full").workload
    job = workload.next_job(0, 0, workload.initial_state)
    task, whole = workload.task, job.parameters
    model = task.load(whole).train()
    with seeded(int(stream(job.torch_seed, Purpose.TRAIN, 0).integers(2**63))):
        batch = torch.from_numpy(job.samples[0])
        mean_loss(model(task.train_inputs[batch]), task.train_labels[batch]).backward()
    shared = [p.grad for name, p in model.named_parameters() if name.startswith("convs")]
    expected = torch.cat([gradient.reshape(-1) for gradient in shared]).norm().item()
    assert expected > 0
    assert compute(SerialKernel(), job).gradient_norm == pytest.approx(expected, rel=1e-5)


def test_plain_steps_have_a_norm_where_it_is_asked_for_and_are_the_same_steps() -> None:
    one, other = workload_of("plain"), workload_of("plain")
    plain = compute(SerialKernel(), one.next_job(0, 0, one.initial_state))
    asked = compute(SerialKernel(), other.next_job(0, 0, other.initial_state, gradient_norm=True))
    assert plain.gradient_norm is None and asked.gradient_norm > 0
    np.testing.assert_allclose(asked.parameters, plain.parameters, atol=1e-6)
    assert compute(NoKernel(), other.next_job(0, 0, other.initial_state, gradient_norm=True)).gradient_norm == 0
