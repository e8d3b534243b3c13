"""A scenario of split learning cut down to fractions of a second."""

from typing import Any

from testbed.experiments.run import Experiment, prepare
from testbed.experiments.scenario import Scenario

__all__ = ["small_split", "split_experiment"]

SMALL = {
    "run.horizon_s": 8.0,
    "run.evaluation_interval_s": 4.0,
    "model": {"kind": "mlp", "hidden": [16]},
    "cut": 3,
    "training.batch_size": 4,
    "devices.count": 6,
    "devices.profile.flop_per_s": 1e6,
    "links.slowest_bit_per_s": 3e5,
    "links.fastest_bit_per_s": 2e6,
    "algorithm.parallelsfl.bottom_rate_bit_per_s": 1e5,
    "algorithm.parallelsfl.max_iterations": 4,
    "algorithm.splitfed.num_iterations": 4,
    "algorithm.mergesfl.num_iterations": 4,
    "algorithm.mergesfl.generations": 3,
    "algorithm.locfedmix-sl.num_iterations": 4,
    "algorithm.fedavg-links.num_iterations": 4,
    "algorithm.pyramidfl-links.num_iterations": 4,
    "algorithm.pyramidfl-links.num_clients": 3,
    "algorithm.adasfl.iterations": [2, 4],
}


def small_split(**settings: Any) -> Scenario:
    """Return a scenario of six clients and a tiny perceptron; `a__b` overrides `a.b`."""
    scenario = Scenario.load("parallelsfl")
    for key, value in (SMALL | {k.replace("__", "."): v for k, v in settings.items()}).items():
        scenario = scenario.set(key, value)
    return scenario


def split_experiment(seed: int = 0, kernel: str | None = None, **settings: Any) -> Experiment:
    """Return the small scenario's world, built and not started."""
    resolved = small_split(**settings).resolve()
    return prepare(resolved, seed, resolved.data.dataset.load(None), kernel=kernel)
