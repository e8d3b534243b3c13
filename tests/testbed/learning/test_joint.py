"""Split learning of a cluster as one job: against training of the whole model, and against its own definition."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from channels.codecs import Bf16Codec, Fp32Codec, Int8Codec
from testbed.errors import RequestError
from testbed.learning.cost import training_cost
from testbed.learning.datasets.digits import DigitsDataset
from testbed.learning.kernels.joint import train_jointly
from testbed.learning.kernels.joint_job import JointJob
from testbed.learning.kernels.protocol import TrainingJob
from testbed.learning.kernels.serial import train
from testbed.learning.models.mlp import Mlp
from testbed.learning.optimizer import OptimizerSettings
from testbed.learning.split_model import cut_in_two, split_cost
from testbed.learning.task import LearningTask

CUT = 3  # flatten, linear, rectifier | linear, rectifier, linear
RATE = 0.2


@pytest.fixture(scope="module")
def task() -> LearningTask:
    data = DigitsDataset().load(None)
    model = Mlp(hidden=(16, 12)).build((1, 8, 8), 10, 0)
    return LearningTask(model, data, OptimizerSettings(kind="sgd", learning_rate=RATE), batch_width=8)


def joint(task: LearningTask, num_clients: int, num_steps: int = 4, **changes: Any) -> JointJob:
    rng = np.random.default_rng(3)
    even = np.full(num_clients, 1.0 / num_clients)
    fields: dict[str, Any] = {
        "task": task,
        "cut": CUT,
        "clients": tuple(range(num_clients)),
        "index": 0,
        "base_version": 0,
        "parameters": task.initial_state(),
        "samples": rng.integers(0, 1000, (num_steps, num_clients, 8)),
        "counts": np.full(num_clients, 8),
        "learning_rate": RATE,
        "top": "shared",
        "top_weights": even,
        "mean_weights": even,
        "codec": Fp32Codec(),
    }
    return JointJob(**(fields | changes))


def whole(task: LearningTask, samples: Any) -> Any:
    """Return what plain training of the uncut model makes of these batches, (num_steps, width)."""
    job = TrainingJob(
        task=task,
        client=0,
        index=0,
        base_version=0,
        parameters=task.initial_state(),
        samples=samples,
        counts=np.full(len(samples), samples.shape[1]),
        num_steps=len(samples),
        torch_seed=0,
    )
    return train(job).parameters


@pytest.mark.parametrize("top", ["shared", "sequential", "copies"])
def test_one_client_and_no_loss_on_the_way_is_training_of_the_whole_model(task: LearningTask, top: Any) -> None:
    orders = np.zeros((4, 1), dtype=np.int64) if top == "sequential" else None
    job = joint(task, 1, top=top, orders=orders)
    output = train_jointly(job)
    np.testing.assert_allclose(output.parameters, whole(task, job.samples[:, 0]), atol=1e-6)
    assert output.update_norm > 0.01


def test_one_iteration_of_a_shared_top_is_a_step_on_the_mean_gradient_of_all(task: LearningTask) -> None:
    task_wide = LearningTask(task.model, DigitsDataset().load(None), task.optimizer, batch_width=24)
    job = joint(task_wide, 3, num_steps=1)
    together = job.samples.reshape(1, 24)
    # A bottom steps with its own full gradient; the mean of three bottoms is one step with the mean gradient.
    np.testing.assert_allclose(train_jointly(job).parameters, whole(task_wide, together), atol=1e-6)


def test_a_shared_top_and_copies_agree_in_the_first_iteration_and_part_afterwards(task: LearningTask) -> None:
    one = [train_jointly(joint(task, 3, num_steps=1, top=top)).parameters for top in ("shared", "copies")]
    np.testing.assert_allclose(*one, atol=1e-6)
    more = [train_jointly(joint(task, 3, num_steps=5, top=top)).parameters for top in ("shared", "copies")]
    assert np.abs(more[0] - more[1]).max() > 1e-5


def test_a_sequential_top_steps_once_a_client_in_the_given_order(task: LearningTask) -> None:
    job = joint(task, 2, num_steps=1, top="sequential", orders=np.array([[1, 0]]))
    model = task.load(task.initial_state())
    bottom, top = cut_in_two(model, CUT)
    for position in (1, 0):
        rows = torch.from_numpy(job.samples[0, position])
        loss = cross_entropy(top(bottom(task.train_inputs[rows]).detach()), task.train_labels[rows])
        weights = list(top.parameters())
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.add_(gradient, alpha=-RATE)
    expected = torch.cat([weight.detach().reshape(-1) for weight in top.parameters()]).numpy()
    np.testing.assert_allclose(train_jointly(job).parameters[-len(expected) :], expected, atol=1e-6)


def test_a_merged_batch_weighs_clients_by_their_samples(task: LearningTask) -> None:
    counts = np.array([2, 6])
    task_wide = LearningTask(task.model, DigitsDataset().load(None), task.optimizer, batch_width=8)
    job = joint(task_wide, 2, num_steps=1, counts=counts, top_weights=counts / 8, mean_weights=counts / 8)
    together = np.concatenate([job.samples[:, 0, :2], job.samples[:, 1, :6]], axis=1)
    np.testing.assert_allclose(train_jointly(job).parameters, whole(task_wide, together), atol=1e-6)


@pytest.mark.parametrize("codec", [Fp32Codec(), Bf16Codec(), Int8Codec()])
def test_bits_of_a_client_are_those_of_its_activations_and_gradients_as_encoded(task: LearningTask, codec: Any) -> None:
    job = joint(task, 2, counts=np.array([8, 5]), codec=codec)
    messages = [2 * job.num_steps * codec.size_bits(16 * count, 1) for count in (8, 5)]
    assert train_jointly(job).bits.tolist() == messages


def test_what_a_codec_loses_changes_what_is_learnt(task: LearningTask) -> None:
    exact, coarse = (train_jointly(joint(task, 2, codec=codec)).parameters for codec in (Fp32Codec(), Int8Codec()))
    assert 1e-5 < np.abs(exact - coarse).max() < 0.1


def test_mixing_changes_the_top_alone_in_the_first_iteration(task: LearningTask) -> None:
    plain = train_jointly(joint(task, 2, num_steps=1)).parameters
    mixed = train_jointly(joint(task, 2, num_steps=1, mixing=np.full((1, 2), 0.7))).parameters
    num_bottom = split_cost(task, CUT).num_bottom
    assert np.array_equal(plain[:num_bottom], mixed[:num_bottom])
    assert not np.array_equal(plain[num_bottom:], mixed[num_bottom:])
    unmixed = train_jointly(joint(task, 2, num_steps=1, mixing=np.ones((1, 2)))).parameters
    np.testing.assert_allclose(unmixed, plain, atol=1e-7)


def test_a_local_loss_reaches_the_bottom_once_its_heads_have_moved(task: LearningTask) -> None:
    plain, local = (train_jointly(joint(task, 2, local_weights=w)).parameters for w in ((0.0, 0.0), (0.1, 0.5)))
    first = [train_jointly(joint(task, 2, num_steps=1, local_weights=w)).parameters for w in ((0.0, 0.0), (0.1, 0.5))]
    np.testing.assert_array_equal(*first)  # heads of zero send nothing back
    assert np.abs(plain - local).max() > 1e-5


def test_the_same_job_gives_the_same_bytes(task: LearningTask) -> None:
    one, two = (train_jointly(joint(task, 3)).parameters for _ in range(2))
    assert one.tobytes() == two.tobytes()


def test_the_operations_of_the_halves_add_up_to_those_of_the_whole(task: LearningTask) -> None:
    halves = split_cost(task, CUT)
    total = training_cost(task.model, task.train_inputs[:2], task.train_labels[:2])
    assert halves.bottom.flop_per_sample + halves.top.flop_per_sample == total.flop_per_sample
    forward = halves.bottom.forward_flop_per_sample + halves.top.forward_flop_per_sample
    assert forward == total.forward_flop_per_sample
    assert (halves.num_bottom, halves.num_smashed) == (64 * 16 + 16, 16)
    assert halves.num_bottom + halves.num_top == task.layout.size
    assert halves.bottom.forward_flop_per_sample == 2 * 64 * 16


@pytest.mark.parametrize("cut", [0, 1, 6, 7])
def test_a_half_without_parameters_is_refused(task: LearningTask, cut: int) -> None:
    with pytest.raises(RequestError, match="both halves need parameters"):
        cut_in_two(task.model, cut)


def test_a_divergence_is_told_to_whoever_reads(task: LearningTask) -> None:
    assert np.isnan(train_jointly(joint(task, 2, num_steps=30, learning_rate=1e30)).parameters).all()


def test_weights_that_do_not_sum_to_one_are_refused(task: LearningTask) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        replace(joint(task, 2), mean_weights=np.array([0.5, 0.6]))
