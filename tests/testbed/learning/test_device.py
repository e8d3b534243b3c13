"""Laws of the device axis, on a device that is pretended (`pretended.py`), and on a GPU where there is one."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from pretended import DEVICE, pretended
from torch import nn

from channels.codecs import Int8Codec
from testbed.errors import RequestError
from testbed.learning import device as devices
from testbed.learning.chunk_key import chunk_key, surroundings
from testbed.learning.inner_optimizer import InnerOptimizer
from testbed.learning.kernels.batched import BatchedKernel
from testbed.learning.kernels.joint import train_jointly
from testbed.learning.kernels.joint_job import JointJob
from testbed.learning.kernels.protocol import EvaluationJob, GradientJob, Job, Kernel, Output, form_chunks
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.learning_rate import LearningRate
from testbed.learning.minibatches import BatchPlan
from testbed.learning.optimizer import OptimizerSettings
from testbed.learning.placement.arithmetic import Arithmetic
from testbed.learning.placement.parcel import pack_task, unpack_task
from testbed.learning.task import LearningTask

HERE = torch.device("cpu")


def linear() -> nn.Module:
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16))


def tanh() -> nn.Module:
    return nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 16))


def convolutions() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 16))


def drawing() -> nn.Module:
    return nn.Sequential(nn.Linear(16, 32), nn.Dropout(0.3), nn.BatchNorm1d(32), nn.Linear(32, 16))


MODELS: dict[str, Callable[[], nn.Module]] = {
    "linear": linear, "tanh": tanh, "convolutions": convolutions, "drawing": drawing,
}  # fmt: skip
SHAPES = {"convolutions": (1, 4, 4)}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "plain": {"momentum": 0.9, "weight_decay": 0.01},
    "adamw": {"kind": "adamw", "clip_norm": 1.0},
}


@pytest.fixture
def device() -> Iterator[torch.device]:
    with pretended() as device:
        yield device


def jobs_on(task: LearningTask, make_jobs: Any, optimizer: str) -> list[Job]:
    plans, rate = [BatchPlan(8, local_steps=2 + k % 2) for k in range(4)], None if optimizer == "plain" else 0.05
    trained = make_jobs(task, plans, [30, 26, 40, 12], rate)
    base = trained[0].parameters
    one = trained[0]
    gradient = GradientJob(
        task=task, client=1, index=0, base_version=0, parameters=base, samples=one.samples[:1], counts=one.counts[:1],
        step=2, torch_seed=9,
    )  # fmt: skip
    some = EvaluationJob(task=task, version=0, parameters=base, samples=np.array([3, 5, 8]))
    return [*trained, gradient, EvaluationJob(task=task, version=0, parameters=base), some]


def outputs(jobs: list[Job], kernel: Kernel) -> dict[int, Output]:
    chunks = form_chunks(jobs, kernel)
    found = [(chunk.positions, chunk.compute()) for chunk in chunks]
    return {position: output for positions, own in found for position, output in zip(positions, own, strict=True)}


def reasons(jobs: list[Job], kernel: Kernel) -> list[str]:
    return [chunk.family.reason for chunk in form_chunks(jobs, kernel)]


def assert_close(found: dict[int, Output], expected: dict[int, Output], atol: float) -> None:
    assert found.keys() == expected.keys()
    for position, output in found.items():
        for name, value in vars(output).items():
            wanted = vars(expected[position])[name]
            assert type(value) is type(wanted), name  # bytes of the CPU, and nothing that still lies elsewhere
            if value is not None:
                np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=atol, err_msg=f"{position} {name}")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_jobs_return_from_another_device_what_they_return_here(
    model: str, optimizer: str, make_task: Any, make_jobs: Any, device: torch.device
) -> None:
    settings = OPTIMIZERS[optimizer]
    here, there = (
        make_task(MODELS[model], shape=SHAPES.get(model, (16,)), device=at, **settings) for at in (HERE, device)
    )
    assert there.train_inputs.device == there.model[-1].weight.device == there.test_labels.device == device
    expected = outputs(jobs_on(here, make_jobs, optimizer), SerialKernel())
    assert_close(outputs(jobs_on(there, make_jobs, optimizer), SerialKernel()), expected, atol=1e-7)


@pytest.mark.parametrize("model", ["linear", "tanh"])
def test_lanes_on_another_device_agree_with_jobs_here(
    model: str, make_task: Any, make_jobs: Any, device: torch.device
) -> None:
    here, there = (
        make_task(MODELS[model], shape=SHAPES.get(model, (16,)), device=at, momentum=0.9) for at in (HERE, device)
    )
    expected = outputs(jobs_on(here, make_jobs, "plain"), SerialKernel())
    assert_close(outputs(jobs_on(there, make_jobs, "plain"), BatchedKernel()), expected, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kernel", [SerialKernel(), BatchedKernel()], ids=lambda kernel: kernel.kind)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", ["linear", "tanh", "convolutions"])  # what a forward draws is another luck on a GPU
def test_a_gpu_agrees_with_the_cpu_and_computes_the_same_bits_twice(
    model: str, optimizer: str, kernel: Kernel, make_task: Any, make_jobs: Any
) -> None:
    settings = OPTIMIZERS[optimizer]
    here, there = (
        make_task(MODELS[model], shape=SHAPES.get(model, (16,)), device=at, **settings)
        for at in (HERE, torch.device("cuda", 0))
    )
    expected = outputs(jobs_on(here, make_jobs, optimizer), SerialKernel())
    with devices.deterministic("cuda"):
        once, again = (outputs(jobs_on(there, make_jobs, optimizer), kernel) for _ in range(2))
    assert_close(once, expected, atol=1e-5)
    for position, output in once.items():
        twin = vars(again[position])
        assert all(np.array_equal(value, twin[name]) for name, value in vars(output).items())


def test_on_a_gpu_no_arithmetic_of_the_cpu_is_chosen_and_the_record_says_so(
    make_task: Any, make_jobs: Any, device: torch.device
) -> None:
    chosen = {}
    for model in ("linear", "tanh", "convolutions"):
        task = make_task(MODELS[model], shape=SHAPES.get(model, (16,)), device=device)
        chosen[model] = {(chunk.family.name, chunk.family.reason) for chunk in chunks_of(task, make_jobs)}
    assert chosen["linear"] == {
        ("blobs/train/vmap/32", "its closed form is arithmetic of the CPU: batched by torch.func")
    }
    assert chosen["tanh"] == {("blobs/train/vmap/32", "no closed form: batched by torch.func")}
    assert chosen["convolutions"] == {
        ("blobs/train/serial", "the closed form of convolutions is arithmetic of the CPU")
    }
    here = make_task(MODELS["linear"], shape=(16,))
    assert {chunk.family.name for chunk in chunks_of(here, make_jobs)} == {"blobs/train/dense/32"}


def chunks_of(task: LearningTask, make_jobs: Any) -> Any:
    return form_chunks(make_jobs(task, [BatchPlan(8, local_steps=2)] * 3, [30] * 3), BatchedKernel())


def test_a_cluster_trains_on_another_device_as_here(make_task: Any, device: torch.device) -> None:
    found = []
    for at in (HERE, device):
        task = make_task(linear, shape=(16,), device=at)
        even, rng = np.full(2, 0.5), np.random.default_rng(3)
        job = JointJob(
            task=task, cut=1, clients=(0, 1), index=0, base_version=0, parameters=task.initial_state(),
            samples=rng.integers(0, 400, (3, 2, 8)), counts=np.array([8, 6]), learning_rate=0.1, top="shared",
            top_weights=even, mean_weights=even, codec=Int8Codec(), mixing=np.full((3, 2), 0.3),
            local_weights=(0.5, 0.5),
        )  # fmt: skip
        found.append(train_jointly(job))
    assert_close({0: found[1]}, {0: found[0]}, atol=1e-7)


def test_a_server_steps_with_a_tasks_optimiser_wherever_that_lies(make_task: Any, device: torch.device) -> None:
    moved = []
    for at in (HERE, device):
        task = make_task(linear, shape=(16,), device=at, kind="adamw")
        optimizer = InnerOptimizer(task, LearningRate(0.1))
        start = task.initial_state()
        moved.append(optimizer.step(start, np.ones_like(start), optimizer.start(), 0))
    assert all(np.array_equal(one, other) for one, other in zip(*moved, strict=True))
    assert not np.array_equal(moved[0][0], start)


def test_a_task_is_sent_as_bytes_and_lies_on_its_device_again(
    make_task: Any, make_jobs: Any, device: torch.device
) -> None:
    task = make_task(drawing, shape=(16,), device=device, momentum=0.5)
    words, buffers = pack_task(task)
    copy = unpack_task(words, buffers)
    assert copy.device == copy.train_inputs.device == copy.test_labels.device == copy.model[0].weight.device == device
    expected = outputs(jobs_on(task, make_jobs, "plain"), SerialKernel())
    assert_close(outputs(jobs_on(copy, make_jobs, "plain"), SerialKernel()), expected, atol=0.0)


def test_samples_that_are_no_arrays_stay_with_the_cpu(make_task: Any) -> None:
    class Store:
        def __getitem__(self, index: Any) -> torch.Tensor:
            return torch.ones(len(index), 16)

    here = make_task(linear, shape=(16,))
    data = type("Data", (), vars(here) | {"train_inputs": Store(), "test_inputs": Store()})
    data.train_labels, data.test_labels = here.train_labels.numpy(), here.test_labels.numpy()
    with pytest.raises(RequestError, match=r"run\.device = 'pretended': the samples of 'blobs' are no arrays.*: 'cpu'"):
        LearningTask(linear(), data, OptimizerSettings(learning_rate=0.1), 8, device=DEVICE)  # type: ignore[arg-type]


def test_stored_results_of_one_device_never_answer_for_another(
    make_task: Any, make_jobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {}
    monkeypatch.setattr(devices, "cuda_devices", lambda: ["Ampere"])
    gpu = torch.device("cuda", 0)
    for name in ("Ampere", "Hopper", "cpu"):
        monkeypatch.setattr(devices, "cuda_devices", lambda name=name: [name])
        task = make_task(linear, shape=(16,))
        if name != "cpu":
            task.device = gpu
        (job,) = make_jobs(task, [BatchPlan(8, local_steps=2)], [30])
        names[name] = chunk_key(form_chunks([job], SerialKernel())[0], surroundings(SerialKernel()), {})
    assert len(set(names.values())) == 3


def test_a_gpu_computes_deterministically_in_float32_and_everything_is_as_before_afterwards() -> None:
    def settings() -> tuple[Any, ...]:
        matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
        return torch.are_deterministic_algorithms_enabled(), matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark

    before = settings()
    with devices.deterministic("cpu"):
        assert settings() == before
    with devices.deterministic("cuda"):
        assert settings() == (True, False, False, False)
        there = Arithmetic.here()
    assert settings() == before != (True, False, False, False)
    with devices.deterministic("cuda"):  # restores what a worker keeps to its end
        torch.backends.cudnn.allow_tf32 = True
        there.enter()
        assert settings() == (True, False, False, False)
