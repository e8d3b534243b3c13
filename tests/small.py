"""Small experiments for tests: the shipped scenarios cut down to seconds."""

from typing import Any

from testbed import catalogue
from testbed.experiments.resolve import ResolvedScenario
from testbed.experiments.run import Experiment, prepare
from testbed.experiments.scenario import Scenario

__all__ = ["of_world", "small_experiment", "small_regions", "small_scenario"]

SMALL = {
    "devices.count": 6,
    "run.horizon_s": 400.0,
    "run.evaluation_interval_s": 50.0,
    "training.local_steps": 2,
    "data.partition": {"kind": "dirichlet", "alpha": 1.0},
    "training.learning_rate": 0.3,
    "devices.profile.flop_per_s": 2e6,
}


def small_scenario(**settings: Any) -> Scenario:
    """Return a scenario of six clients; a setting `a__b` overrides `a.b`."""
    scenario = Scenario.load("air-fedga")
    for key, value in (SMALL | {k.replace("__", "."): v for k, v in settings.items()}).items():
        scenario = scenario.set(key, value)
    return scenario


def small_experiment(seed: int = 0, **settings: Any) -> Experiment:
    """Return the small scenario's world, built and not started."""
    resolved: ResolvedScenario = small_scenario(**settings).resolve()
    return prepare(resolved, seed, resolved.data.dataset.load(None))


SMALL_REGIONS = {
    "data.dataset": {"kind": "pydoc-topics", "tokenizer": "char", "context": 8, "max_test_windows": 16},
    "model": {"kind": "gpt", "width": 8, "num_blocks": 2, "num_heads": 2},
    "run.horizon_rounds": 24,
    "run.evaluation_interval_rounds": 6,
    "training.batch_size": 2,
    "training.warmup_steps": 4,
    "regions.count": 3,
    "regions.slowdown": {"kind": "uniform", "low": 1, "high": 2},
    "network.topology": {"kind": "uniform", "capacity_bit_per_s": "2 Gbit/s", "delay_s": 0.05},
}
SHORT_ROUNDS = {"sync_every": 6}
SHORT_STREAMS = {"sync_every": 6, "num_fragments": 2, "fragment_sync_delay": 2}
SMALL_METHODS = {
    "async-local-sgd": SHORT_ROUNDS,
    "cocodc": SHORT_STREAMS,
    "diloco": SHORT_ROUNDS,
    "eager": SHORT_ROUNDS,
    "local-sgd": SHORT_ROUNDS,
    "overlapped-diloco": SHORT_ROUNDS,
    "streaming-diloco": SHORT_STREAMS,
}


def small_regions(**settings: Any) -> Scenario:
    """Return a scenario of three regions of unequal speed and a tiny language model; `a__b` overrides `a.b`."""
    scenario = Scenario.load("cocodc")
    for method, table in SMALL_METHODS.items():
        for key, value in table.items():
            scenario = scenario.set(f"algorithm.{method}.{key}", value)
    for key, value in (SMALL_REGIONS | {k.replace("__", "."): v for k, v in settings.items()}).items():
        scenario = scenario.set(key, value)
    return scenario


def of_world(world: str) -> list[str]:
    """Return the algorithms of a world, by name."""
    names = catalogue.entries("algorithm")
    return sorted(name for name in names if getattr(catalogue.load("algorithm", name), "world", "federation") == world)
