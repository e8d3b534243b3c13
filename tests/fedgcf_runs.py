"""The federation of `graph_runs` as the tests of FedGCF take it: six clients of three domains, four rounds."""

from typing import Any

import graph_runs
from graph_runs import models_of_versions, rows

from graphs.graph_set import FloatArray
from testbed.experiments.run import Experiment
from testbed.experiments.scenario import Scenario

__all__ = ["ONE_DOMAIN", "finished", "graph_experiment", "graph_scenario", "models_by_version", "rows"]

DOMAINS: dict[str, Any] = {
    "run.horizon_rounds": 4,
    "run.evaluation_interval_rounds": 1,
    "model.width": 4,
    "training.batch_size": 8,
    "training.learning_rate": 0.01,
    "devices.count": 6,
    "data.partition": {"kind": "domains", "clients_per_domain": 2},
}
ONE_DOMAIN = {"devices__count": 5, "data__partition": "iid"}


def graph_scenario(method: str = "fedgcf", settings: dict[str, Any] | None = None, **others: Any) -> Scenario:
    """Return the scenario; a setting `a__b` overrides `a.b`."""
    return graph_runs.graph_scenario(method, settings, DOMAINS, **others)


def graph_experiment(
    method: str = "fedgcf",
    settings: dict[str, Any] | None = None,
    *,
    graphs_of: tuple[int, ...] = (30, 36, 42),
    **others: Any,
) -> Experiment:
    """Return the scenario's world, with so many random graphs of each domain, built and not started."""
    return graph_runs.graph_experiment(method, settings, graphs_of=graphs_of, max_nodes=9, small=DOMAINS, **others)


def finished(*arguments: Any, **settings: Any) -> Experiment:
    """Return the same after its run."""
    experiment = graph_experiment(*arguments, **settings)
    experiment.run()
    return experiment


def models_by_version(*arguments: Any, **settings: Any) -> list[FloatArray]:
    """Run, and return what every client goes on with after each version: (num_clients, num_entries) each."""
    return models_of_versions(graph_experiment(*arguments, **settings))
