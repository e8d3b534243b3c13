"""From a resolved scenario to the workload of a run: data dealt, model built, jobs and evaluations set up."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
from torch import nn

from testbed import catalogue
from testbed.errors import RequestError
from testbed.experiments.resolve import ResolvedScenario, RunSettings
from testbed.learning.client_tests import ClientTests
from testbed.learning.cost import TrainingCost
from testbed.learning.datasets.dataset import AnyDataset
from testbed.learning.device import torch_device
from testbed.learning.evaluation import Evaluator
from testbed.learning.held_out import ClientSplits, IntArray
from testbed.learning.jobs import EvaluationJob, Jobs
from testbed.learning.kernels.protocol import Job, Kernel
from testbed.learning.minibatches import BatchPlan
from testbed.learning.partition import label_histogram, sizes_of
from testbed.learning.placement.choice import placement_of
from testbed.learning.placement.replaying import ReplayingPlacement
from testbed.learning.result_store import ResultStore
from testbed.learning.task import LearningTask
from testbed.learning.torch_seed import seeded
from testbed.learning.workload import Workload
from testbed.simulation import Simulation
from testbed.streams import Purpose, stream

__all__ = ["ModelSource", "assemble"]

ModelSource: TypeAlias = nn.Module | Callable[[], nn.Module]


def assemble(
    scenario: ResolvedScenario,
    simulation: Simulation,
    data: AnyDataset,
    model: ModelSource | None,
    kernel: str,
    store: ResultStore | None,
    data_dir: Path | None,
) -> Workload:
    """Return the workload of a scenario: its data dealt and split, its model built, its jobs and evaluations set up.

    Parameters
    ----------
    simulation : the clock, the luck and the records of the run.
    data : the samples, as loaded.
    model : a module of the user's own instead of the scenario's architecture, or a function that builds one.
    kernel : the name of the kernel.
    store : results to be replayed and added to; None: everything is computed.
    data_dir : where a world finds further files.

    Raises
    ------
    RequestError : data, model and settings that do not go together.
    """
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
    width = plan.width(int(sizes_of(shards).max()))
    local = () if model is not None else getattr(scenario.architecture, "local_tensors", ())
    trial = None if isinstance(data.train_inputs, np.ndarray) else shards[0]  # of a store: what one client has
    device = torch_device(scenario.run.device)
    task = LearningTask(module, data, optimizer, batch_width=width, local=local, trial=trial, device=device)
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
