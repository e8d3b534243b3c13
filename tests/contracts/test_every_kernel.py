"""The contracts of every kernel and placement: the reference's result, whatever else is computed beside it."""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from examples import Example, examples, takes_graphs
from random_graphs import random_graph_set
from torch import nn

from graphs.graph_dataset import GraphDataset
from graphs.models.gin import Gin
from testbed.errors import RequestError
from testbed.learning.datasets import Dataset
from testbed.learning.datasets.text import windows
from testbed.learning.job_luck import make_training_job
from testbed.learning.jobs import Placement
from testbed.learning.kernels.protocol import (
    EvaluationJob,
    EvaluationOutput,
    GradientJob,
    GradientOutput,
    Job,
    Kernel,
    TrainingJob,
    form_chunks,
)
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.minibatches import BatchPlan
from testbed.learning.optimizer import OptimizerSettings
from testbed.learning.task import LearningTask
from testbed.learning.torch_seed import seeded

SHAPE, NUM_CLASSES = (1, 16, 16), 10
# Full batches and minibatches, unequal shards and unequal steps, all in one list.
PLANS = [
    BatchPlan("full", local_steps=5),
    BatchPlan(10, local_steps=5),
    BatchPlan(10, local_epochs=2),
    BatchPlan("full", local_steps=2),
    BatchPlan(10, local_steps=1),
]
SHARD_SIZES = [36, 25, 33, 20, 40]


