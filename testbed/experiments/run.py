"""Running a resolved scenario: builds the world, carries the clock to its end, returns the rows."""

import hashlib
import math
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version as distribution_version
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from testbed import catalogue
from testbed.errors import RequestError, RunFailure
from testbed.experiments.resolve import ResolvedScenario, RunSettings
from testbed.experiments.result import RunResult
from testbed.experiments.stopping import StopRule
from testbed.experiments.store import run_id
from testbed.experiments.target import parse_target
from testbed.learning.client_tests import ClientTests
from testbed.learning.cost import TrainingCost
from testbed.learning.datasets.dataset import AnyDataset
from testbed.learning.evaluation import NO_MODELS, NO_VIEWS, Evaluator
from testbed.learning.held_out import ClientSplits, IntArray
from testbed.learning.jobs import EvaluationJob, Jobs, Placement
from testbed.learning.kernels.protocol import Job, Kernel
from testbed.learning.metrics import check_metric
from testbed.learning.minibatches import BatchPlan
from testbed.learning.partition import label_histogram
from testbed.learning.placement.choice import placement_of
from testbed.learning.placement.replaying import ReplayingPlacement
from testbed.learning.result_store import ResultStore
from testbed.learning.task import LearningTask, State
from testbed.learning.torch_seed import seeded
from testbed.learning.workload import Watch, Workload
from testbed.simulation import Simulation
from testbed.streams import Purpose, stream

__all__ = [
    "Experiment",
    "ModelSource",
    "Observer",
    "Progress",
    "World",
    "execute",
    "prepare",
    "torch_threads",
    "versions",
]

ModelSource: TypeAlias = nn.Module | Callable[[], nn.Module]


@dataclass(frozen=True)
class Progress:
    """Where a run is: simulated time and horizon [s], global version, the latest evaluated accuracy if any.

    `horizon_s` is infinite for a run that only `horizon_rounds` versions end. Of language it is the loss [nat] that is
    followed, and `accuracy` is None.
    """

    time_s: float
    horizon_s: float
    version: int
    accuracy: float | None
    horizon_rounds: int | None = None
    loss: float | None = None

    @property
    def done_fraction(self) -> float:
        """How far it has come towards the horizon that is nearer, 0 to 1."""
        rounds = self.version / self.horizon_rounds if self.horizon_rounds else 0.0
        return min(1.0, max(self.time_s / self.horizon_s, rounds))


Observer: TypeAlias = Callable[[Progress], None]


class World(Protocol):
    """What a scenario builds (`algorithms.worlds.federation.Federation` is one)."""

    def start(self) -> None:
        """Schedule what happens; called once, at time zero."""
        ...

    def close(self) -> None:
        """Settle accounts when the run is over."""
        ...


@dataclass(frozen=True)
class Experiment:
    """A world that is built and not yet run, with its clock and its workload."""

    simulation: Simulation
    workload: Workload
    world: World
    stop: StopRule | None = None

    def run(self) -> str:
        """Carry the clock to the end, settle accounts and evaluations, and return why the run ended.

        Raises
        ------
        RunFailure : a deadlock, an update that is not finite, a dead link; what happened before it is settled too.
        """
        try:
            self.world.start()
            if self.stop is not None:
                self.stop.start(self.simulation, self.workload.evaluator)
            reason = self.simulation.run()
        except RunFailure:
            self._settle()
            raise
        self._settle()
        return reason

    def _settle(self) -> None:
        self.world.close()
        self.workload.evaluator.close(self.simulation.now_s)


def execute(
    scenario: ResolvedScenario,
    seed: int,
    *,
    data_dir: Path | None = None,
    model: ModelSource | None = None,
    dataset: AnyDataset | None = None,
    kernel: str | None = None,
    observe: Observer | None = None,
) -> RunResult:
    """Return the rows of one run; a run that fails on the way is returned with status `failed` and its error.

    `kernel` overrides the scenario's for this call and is not part of the run's identity (a dry run uses `none`).

    Raises
    ------
    RequestError : the seed or the data cannot be accepted; nothing has run.
    """
    started = time.perf_counter()
    with torch_threads(scenario.run.num_threads), _store(scenario.run) as store:
        data = dataset if dataset is not None else scenario.data.dataset.load(data_dir)
        experiment = prepare(
            scenario, seed, data, model=model, kernel=kernel, observe=observe, store=store, data_dir=data_dir
        )
        simulation, workload = experiment.simulation, experiment.workload
        status, detail = "done", ""
        placement = workload.jobs.placement
        with closing(placement):
            try:
                detail = experiment.run()
            except RunFailure as failure:
                status, detail = "failed", str(failure)
    document = _document(scenario, data if dataset is not None else None, workload if model is not None else None)
    meta = _meta(scenario, workload.sources, status, detail, simulation.now_s, time.perf_counter() - started)
    meta |= {"placement_reason": placement.reason, "store": _reuse(placement)}
    return RunResult(run_id(document, seed), document, seed, meta, simulation.records.tables())


