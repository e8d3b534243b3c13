"""Small federations of clients with random graphs: a few seconds' work in a few milliseconds."""

from pathlib import Path
from typing import Any

import numpy as np
from random_graphs import random_graph_set

from graphs.graph_dataset import GraphDataset
from graphs.graph_set import FloatArray
from testbed.experiments.run import Experiment, prepare
from testbed.experiments.scenario import Scenario

__all__ = ["finished", "graph_experiment", "graph_scenario", "models_by_version", "rows"]

SCENARIO = Path(__file__).parents[1] / "testbed" / "scenarios" / "fedgcf.toml"
SMALL = {
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
    """Return a scenario of six clients and four rounds; a setting `a__b` overrides `a.b`."""
    scenario = Scenario.load(str(SCENARIO)).set("algorithm", {"kind": method, method: settings or {}})
    for key, value in (SMALL | {name.replace("__", "."): value for name, value in others.items()}).items():
        scenario = scenario.set(key, value)
    return scenario


def graph_experiment(
    method: str = "fedgcf",
    settings: dict[str, Any] | None = None,
    *,
    graphs_of: tuple[int, ...] = (30, 36, 42),
    seed: int = 0,
    kernel: str | None = None,
    **others: Any,
) -> Experiment:
    """Return the scenario's world, with so many random graphs of each domain, built and not started."""
    data = GraphDataset(graphs=random_graph_set(graphs_of))
    return prepare(graph_scenario(method, settings, **others).resolve(), seed, data, kernel=kernel)


def finished(*arguments: Any, **settings: Any) -> Experiment:
    """Return the same after its run."""
    experiment = graph_experiment(*arguments, **settings)
    experiment.run()
    return experiment


def models_by_version(*arguments: Any, **settings: Any) -> list[FloatArray]:
    """Run, and return what every client goes on with after each version: (num_clients, num_entries) each."""
    experiment = graph_experiment(*arguments, **settings)
    workload, found = experiment.workload, []
    tell = workload.watch

    def watch(version: int, time_s: float, parameters: Any, *args: Any, **further: Any) -> None:
        models = further.get("models", {})
        found.append(np.stack([models.get(client, parameters) for client in range(len(workload.shards))]))
        tell(version, time_s, parameters, *args, **further)

    experiment.world.server._watch = watch  # type: ignore[attr-defined]
    experiment.run()
    return found


def rows(experiment: Experiment, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table."""
    return list(experiment.simulation.records.rows(table))
