"""Small federations of random graphs, for the tests of graph methods."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from documents import ROOT
from random_graphs import random_graph_set
from torch import nn

from graphs.graph_dataset import GraphDataset
from testbed.experiments.run import Experiment, prepare
from testbed.experiments.scenario import Scenario

__all__ = ["FAULTY", "graph_experiment", "graph_scenario", "models_of_versions", "rows"]

SCENARIO = str(ROOT / "testbed/scenarios/fedgcf.toml")

SMALL: dict[str, Any] = {
    "devices.count": 5,
    "run.horizon_rounds": 6,
    "data.partition": "iid",
    "model": {"kind": "gin", "width": 4, "num_layers": 2},
    "training.batch_size": 8,
    "training.learning_rate": 0.01,
}

# Absences on the scale of a round.
FAULTY: dict[str, Any] = {
    "availability": {"kind": "bernoulli-blocks", "probability": 0.7, "block_s": 0.003},
    "fault": [{"device": 2, "start_s": 0.001, "end_s": 0.02}, {"device": 4, "start_s": 0.03}],
    "run__horizon_rounds": 40,
}


def graph_scenario(
    kind: str, method: dict[str, Any] | None = None, small: dict[str, Any] = SMALL, **settings: Any
) -> Scenario:
    """Return the scenario with the algorithm `kind`, made small; see `graph_experiment`."""
    # The scenario's own settings of methods are left out.
    scenario = Scenario.load(SCENARIO).set("algorithm", {"kind": kind})
    changes = small | {key.replace("__", "."): value for key, value in settings.items()}
    changes |= {f"algorithm.{key}": value for key, value in (method or {}).items()}
    for key, value in changes.items():
        scenario = scenario.set(key, value)
    return scenario


def graph_experiment(
    kind: str,
    method: dict[str, Any] | None = None,
    *,
    seed: int = 0,
    graphs_of: Sequence[int] = (100,),
    max_nodes: int = 6,
    module: nn.Module | None = None,
    kernel: str | None = None,
    small: dict[str, Any] = SMALL,
    **settings: Any,
) -> Experiment:
    """Return a federation of five clients with twenty graphs each, built and not started; `a__b` overrides `a.b`.

    `method` : settings of the algorithm `kind`. `module` : a module of one's own instead of the scenario's model.
    `small` : what makes the scenario small, instead of the settings above.
    """
    scenario = graph_scenario(kind, method, small, **settings).resolve()
    data = GraphDataset(graphs=random_graph_set(graphs_of, max_nodes=max_nodes))
    return prepare(scenario, seed, data, model=module, kernel=kernel)


def rows(experiment: Experiment, table: str, **where: Any) -> list[dict[str, Any]]:
    """Return the rows of a table that have these values."""
    found = experiment.simulation.records.rows(table)
    return [row for row in found if all(row[key] == value for key, value in where.items())]


def models_of_versions(experiment: Experiment) -> list[npt.NDArray[np.float32]]:
    """Run and return the model of every client in every version, (num_clients, num_entries) each."""
    found: list[npt.NDArray[np.float32]] = []
    watch, clients = experiment.workload.watch, range(len(experiment.workload.data_sizes))

    def keep(version: int, time_s: float, vector: Any, **further: Any) -> None:
        models = further.get("models", {})
        found.append(np.stack([models.get(client, vector) for client in clients]))
        watch(version, time_s, vector, **further)

    experiment.world.server._watch = keep
    experiment.run()
    return found