class OwnModel(nn.Module):
    """A model that nobody registered: no plain stack of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.norm, self.head = nn.Linear(256, 16), nn.LayerNorm(16), nn.Linear(16, NUM_CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.norm(self.inner(x.flatten(1)))))  # type: ignore[no-any-return]


MODELS: list[Example | None] = [*(model for model in examples("model") if not takes_graphs(model)), None]
GRAPH_MODELS: list[Example | None] = [*(model for model in examples("model") if takes_graphs(model)), None]
# How a step is made, and the weight of the proximal term of all jobs but the first.
STEPS: list[tuple[dict[str, float], float]] = [
    ({"learning_rate": 0.1}, 0.0),
    ({"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.01}, 0.0),
    ({"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.01}, 2.0),
    ({"learning_rate": 0.1}, 2.0),
]


WINDOW, NUM_TOKENS = 12, 20


@cache
def text() -> Dataset:
    """Return windows of a sequence in which a token says something about the next."""
    rng = np.random.default_rng(7)
    tokens = np.cumsum(rng.choice([1, 2, 5], size=200 * WINDOW)) % NUM_TOKENS
    inputs, labels = windows(tokens, WINDOW, WINDOW)
    return Dataset(
        name="steps", num_classes=NUM_TOKENS, sources={}, train_inputs=inputs[:120], train_labels=labels[:120],
        test_inputs=inputs[120:170], test_labels=labels[120:170],
    )  # fmt: skip


@cache
def data() -> Dataset:
    rng = np.random.default_rng(7)
    centres = rng.uniform(size=(NUM_CLASSES, *SHAPE))
    arrays: dict[str, Any] = {}
    for part, size in (("train", 120), ("test", 50)):
        labels = np.arange(size) % NUM_CLASSES
        arrays[f"{part}_labels"] = labels
        arrays[f"{part}_inputs"] = (centres[labels] + rng.normal(0, 0.3, size=(size, *SHAPE))).astype(np.float32)
    return Dataset(name="blobs", num_classes=NUM_CLASSES, sources={}, **arrays)


@pytest.fixture(scope="module", params=MODELS, ids=lambda model: str(model or "own"))
def model(request: pytest.FixtureRequest) -> nn.Module:
    torch.set_num_threads(1)
    if request.param is None:
        with seeded(3):
            return OwnModel()
    architecture = request.param.build()
    try:
        return architecture.build(SHAPE, NUM_CLASSES, 3)  # type: ignore[no-any-return]
    except RequestError:
        return architecture.build((WINDOW,), NUM_TOKENS, 3)  # type: ignore[no-any-return]


def data_for(model: nn.Module) -> Dataset:
    return text() if any(isinstance(module, nn.Embedding) for module in model.modules()) else data()


@pytest.fixture(scope="module", params=STEPS, ids=["plain", "momentum-and-decay", "all-terms", "proximal"])
def jobs(model: nn.Module, request: pytest.FixtureRequest) -> list[TrainingJob]:
    optimizer, proximal_weight = request.param
    task = LearningTask(model, data_for(model), OptimizerSettings(**optimizer), batch_width=64)
    made = []
    for client, (plan, size) in enumerate(zip(PLANS, SHARD_SIZES, strict=True)):
        rng = np.random.default_rng(client)
        base = task.initial_state() + rng.normal(0.0, 0.02, task.layout.size).astype(np.float32)
        shard = np.sort(rng.choice(120, size, replace=False))
        held = proximal_weight if client else 0.0
        made.append(make_training_job(task, client, 0, 0, base, shard, plan, root_seed=5, proximal_weight=held))
    assert len({job.num_steps for job in made}) > 2
    return made


@pytest.fixture(scope="module")
def reference(jobs: list[TrainingJob]) -> list[Any]:
    return compute(SerialKernel(), jobs)


@pytest.fixture(scope="module", params=examples("kernel"), ids=str)
def kernel(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


@cache
def placement_of(example: str) -> Any:
    """Return a placement; one for all tests, because to start its workers takes seconds."""
    (found,) = (placement for placement in examples("placement") if str(placement) == example)
    if found.name == "ray":
        pytest.importorskip("ray", reason="the extra ray is not installed")
    return found.build()


@pytest.fixture(scope="module", autouse=True)
def placements_are_closed() -> Iterator[None]:
    yield
    for example in examples("placement"):
        if example.name != "ray" or find_spec("ray"):
            placement_of(str(example)).close()


@pytest.fixture(params=examples("placement"), ids=str)
def placement(request: pytest.FixtureRequest) -> Any:
    return placement_of(str(request.param))


def compute(kernel: Kernel, jobs: Sequence[Job]) -> list[Any]:
    outputs: list[Any] = [None] * len(jobs)
    for chunk in form_chunks(jobs, kernel):
        for position, output in zip(chunk.positions, chunk.compute(), strict=True):
            outputs[position] = output
    return outputs


def bytes_of(outputs: list[Any]) -> list[tuple[Any, ...] | None]:
    return [
        None
        if output is None  # of a kernel that evaluates nothing
        else tuple(cell.tobytes() if isinstance(cell, np.ndarray) else cell for cell in vars(output).values())
        for output in outputs
    ]


def test_a_kernel_agrees_with_the_reference_to_1e5_a_job_or_says_that_it_computes_nothing(
    kernel: Kernel, jobs: list[TrainingJob], reference: list[Any]
) -> None:
    for job, output, exact in zip(jobs, compute(kernel, jobs), reference, strict=True):
        assert output.parameters.dtype == np.float32
        assert output.parameters.shape == job.parameters.shape
        if kernel.computes:
            np.testing.assert_allclose(output.parameters, exact.parameters, rtol=0, atol=1e-5)
            assert output.train_loss == pytest.approx(exact.train_loss, abs=1e-5)
            assert output.update_norm == pytest.approx(exact.update_norm, rel=1e-3)
            assert output.update_norm > 1e-3
        else:
            assert output.parameters.tobytes() == job.parameters.tobytes()


def test_a_kernel_leaves_the_jobs_the_model_and_the_global_generator_as_they_were(
    kernel: Kernel, jobs: list[TrainingJob]
) -> None:
    luck = torch.get_rng_state()
    before = [(job.parameters.tobytes(), job.samples.tobytes(), job.counts.tobytes()) for job in jobs]
    first, again = compute(kernel, jobs), compute(kernel, jobs)
    assert [(job.parameters.tobytes(), job.samples.tobytes(), job.counts.tobytes()) for job in jobs] == before
    assert bytes_of(first) == bytes_of(again)
    assert not any(output.parameters.flags.writeable for output in first)
    assert torch.equal(torch.get_rng_state(), luck)


def test_a_job_has_the_same_bits_alone_in_company_and_in_another_order(kernel: Kernel, jobs: list[TrainingJob]) -> None:
    together = bytes_of(compute(kernel, jobs))
    assert bytes_of(compute(kernel, jobs[::-1]))[::-1] == together
    for job, expected in zip(jobs, together, strict=True):
        assert bytes_of(compute(kernel, [job])) == [expected]


@pytest.fixture(scope="module")
def stateful(model: nn.Module) -> list[TrainingJob | GradientJob]:
    """Segments whose optimiser has a state, and gradients, of several clients."""
    settings = OptimizerSettings(kind="adamw", learning_rate=0.01, weight_decay=0.1, clip_norm=1.0)
    task = LearningTask(model, data_for(model), settings, batch_width=64)
    made: list[TrainingJob | GradientJob] = []
    for client, num_steps in enumerate((3, 1, 2)):
        rng = np.random.default_rng(client)
        shared: dict[str, Any] = {
            "task": task, "client": client, "index": 0, "base_version": 0, "torch_seed": client,
            "parameters": task.initial_state() + rng.normal(0.0, 0.02, task.layout.size).astype(np.float32),
        }  # fmt: skip
        rows = rng.integers(0, 120, size=(num_steps, 8))
        state = np.abs(rng.normal(0.0, 0.1, task.num_state)).astype(np.float32)
        made.append(GradientJob(**shared, samples=rows[:1], counts=np.array([8]), step=4))
        made.append(
            TrainingJob(
                **shared,
                samples=rows,
                counts=np.full(num_steps, 8),
                num_steps=num_steps,
                first_step=4,
                optimizer_state=state,
                learning_rates=np.full(num_steps, 0.01),
            )
        )
    return made


def test_jobs_with_a_state_and_gradients_are_those_of_the_reference_alone_and_in_company(
    kernel: Kernel, stateful: list[TrainingJob | GradientJob]
) -> None:
    together = compute(kernel, stateful)
    assert bytes_of(compute(kernel, stateful[::-1]))[::-1] == bytes_of(together)
    exact = compute(SerialKernel(), stateful)
    for job, output, reference in zip(stateful, together, exact, strict=True):
        assert bytes_of(compute(kernel, [job])) == bytes_of([output])
        assert type(output) is type(reference)
        if isinstance(output, GradientOutput):
            expected = reference.gradient if kernel.computes else np.zeros_like(job.parameters)
            np.testing.assert_allclose(output.gradient, expected, rtol=0, atol=1e-5)
            assert (output.gradient_norm > 1e-3) == kernel.computes
            continue
        assert isinstance(job, TrainingJob)
        expected = reference.parameters if kernel.computes else job.parameters
        np.testing.assert_allclose(output.parameters, expected, rtol=0, atol=1e-5)
        after = reference.optimizer_state if kernel.computes else job.optimizer_state
        np.testing.assert_allclose(output.optimizer_state, after, rtol=0, atol=1e-5)


@pytest.fixture(scope="module", params=GRAPH_MODELS, ids=lambda model: str(model or "wide"))
def graph_jobs(request: pytest.FixtureRequest) -> list[TrainingJob | EvaluationJob]:
    """Jobs of clients with graphs of two domains, and evaluations on their own; None: a network with lanes."""
    data = GraphDataset(graphs=random_graph_set((30, 20), max_nodes=8))
    architecture = Gin(width=16) if request.param is None else request.param.build()
    if getattr(architecture, "share", "convolutions") != "convolutions":
        data = GraphDataset(graphs=random_graph_set((50,), max_nodes=8))
    data = data.seen_by(architecture, [], by_client=True)
    module = data.build(architecture, 3)
    settings = OptimizerSettings(kind="adam", learning_rate=0.01, weight_decay=0.01)
    task = LearningTask(module, data, settings, batch_width=6, local=architecture.local_tensors)
    made: list[TrainingJob | EvaluationJob] = []
    for client, num_steps in enumerate((3, 1, 2, 3)):
        rng = np.random.default_rng(client)
        state = task.initial_state() + rng.normal(0.0, 0.02, task.layout.size).astype(np.float32)
        own = np.arange(30) if client % 2 == 0 else np.arange(30, 50)
        made.append(
            TrainingJob(
                task=task, client=client, index=0, base_version=0, torch_seed=client, parameters=state,
                samples=rng.choice(own, (num_steps, 5)), counts=rng.integers(1, 6, num_steps), num_steps=num_steps,
                optimizer_state=np.zeros(task.num_state, dtype=np.float32), learning_rates=np.full(num_steps, 0.01),
                proximal_weight=0.5,
            )
        )  # fmt: skip
        made.append(EvaluationJob(task=task, version=0, parameters=state, samples=rng.choice(own, 7)))
    return made


def test_jobs_of_graphs_are_those_of_the_reference_alone_and_in_company(
    kernel: Kernel, graph_jobs: list[TrainingJob | EvaluationJob]
) -> None:
    together, exact = compute(kernel, graph_jobs), compute(SerialKernel(), graph_jobs)
    if kernel.computes:
        assert bytes_of(compute(kernel, graph_jobs[::-1]))[::-1] == bytes_of(together)
    for job, output, reference in zip(graph_jobs, together, exact, strict=True):
        if not kernel.computes:
            assert output is None or output.parameters.tobytes() == job.parameters.tobytes()
            continue
        assert bytes_of(compute(kernel, [job])) == bytes_of([output])
        if isinstance(job, EvaluationJob):
            assert output.loss == pytest.approx(reference.loss, abs=1e-5)
            np.testing.assert_array_equal(output.num_samples, reference.num_samples)
            continue
        np.testing.assert_allclose(output.parameters, reference.parameters, rtol=0, atol=1e-5)
        np.testing.assert_allclose(output.optimizer_state, reference.optimizer_state, rtol=0, atol=1e-5)
        assert output.train_loss == pytest.approx(reference.train_loss, abs=1e-5)
        assert output.update_norm == pytest.approx(reference.update_norm, rel=1e-3)


def test_an_evaluation_is_that_of_the_reference_or_none_at_all(kernel: Kernel, jobs: list[TrainingJob]) -> None:
    versions = [EvaluationJob(task=job.task, version=k, parameters=job.parameters) for k, job in enumerate(jobs[:2])]
    for output, exact in zip(compute(kernel, versions), compute(SerialKernel(), versions), strict=True):
        assert isinstance(exact, EvaluationOutput)
        if not kernel.computes:
            assert output is None
            continue
        assert output.loss == pytest.approx(exact.loss, abs=1e-5)
        assert np.abs(output.num_correct - exact.num_correct).sum() <= 1
        np.testing.assert_array_equal(output.num_samples, exact.num_samples)
        assert output.num_samples.sum() == jobs[0].task.test_labels.numel()


def check_placement(placement: Placement, jobs: Sequence[Job], kernel: Kernel) -> None:
    # Twice the jobs, for a placement may keep a lone chunk to itself.
    chunks = form_chunks(jobs, kernel) + form_chunks(jobs[::-1], kernel)
    placed = list(placement.run(chunks))
    assert [len(outputs) for outputs in placed] == [len(chunk.jobs) for chunk in chunks]
    for outputs, chunk in zip(placed, chunks, strict=True):
        assert bytes_of(outputs) == bytes_of(chunk.compute())
    assert list(placement.run([])) == []
    assert placement.reason


def test_a_placement_returns_the_outputs_of_every_chunk_in_order_and_decides_nothing_about_them(
    placement: Placement, kernel: Kernel, jobs: list[TrainingJob]
) -> None:
    versions = [EvaluationJob(task=job.task, version=k, parameters=job.parameters) for k, job in enumerate(jobs[:2])]
    some = EvaluationJob(task=jobs[0].task, version=2, parameters=jobs[2].parameters, samples=np.arange(5, 40))
    check_placement(placement, [*jobs, *versions, some], kernel)


def test_a_placement_decides_nothing_about_jobs_with_a_state_and_gradients(
    placement: Placement, kernel: Kernel, stateful: list[TrainingJob | GradientJob]
) -> None:
    check_placement(placement, stateful, kernel)


def test_a_placement_decides_nothing_about_jobs_of_graphs(
    placement: Placement, kernel: Kernel, graph_jobs: list[TrainingJob | EvaluationJob]
) -> None:
    check_placement(placement, graph_jobs, kernel)
