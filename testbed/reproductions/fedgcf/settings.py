"""The settings of the comparisons: which graphs, dealt how, and how far a run goes."""

from collections.abc import Mapping
from typing import Any, Final

from testbed.experiments.scenario import Scenario
from testbed.reproductions.outline import Setting

__all__ = ["SETTINGS", "scenario_of"]

_PROTEINS: Final = {"kind": "tu-dataset", "name": "PROTEINS"}

# name -> what differs from the shipped scenario: the specification's G1 and G2.
SETTINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "mix": {
        "data.dataset": {"kind": "graph-collection", "names": ["PROTEINS", "IMDB-BINARY", "NCI1"]},
        "data.partition": {"kind": "domains", "clients_per_domain": 3, "graphs_per_client": 110},
        "devices.count": 9,
    },
    "iid": {"data.dataset": _PROTEINS, "data.partition": {"kind": "stratified"}, "devices.count": 10},
    "dirichlet": {
        "data.dataset": _PROTEINS,
        "data.partition": {"kind": "dirichlet", "alpha": 0.3, "min_samples": 10},
        "devices.count": 10,
    },
    "structure": {"data.dataset": _PROTEINS, "data.partition": {"kind": "graph-structure"}, "devices.count": 10},
}
_QUICK: Final[Mapping[str, Any]] = {
    "data.dataset": {"kind": "digit-graphs"},
    "data.partition": {"kind": "stratified"},
    "devices.count": 4,
    "model.width": 8,
    "run.horizon_rounds": 6,
}


def scenario_of(name: str, setting: Setting) -> Scenario:
    """Return the shipped scenario in one of `SETTINGS`; of a quick reproduction a tiny one that needs no files."""
    scenario = Scenario.load("fedgcf")
    for key, value in (_QUICK if setting.quick else SETTINGS[name]).items():
        scenario = scenario.set(key, value)
    return scenario
