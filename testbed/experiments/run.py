"""Running a resolved scenario: builds the world, carries the clock to its end, returns the rows."""

import hashlib
import math
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as distribution_version
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import torch
from threadpoolctl import threadpool_limits

from testbed import catalogue
from testbed.errors import RequestError, RunFailure
from testbed.experiments.assembly import ModelSource, assemble
from testbed.experiments.resolve import ResolvedScenario, RunSettings
from testbed.experiments.result import RunResult
from testbed.experiments.stopping import StopRule
from testbed.experiments.store import run_id
from testbed.experiments.target import parse_target
from testbed.learning.datasets.dataset import AnyDataset
from testbed.learning.device import deterministic, device_name, torch_device
from testbed.learning.evaluation import NO_MODELS, NO_VIEWS
from testbed.learning.jobs import Placement
from testbed.learning.metrics import check_metric
from testbed.learning.placement.replaying import ReplayingPlacement
from testbed.learning.result_store import ResultStore
from testbed.learning.task import State
from testbed.learning.workload import Watch, Workload
from testbed.simulation import Simulation

__all__ = [
    "Experiment",
    "Observer",
    "Progress",
    "World",
    "execute",
    "prepare",
    "torch_threads",
    "versions",
]


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
    run = scenario.run
    with torch_threads(run.num_threads), deterministic(run.device), _store(run) as store:
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
    workload = assemble(scenario, simulation, data, model, kernel or scenario.run.kernel, store, data_dir)
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


def _store(run: RunSettings) -> AbstractContextManager[ResultStore | None]:
    return nullcontext() if run.store is None else ResultStore(run.store, run.store_max_bytes)


def _reuse(placement: Placement) -> dict[str, Any] | None:
    """Return how much of a run was replayed, for `meta.json`; None without a store."""
    if not isinstance(placement, ReplayingPlacement):
        return None
    store = placement.store
    counts = {"num_stored": store.num_stored, "num_damaged": store.num_damaged, "notes": list(store.notes)}
    return placement.reuse.to_json() | counts


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
        "device": device_name(torch_device(scenario.run.device)),
        "data_sha256": dict(sources),
        "versions": versions(),
        "processor": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "system": platform.system(),
        "wall_s": wall_s,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join([os.path.basename(sys.argv[0]), *sys.argv[1:]]),
    }
