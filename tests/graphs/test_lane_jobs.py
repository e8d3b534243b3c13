"""Jobs of graph networks under the kernel `batched`: those of `serial` to the bit, beside whomever; and why not."""

from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np
import pytest
from random_graphs import random_graph_set

from graphs.graph_dataset import GraphDataset
from graphs.models.gcn import Gcn
from graphs.models.gin import Gin
from testbed.experiments.run import execute
from testbed.experiments.scenario import Scenario
from testbed.learning.kernels.batched import BatchedKernel
from testbed.learning.kernels.evaluation import KeptInputs
from testbed.learning.kernels.protocol import EvaluationJob, Job, Kernel, TrainingJob, form_chunks
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.optimizer import OptimizerSettings
from testbed.learning.task import LearningTask

# Two domains; the density leaves graphs without an edge.
DATA = GraphDataset(graphs=random_graph_set((60, 40), max_nodes=12, density=0.05))
# Whose graphs, samples a minibatch, steps; the last client takes one batch again and again.
CLIENTS = [(0, 9, 3), (1, 4, 1), (0, 1, 5), (1, 8, 3), (0, 6, 2), (0, 5, 4)]
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"learning_rate": 0.1},
    "momentum": {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    "adam": {"kind": "adam", "learning_rate": 0.01, "weight_decay": 5e-4, "clip_norm": 0.5},
    "adamw": {"kind": "adamw", "learning_rate": 0.01, "weight_decay": 0.1},
}


def task_of(optimizer: str = "adam", model: Any = None, width: int = 32) -> LearningTask:
    architecture = Gin(width=16) if model is None else model
    module = architecture.build_for_graphs(DATA.train_inputs.shape, 0)
    settings = OptimizerSettings(**OPTIMIZERS[optimizer])
    return LearningTask(module, DATA, settings, batch_width=width, local=architecture.local_tensors)


def jobs_of(task: LearningTask, proximal_weight: float = 0.0, *, has_state: bool = True) -> list[TrainingJob]:
    made = []
    for client, (domain, size, num_steps) in enumerate(CLIENTS):
        rng = np.random.default_rng(client)
        num_rows = 1 if client == len(CLIENTS) - 1 else num_steps
        counts = rng.integers(1, size + 1, num_rows)
        state = np.abs(rng.normal(0.0, 0.01, task.num_state)).astype(np.float32)
        if task.optimizer.kind != "sgd":
            state[-1] = client
        made.append(
            TrainingJob(
                task=task,
                client=client,
                index=0,
                base_version=0,
                parameters=task.initial_state() + rng.normal(0.0, 0.02, task.layout.size).astype(np.float32),
                samples=rng.integers(*((60, 100) if domain else (0, 60)), (num_rows, size)),
                counts=counts,
                num_steps=num_steps,
                torch_seed=client,
                proximal_weight=proximal_weight,
                first_step=client,
                optimizer_state=state if has_state else None,
                learning_rates=rng.uniform(0.001, 0.02, num_steps) if has_state else None,
            )
        )
    return made


def compute(kernel: Kernel, jobs: Sequence[Job]) -> list[Any]:
    outputs: list[Any] = [None] * len(jobs)
    for chunk in form_chunks(jobs, kernel):
        for position, output in zip(chunk.positions, chunk.compute(), strict=True):
            outputs[position] = output
    return outputs


def bytes_of(outputs: Sequence[Any]) -> list[tuple[Any, ...]]:
    return [
        tuple(cell.tobytes() if isinstance(cell, np.ndarray) else cell for cell in vars(output).values())
        for output in outputs
    ]