def prepare(
    scenario: ResolvedScenario,
    seed: int,
    data: AnyDataset,
    *,
    model: ModelSource | None = None,
    kernel: str | None = None,
    observe: Observer | None = None,
    store: ResultStore | None = None,
    data_dir: Path | None = None,
) -> Experiment:
    """Return the world of a scenario, built and not yet started; parameters as for `execute`.

    `store` : an open store of results, whichever the scenario names. `data_dir` : where a world finds further files.
    """
    if seed < 0:
        raise RequestError(f"seed = {seed}: must be at least 0")
    simulation = Simulation(seed, scenario.run.longest_s)
    workload = _workload(scenario, simulation, data, model, kernel or scenario.run.kernel, store, data_dir)
    workload.add_sources(data.sources)
    workload.watch = _watcher(simulation, workload, scenario.run.horizon_rounds, observe, is_language=data.is_language)
    workload.horizon_rounds = math.inf if scenario.run.horizon_rounds is None else scenario.run.horizon_rounds
    world = catalogue.load("world", scenario.header.world)(simulation, workload, scenario.world)
    stop = scenario.run.stop
    aim = None if stop is None else parse_target(stop.target)
    if aim is not None:
        check_metric(aim.metric, workload.data, workload.evaluator.views)  # or the run would wait for it to the horizon
    rule = None if stop is None or aim is None else StopRule(aim, stop.rule, stop.margin_s)
    return Experiment(simulation, workload, world, rule)


def _workload(
    scenario: ResolvedScenario,
    simulation: Simulation,
    data: AnyDataset,
    model: ModelSource | None,
    kernel: str,
    store: ResultStore | None,
    data_dir: Path | None,
) -> Workload:
    num_clients = scenario.world.num_clients
    if data.is_language and len(data.train_labels) < num_clients:
        raise RequestError(
            f"the training text of {data.name!r} has {len(data.train_labels)} windows of {data.input_shape[0]} tokens, "
            f"and each of {num_clients} clients needs one: use a shorter context or fewer clients"
        )
    shards: Sequence[IntArray] = data.deal(scenario.data.partition, num_clients, simulation.stream(Purpose.PARTITION))
    fractions = scenario.data.client_split
    data = data.seen_by(scenario.architecture if model is None else None, shards, by_client=fractions is not None)
    splits = data.split(shards, fractions, lambda client: simulation.stream(Purpose.DATA_SPLIT, client))
    shards = shards if splits is None else splits.train
    histograms = label_histogram(data.train_labels, shards, data.num_classes)
    module = _module(scenario, simulation, data, model)
    training = scenario.training
    optimizer = training.optimizer_settings(scenario.learning_rate)
    if data.needs_full_batches and training.batch_size != "full":
        raise RequestError(
            f"training.batch_size = {training.batch_size}: a client's samples of {data.name!r} are computed together, "
            'whichever of them are asked for: use "full"'
        )
    data.record(simulation.records)
    plan = BatchPlan(training.batch_size, training.local_steps, training.local_epochs)
    width = max(plan.width(len(shard)) for shard in shards)
    local = () if model is not None else getattr(scenario.architecture, "local_tensors", ())
    trial = None if isinstance(data.train_inputs, np.ndarray) else shards[0]  # of a store: what one client has
    task = LearningTask(module, data, optimizer, batch_width=width, local=local, trial=trial)
    cost = data.cost(module, splits)
    run, jobs = scenario.run, _jobs(scenario.run, simulation, kernel, store, cost)
    evaluator = Evaluator(
        jobs,
        task,
        histograms,
        run.evaluation_interval_s,
        run.longest_s,
        simulation.records,
        interval_rounds=run.evaluation_interval_rounds,
        tests=None if splits is None else ClientTests(jobs, task, splits.test),
        validation=_validation(jobs, task, splits) if run.evaluates_validation else None,
    )
    rates = training.schedule(scenario.learning_rate, run.horizon_rounds)
    return Workload(
        simulation.root_seed,
        data,
        task,
        shards,
        histograms,
        plan,
        cost,
        jobs,
        evaluator,
        rates,
        data_dir,
        splits,
        training.keeps_optimizer_state,
        None if isinstance(model, nn.Module) else partial(_build, scenario, data, model),
        training.own_starts,
    )


def _validation(jobs: Jobs, task: LearningTask, splits: ClientSplits | None) -> ClientTests:
    """Return the evaluation on what clients validate with, which each must have."""
    without = () if splits is None else [client for client, own in enumerate(splits.validation) if len(own) == 0]
    if splits is None or without:
        whose = "clients are tested on a common set" if splits is None else f"clients {without[:5]} have none"
        raise RequestError(
            f"run.evaluates_validation needs samples that clients validate with, and {whose}: set data.client_split "
            "with a larger validation share"
        )
    return ClientTests(jobs, task, splits.validation)


