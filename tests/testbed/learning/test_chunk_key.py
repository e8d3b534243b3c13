"""Laws of chunk keys: whatever may change an output changes the key, and what cannot does not."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from testbed.learning.chunk_key import chunk_key, surroundings
from testbed.learning.content_digest import UnknownContentError
from testbed.learning.kernels.batched import BatchedKernel
from testbed.learning.kernels.protocol import Chunk, EvaluationJob, GradientJob, TrainingJob, form_chunks
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.minibatches import BatchPlan
from testbed.learning.sources import UnknownSourceError
from testbed.learning.task import LearningTask

KERNEL = BatchedKernel()


def build(hidden: int = 6, bias: bool = True) -> nn.Module:
    return nn.Sequential(nn.Linear(13, hidden, bias=bias), nn.ReLU(), nn.Linear(hidden, 10))


@pytest.fixture
def jobs(make_task: Any, make_jobs: Any) -> list[TrainingJob]:
    task = make_task(build)
    return make_jobs(task, [BatchPlan(10, local_steps=3)] * 3, [30] * 3)  # type: ignore[no-any-return]


def key(jobs: list[Any], kernel: Any = KERNEL) -> bytes:
    return b"".join(chunk_key(chunk, surroundings(kernel), {}) for chunk in form_chunks(jobs, kernel))


def changed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        other = value.copy()
        other.reshape(-1)[-1] += 1
        return other
    return value + 1


def test_equal_jobs_made_anew_have_the_same_key(make_task: Any, make_jobs: Any, jobs: list[TrainingJob]) -> None:
    again = make_jobs(make_task(build), [BatchPlan(10, local_steps=3)] * 3, [30] * 3)
    assert key(again) == key(jobs)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(TrainingJob) if field.name != "task"])
def test_every_field_of_a_job_counts(make_task: Any, jobs: list[TrainingJob], name: str) -> None:
    task = make_task(build, momentum=0.9)
    state = {"optimizer_state": np.zeros(task.num_state, np.float32), "learning_rates": np.full(3, 0.1)}
    jobs = [TrainingJob(**{**vars(job), "task": task, **state}) for job in jobs]
    fields = vars(jobs[1])
    change = {name: changed(fields[name])}
    if name == "counts":
        change = {"counts": fields["counts"] - 1}
    if name == "num_steps":  # a batch a step
        a_step = ("samples", "counts", "learning_rates")
        change |= {part: np.concatenate([fields[part], fields[part][:1]]) for part in a_step}
    assert key([jobs[0], TrainingJob(**{**fields, **change}), jobs[2]]) != key(jobs)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(GradientJob) if field.name != "task"])
def test_every_field_of_a_gradient_counts(jobs: list[TrainingJob], name: str) -> None:
    fields = {field.name: vars(jobs[0]).get(field.name, 0) for field in dataclasses.fields(GradientJob)}
    fields |= {"samples": jobs[0].samples[:1], "counts": jobs[0].counts[:1]}
    other = fields | {name: fields[name] - 1 if name == "counts" else changed(fields[name])}
    assert key([GradientJob(**fields)]) == key([GradientJob(**fields)]) != key([GradientJob(**other)])


def test_a_field_that_somebody_adds_counts(jobs: list[TrainingJob]) -> None:
    made = dataclasses.make_dataclass(
        "LaterJob",
        [("pull", float, dataclasses.field(kw_only=True))],
        bases=(TrainingJob,),
        frozen=True,
        eq=False,
        namespace={"__module__": __name__},
    )
    one, same, other = (made(**vars(jobs[0]), pull=pull) for pull in (0.1, 0.1, 0.2))
    assert key([one]) == key([same])
    assert len({key([one]), key([other]), key([jobs[0]])}) == 3
    with pytest.raises(UnknownContentError):
        key([made(**vars(jobs[0]), pull=object())])


def test_the_order_and_the_company_of_jobs_count(jobs: list[TrainingJob]) -> None:
    assert len({key(jobs), key(jobs[::-1]), key(jobs[:2])}) == 3


def test_the_place_among_other_chunks_does_not_count(jobs: list[TrainingJob]) -> None:
    (chunk,) = form_chunks(jobs, KERNEL)
    moved = dataclasses.replace(chunk, positions=(5, 6, 7))
    assert chunk_key(moved, b"", {}) == chunk_key(chunk, b"", {})


def test_training_and_evaluation_of_one_state_differ(jobs: list[TrainingJob]) -> None:
    evaluations = [EvaluationJob(task=jobs[0].task, version=v, parameters=jobs[0].parameters) for v in (0, 1)]
    assert len({key(jobs[:1]), key(evaluations[:1]), key(evaluations[1:]), key(evaluations)}) == 4


def test_the_kernel_counts(jobs: list[TrainingJob]) -> None:
    assert key(jobs[:1], SerialKernel()) != key(jobs[:1])
    assert surroundings(SerialKernel()) != surroundings(KERNEL)


def of_task(task: LearningTask, jobs: list[TrainingJob]) -> bytes:
    moved = [TrainingJob(**{**vars(job), "task": task}) for job in jobs]
    family = dataclasses.replace(form_chunks(jobs, KERNEL)[0].family, task=task)
    return chunk_key(Chunk(family, (0, 1, 2), tuple(moved)), b"", {})


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 0.2},
        {"momentum": 0.9},
        {"weight_decay": 0.01},
        {"batch_width": 32},
        {"num_classes": 9},
    ],
    ids=str,
)
def test_the_task_counts(make_task: Any, jobs: list[TrainingJob], change: dict[str, Any]) -> None:
    assert of_task(make_task(build, **change), jobs) != of_task(make_task(build), jobs)


@pytest.mark.parametrize("part", ["train_inputs", "train_labels", "test_inputs", "test_labels"])
def test_every_sample_counts(make_task: Any, jobs: list[TrainingJob], part: str) -> None:
    task = make_task(build)
    tensor = getattr(task, part).clone()
    tensor.reshape(-1)[-1] += 1
    setattr(task, part, tensor)
    assert of_task(task, jobs) != of_task(make_task(build), jobs)


def attribute(model: nn.Module, value: Any) -> nn.Module:
    model[1].scale = value
    return model


SAME_SIZE: dict[str, Callable[[], nn.Module]] = {
    "plain": build,
    "another rectifier": lambda: nn.Sequential(nn.Linear(13, 6), nn.LeakyReLU(), nn.Linear(6, 10)),
    "another slope": lambda: nn.Sequential(nn.Linear(13, 6), nn.LeakyReLU(0.5), nn.Linear(6, 10)),
    "one layer frozen": lambda: frozen(build()),
    "an attribute": lambda: attribute(build(), 1.0),
    "another value": lambda: attribute(build(), 2.0),
    "a hook": lambda: hooked(build()),
    "a buffer that stays": lambda: buffered(build(), 1),
    "another buffer": lambda: buffered(build(), 2),
}


def frozen(model: nn.Module) -> nn.Module:
    model[0].bias.requires_grad_(False)
    return model


def double(module: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
    return 2 * output


def hooked(model: nn.Module) -> nn.Module:
    model[0].register_forward_hook(double)
    return model


def buffered(model: nn.Module, value: int) -> nn.Module:
    model.register_buffer("count", torch.tensor([value]))
    return model


def test_the_structure_of_the_model_counts(
    make_task: Any, jobs: list[TrainingJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("testbed.learning.content_digest.source_digest", lambda module: module)
    keys = {name: of_task(make_task(make), jobs) for name, make in SAME_SIZE.items()}
    assert len(set(keys.values())) == len(SAME_SIZE)
    assert keys == {name: of_task(make_task(make), jobs) for name, make in SAME_SIZE.items()}


def test_computing_changes_no_key(make_task: Any, make_jobs: Any) -> None:
    task = make_task(lambda: buffered(build(), 1))
    jobs = make_jobs(task, [BatchPlan(10, local_steps=3)], [30])
    before = key(jobs, SerialKernel())
    form_chunks(jobs, SerialKernel())[0].compute()
    # The digest of a task is kept, so ask for that of a twin whose working copy is in another state.
    twin = make_task(lambda: buffered(build(), 1))
    twin.load(np.ones(twin.layout.size, dtype=np.float32))
    assert key([TrainingJob(**{**vars(jobs[0]), "task": twin})], SerialKernel()) == before


def test_a_model_whose_content_is_not_known_has_no_key(make_task: Any, jobs: list[TrainingJob]) -> None:
    class Local(nn.Linear):
        pass

    for make in (
        lambda: attribute(build(), object()),
        lambda: nn.Sequential(Local(13, 6), nn.ReLU(), nn.Linear(6, 10)),
    ):
        with pytest.raises((UnknownContentError, UnknownSourceError)):
            of_task(make_task(make), jobs)


def test_threads_precision_and_arithmetic_variables_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = surroundings(KERNEL)
    assert surroundings(KERNEL) == before
    found = {before}
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    found.add(surroundings(KERNEL))
    monkeypatch.delenv("MKL_CBWR")
    monkeypatch.setattr(np, "__version__", "0.0")
    found.add(surroundings(KERNEL))
    monkeypatch.undo()
    torch.set_num_threads(2)
    found.add(surroundings(KERNEL))
    torch.set_num_threads(1)
    assert len(found) == 4
    assert surroundings(KERNEL) == before


def test_the_samples_of_an_evaluation_count(jobs: list[TrainingJob]) -> None:
    """Clients who are tested on samples of their own may have the same model and the same version."""
    keys = {
        key([EvaluationJob(task=jobs[0].task, version=1, parameters=jobs[0].parameters, samples=samples)])
        for samples in (None, np.arange(3), np.arange(1, 4), np.arange(4))
    }
    assert len(keys) == 4
