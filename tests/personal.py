"""Small federations of clients with test samples, tensors and optimisers of their own."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from small import small_experiment, small_scenario

from testbed import catalogue
from testbed.experiments.run import Experiment
from testbed.experiments.scenario import Scenario
from testbed.learning.models.mlp import Mlp

__all__ = [
    "GRAPHS",
    "LOCAL_HEAD",
    "SPLIT",
    "fitting",
    "graph_scenario",
    "is_for_graphs",
    "keep_locally",
    "split_experiment",
]

SPLIT: dict[str, float] = {"train": 0.6, "validation": 0.2, "test": 0.2}
# Of a network with one hidden layer: flatten, linear, ReLU, linear.
LOCAL_HEAD = ("3.*",)
GRAPHS: dict[str, Any] = {
    "data__dataset": "digit-graphs",
    "data__client_split": SPLIT,
    "model": {"kind": "gin", "width": 16, "num_layers": 2},
    "devices__profile__flop_per_s": "1 GFLOP/s",
    "training__batch_size": 16,
    "training__optimizer": "adam",
    "training__learning_rate": 0.01,
}


def is_for_graphs(algorithm: str) -> bool:
    """Return whether a method needs clients with graphs."""
    return str(catalogue.load("algorithm", algorithm).__module__).partition(".")[0] == "graphs"


def fitting(algorithm: str) -> dict[str, Any]:
    """Return what a method needs besides six clients with digits: graphs, or clients who are tested by themselves."""
    if algorithm == "centralised":  # a server so slow that a run has dozens of rounds, not ten thousands
        return GRAPHS | {"algorithm__centralised__server_flop_per_s": "1 MFLOP/s"}
    if algorithm == "fedstar":  # whose network is its own: few parameters for a slow cell
        return GRAPHS | {"algorithm__fedstar__model": {"kind": "fedstar-gin", "width": 4, "num_layers": 2}}
    if is_for_graphs(algorithm):
        return GRAPHS
    has_own = getattr(catalogue.load("algorithm", algorithm), "has_own_models", False)
    return {"data__client_split": SPLIT} if has_own else {}


def split_experiment(seed: int = 0, **settings: Any) -> Experiment:
    """Return the small scenario in which every client is tested on its own samples, built and not started."""
    return small_experiment(seed, **({"data__client_split": SPLIT} | settings))


def graph_scenario(**settings: Any) -> Scenario:
    """Return the small scenario on graphs of digits, learnt by a tiny graph network."""
    return small_scenario(**(GRAPHS | settings))


def keep_locally(patch: pytest.MonkeyPatch) -> Callable[[Sequence[str]], None]:
    """Return how a multilayer perceptron is told which of its tensors stay with the clients."""
    return lambda patterns: patch.setattr(Mlp, "local_tensors", tuple(patterns), raising=False)