def _jobs(run: RunSettings, simulation: Simulation, kernel: str, store: ResultStore | None, cost: TrainingCost) -> Jobs:
    arithmetic: Kernel = catalogue.load("kernel", kernel)()
    flop_of = partial(_job_flop, cost)
    wishes = {"num_workers": run.num_workers, "ray_address": run.ray_address}
    placement = placement_of(run.placement if arithmetic.computes else "inline", wishes, flop_of)
    if store is not None and arithmetic.computes:
        placement = ReplayingPlacement(placement, store, arithmetic, flop_of, run.store_min_flop_per_byte)
    return Jobs(
        arithmetic,
        placement,
        clock=lambda: simulation.now_s,
        horizon_s=run.longest_s,
        records=simulation.records,
    )


def _job_flop(cost: TrainingCost, job: Job) -> float:
    """Return what a job costs whoever computes it [FLOP]."""
    if isinstance(job, EvaluationJob):
        return cost.forward_flop_per_sample * job.num_samples
    return cost.flop(job.num_samples)


def _store(run: RunSettings) -> AbstractContextManager[ResultStore | None]:
    return nullcontext() if run.store is None else ResultStore(run.store, run.store_max_bytes)


def _reuse(placement: Placement) -> dict[str, Any] | None:
    """Return how much of a run was replayed, for `meta.json`; None without a store."""
    if not isinstance(placement, ReplayingPlacement):
        return None
    store = placement.store
    counts = {"num_stored": store.num_stored, "num_damaged": store.num_damaged, "notes": list(store.notes)}
    return placement.reuse.to_json() | counts


def _module(
    scenario: ResolvedScenario, simulation: Simulation, data: AnyDataset, model: ModelSource | None
) -> nn.Module:
    if isinstance(model, nn.Module):
        return model
    torch_seed = int(stream(simulation.root_seed, Purpose.MODEL_INITIALISATION).integers(2**63))
    return _build(scenario, data, model, torch_seed)


def _build(
    scenario: ResolvedScenario, data: AnyDataset, model: Callable[[], nn.Module] | None, torch_seed: int
) -> nn.Module:
    if model is None:
        return data.build(scenario.architecture, torch_seed)
    with seeded(torch_seed):
        return model()


def _watcher(
    simulation: Simulation,
    workload: Workload,
    horizon_rounds: int | None,
    observe: Observer | None,
    *,
    is_language: bool,
) -> Watch:
    """Return what is told of every global version: it is evaluated, shown, and the last one ends the run."""

    evaluator = workload.evaluator

    def watch(
        version: int,
        time_s: float,
        parameters: State,
        views: Mapping[str, State] = NO_VIEWS,
        models: Mapping[int, State] = NO_MODELS,
    ) -> None:
        if simulation.finished:
            return  # a version of another group at the very instant at which the run ended
        workload.commit(version, time_s, parameters, views, models)
        if observe is not None:
            accuracy, loss = evaluator.latest_accuracy, evaluator.latest_loss
            if is_language:
                accuracy = None
            observe(Progress(time_s, simulation.horizon_s, version, accuracy, horizon_rounds, loss))
        if horizon_rounds is not None and version >= horizon_rounds:
            simulation.finish("rounds")

    return watch


@contextmanager
def torch_threads(num_threads: int) -> Iterator[None]:
    """Use that many threads inside, in torch and in NumPy's products: the bytes of a run depend on them."""
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    try:
        # Several threads of a busy machine also take ten times as long for a norm as one does.
        with threadpool_limits(limits=num_threads, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


def versions() -> dict[str, str]:
    """Return the versions of what computes a run: Python's and those of the distributions it rests on."""
    names = ("airwan", "torch", "numpy", "scipy", "simpy", "pyarrow")
    return {"python": platform.python_version()} | {name: distribution_version(name) for name in names}


def _document(scenario: ResolvedScenario, data: AnyDataset | None, workload: Workload | None) -> dict[str, Any]:
    """Return the resolved scenario with a user's own data and module named by what they are."""
    document = dict(scenario.document)
    if data is not None:
        document["data"] = document["data"] | {"dataset": {"kind": "own", "name": data.name, "sha256": data.digest()}}
    if workload is not None:
        task = workload.task
        content = repr(task.model).encode() + task.initial_state().tobytes()
        document["model"] = {
            "kind": "own",
            "name": type(task.model).__qualname__,
            "num_entries": task.layout.size,
            "sha256": hashlib.sha256(content).hexdigest(),  # of its printed structure and initial state
        }
    return document


def _meta(
    scenario: ResolvedScenario, sources: dict[str, str], status: str, detail: str, end_s: float, wall_s: float
) -> dict[str, Any]:
    return {
        "status": status,
        "ended_by": detail if status == "done" else "failure",
        "error": None if status == "done" else detail,
        "simulated_end_s": end_s,
        "kernel": scenario.run.kernel,
        "placement": scenario.run.placement,
        "num_threads": scenario.run.num_threads,
        "data_sha256": dict(sources),
        "versions": versions(),
        "processor": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "system": platform.system(),
        "wall_s": wall_s,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join([os.path.basename(sys.argv[0]), *sys.argv[1:]]),
    }