@pytest.mark.parametrize("proximal_weight", [0.0, 0.5], ids=["free", "proximal"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_jobs_side_by_side_have_the_bits_of_the_reference(optimizer: str, proximal_weight: float) -> None:
    jobs = jobs_of(task_of(optimizer), proximal_weight)
    (chunk,) = form_chunks(jobs, BatchedKernel())
    assert "/train/lanes/" in chunk.family.name
    outputs = compute(BatchedKernel(), jobs)
    assert bytes_of(outputs) == bytes_of(compute(SerialKernel(), jobs))
    assert all(output.update_norm > 1e-4 and output.gradient_norm > 1e-4 for output in outputs)


def test_jobs_of_plain_sgd_without_a_state_have_the_numbers_of_the_reference() -> None:
    jobs = jobs_of(task_of("sgd"), has_state=False)
    (chunk,) = form_chunks(jobs, BatchedKernel())
    assert "/train/lanes" in chunk.family.name
    for output, exact in zip(compute(BatchedKernel(), jobs), compute(SerialKernel(), jobs), strict=True):
        np.testing.assert_allclose(output.parameters, exact.parameters, rtol=0, atol=1e-5)
        assert output.train_loss == pytest.approx(exact.train_loss, abs=1e-5)
        assert output.optimizer_state is None
        assert output.gradient_norm is None


@pytest.mark.parametrize("company", [[0], [3, 1], [5, 4, 3, 2, 1, 0]], ids=str)
def test_a_job_has_the_same_bits_in_every_company(company: list[int]) -> None:
    jobs = jobs_of(task_of(), 0.5)
    together = bytes_of(compute(BatchedKernel(), jobs))
    assert bytes_of(compute(BatchedKernel(), [jobs[k] for k in company])) == [together[k] for k in company]


def test_evaluations_side_by_side_have_the_bits_of_the_reference_and_again() -> None:
    task, rng = task_of(), np.random.default_rng(0)
    tests = [rng.integers(60, 100, 7) if k % 3 else rng.integers(0, 60, 5 + k % 4) for k in range(6)]
    kernel = BatchedKernel()
    for version in range(2):
        jobs = [
            EvaluationJob(task=task, version=version, parameters=job.parameters * (1 + version), samples=samples)
            for job, samples in zip(jobs_of(task), tests, strict=True)
        ]
        (chunk,) = form_chunks(jobs, kernel)
        assert "/evaluate/lanes/8" in chunk.family.name
        assert bytes_of(compute(kernel, jobs)) == bytes_of(compute(SerialKernel(), jobs))
        assert bytes_of(compute(kernel, jobs[:1])) == bytes_of(compute(SerialKernel(), jobs[:1]))


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (lambda: task_of(model=Gcn(width=16, share="convolutions")), "adam with a state is computed one job at a time"),
        (lambda: task_of(model=Gin(width=8)), "a width of 8 is not a multiple of 16"),
        (lambda: task_of(width=4000), "minibatches of this size and width fill the cache"),
    ],
    ids=["no-offer", "misaligned", "large"],
)
def test_the_records_say_why_jobs_are_computed_one_at_a_time(task: Any, reason: str) -> None:
    (job, *_) = jobs_of(task())
    family = BatchedKernel().family(job)
    assert family.name.endswith("/train/serial")
    assert family.reason.startswith(reason)


def test_weight_decay_without_a_state_leaves_alone_what_is_not_used() -> None:
    family = BatchedKernel().family(jobs_of(task_of("momentum"), has_state=False)[0])
    assert "weight decay" in family.reason


@pytest.mark.parametrize("kernel", [SerialKernel(), BatchedKernel()], ids=lambda kernel: kernel.kind)
def test_a_minibatch_of_two_domains_fails_under_every_kernel(kernel: Any) -> None:
    jobs = jobs_of(task_of())
    jobs[1].samples[0, :2] = 3, 70
    jobs[1].counts[0] = 2
    with pytest.raises(ValueError, match="graphs of one domain"):
        compute(kernel, jobs)


@pytest.mark.parametrize("num_clients", [1, 6])
def test_a_run_has_the_same_rows_under_both_kernels(num_clients: int) -> None:
    """A lone client is computed alone; six hold graphs of two domains."""
    per_domain = {"kind": "domains", "clients_per_domain": 3, "graphs_per_client": 12}
    one = GraphDataset(graphs=random_graph_set((40,), max_nodes=12, density=0.2))
    scenario = Scenario.load(str(resources.files("testbed.scenarios") / "fedgcf.toml"))
    for key, value in {
        "model.width": 16,
        "training.batch_size": 3,
        "run.horizon_rounds": 4,
        "devices.count": num_clients,
        "data.partition": {"kind": "stratified"} if num_clients == 1 else per_domain,
    }.items():
        scenario = scenario.set(key, value)
    data = one if num_clients == 1 else DATA
    serial, batched = (execute(scenario.resolve(), 0, dataset=data, kernel=name) for name in ("serial", "batched"))
    assert batched.meta["status"] == "done", batched.meta
    assert set(serial.tables) == set(batched.tables)
    for name, table in serial.tables.items():
        # As text: what is not a number is not equal to itself.
        assert name == "chunk" or repr(table.to_pydict()) == repr(batched.tables[name].to_pydict()), name
    families = set(batched.column("chunk", "family"))
    assert any("/train/lanes" in family for family in families)
    assert any("/evaluate/lanes" in family for family in families)


def test_no_more_inputs_are_kept_than_there_is_room_for() -> None:
    kept, arrays = KeptInputs(10), [np.arange(4) for _ in range(4)]
    made = [kept.get([array], lambda k=k: k) for k, array in enumerate(arrays)]  # type: ignore[misc]
    assert made == [0, 1, 2, 3]
    assert kept.num_samples == 8
    assert kept.get([arrays[3]], lambda: -1) == 3
    assert kept.get([arrays[0]], lambda: -1) == -1
