"""The workload as our own scenario, for the sides that are ours."""

import argparse
from pathlib import Path

from workload import BATCH_SIZE, LEARNING_RATE, NUM_CLASSES, Samples

from testbed.experiments.scenario import Scenario
from testbed.learning.datasets.dataset import Dataset

__all__ = ["dataset", "options", "scenario"]


def options(parser: argparse.ArgumentParser) -> None:
    """Add which kernel computes jobs and where."""
    parser.add_argument("--kernel", default="batched")
    parser.add_argument("--placement", default="inline")


def dataset(samples: Samples) -> Dataset:
    """Return the samples as a data set."""
    return Dataset(
        name="speed",
        train_inputs=samples.train_inputs,
        train_labels=samples.train_labels,
        test_inputs=samples.test_inputs,
        test_labels=samples.test_labels,
        num_classes=NUM_CLASSES,
    )


def scenario(samples: Samples, num_rounds: int, arguments: argparse.Namespace) -> Scenario:
    """Return the scenario of so many rounds, evaluated at the end (and before the first round, as every run is)."""
    settings = {
        "run.horizon_rounds": num_rounds,
        "run.evaluation_interval_rounds": num_rounds,
        "run.kernel": arguments.kernel,
        "run.placement": arguments.placement,
        "training.batch_size": BATCH_SIZE,
        "training.learning_rate": LEARNING_RATE,
        "devices.count": samples.size.num_clients,
        "algorithm.fedavg.selection.num_clients": samples.size.cohort,
    }
    if arguments.placement != "inline":
        settings["run.num_workers"] = arguments.processes
    built = Scenario.load(Path(__file__).with_name("fedavg.toml"))
    for key, value in settings.items():
        built = built.set(key, value)
    return built
