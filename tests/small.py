"""Small experiments for tests: the shipped scenarios cut down to seconds."""

from typing import Any

from testbed.experiments.resolve import ResolvedScenario
from testbed.experiments.run import Experiment, prepare
from testbed.experiments.scenario import Scenario

__all__ = ["small_experiment", "small_scenario"]

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
