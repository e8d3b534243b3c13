"""Which part of FedGCF earns what: each replaced by a control, on clients of three domains."""

from typing import Any, Final

from testbed.experiments.finding import Cell, Finding
from testbed.experiments.scenario import Scenario
from testbed.experiments.sweep import Variation, plan_sweep, prefixed
from testbed.reproductions.fedgcf.reaching import difference, final_percent
from testbed.reproductions.fedgcf.settings import scenario_of
from testbed.reproductions.outline import Section, Setting

__all__ = ["SECTION"]


def _fixed(share: float) -> dict[str, Any]:
    return {"fusion_ratio": {"kind": "fixed", "share": share}}


# label -> what differs from the method as it is.
_ALTERNATIVES: Final[dict[str, dict[str, Any]]] = {
    "as it is": {},
    "structure only (share 1)": _fixed(1.0),
    "nodes only (share 0)": _fixed(0.0),
    "bandit off (share 0.5)": _fixed(0.5),
    "random clusters": {"clustering": "random"},
    "true domains as clusters": {"clustering": "domains"},
    "random clients for the node model": {"node_selection": "random"},
    "all clients for the node model": {"node_selection": "all"},
    "medoid and its nearest": {"node_selection": "medoid"},
    "most between": {"node_selection": "betweenness"},
    "structure by degrees": {"structure": "degree"},
    "structure by spectra": {"structure": "spectral"},
    "structure by graphlets": {"structure": "graphlet"},
}
_QUICK: Final = ("as it is", "structure only (share 1)", "random clusters")


def find(setting: Setting) -> Finding:
    """Return the accuracy with each part replaced, beside that of the whole."""
    seeds = list(setting.seeds[:2] if setting.quick else setting.seeds)
    scenario = scenario_of("mix", setting).set("algorithm.kind", "fedgcf")
    labels = [label for label in _ALTERNATIVES if not setting.quick or label in _QUICK]
    method = [Variation("algorithm.kind", ("fedgcf",))]
    planned = [run for label in labels for run in prefixed(plan_sweep(_changed(scenario, label), method, seeds), label)]
    results = setting.run("ablations", planned)
    finals = {
        label: [final_percent(run) for run in results[k * len(seeds) : (k + 1) * len(seeds)]]
        for k, label in enumerate(labels)
    }
    whole = finals[labels[0]]
    rows: list[tuple[Cell, ...]] = [
        (label, sum(values) / len(values), "" if label == labels[0] else difference(values, whole).words())
        for label, values in finals.items()
    ]
    return Finding(
        title=f"Clients of three domains, one part replaced: mean accuracy of the clients; {len(seeds)} seeds",
        columns=("FedGCF", "accuracy [%]", "more than as it is [points]"),
        rows=tuple(rows),
        notes=("Differences are paired over seeds, with 95 % intervals; all runs meet the same data and luck.",),
    )


def _changed(scenario: Scenario, label: str) -> Scenario:
    for key, value in _ALTERNATIVES[label].items():
        scenario = scenario.set(f"algorithm.fedgcf.{key}", value)
    return scenario


SECTION: Final = Section(
    "ablations",
    "Which part of FedGCF earns what?",
    15.0,
    find,
    needs_data=("PROTEINS", "IMDB-BINARY", "NCI1"),
)
