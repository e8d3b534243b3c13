"""Which part of ParallelSFL earns what: clusters by waiting, by labels, by chance; equal paces; each lambda."""

from typing import Any, Final

import numpy as np

from testbed.experiments.finding import Cell, Finding
from testbed.experiments.result import RunResult
from testbed.experiments.scenario import Scenario
from testbed.experiments.sweep import plan_sweep
from testbed.reproductions.outline import Section, Setting
from testbed.reproductions.parallelsfl.settings import scenario_of

__all__ = ["SECTION"]

_VARIANTS: Final[dict[str, dict[str, Any]]] = {
    "lambda = 0, labels alone": {"trade_off": 0.0},
    "lambda = 0.5": {"trade_off": 0.5},
    "lambda = 1, waiting alone": {"trade_off": 1.0},
    "clusters by chance": {"clusters": "random"},
    "equal paces": {"paces": "equal"},
    "labels must come closer": {"only_closer": True},
    "hosts in turn": {"rotates": True},
}


def find(setting: Setting) -> Finding:
    """Return what each variant's clusters are like and come to."""
    seeds = list(setting.seeds[:1] if setting.quick else setting.seeds)
    rows = []
    for number, (words, changes) in enumerate(_VARIANTS.items()):
        planned = plan_sweep(_varied(scenario_of("heterogeneous", setting), changes), [], seeds)
        rows.append(_row(words, setting.run(f"ablation-{number}", planned)))
    return Finding(
        title=f"Parts of ParallelSFL, heterogeneous; means over {len(seeds)} seeds",
        columns=("variant", "C", "KL [nat]", "inside [s]", "between [%]", "accuracy [%]"),
        rows=tuple(rows),
        notes=(
            "C: clusters. KL(Phi_c || Phi_0) of their labels, and inside: waiting in a cluster and iteration; means "
            "over clusters and rounds. Between: the mean share of a round that a cluster waits for the slowest. "
            "Accuracy: the mean of the last five evaluations.",
        ),
    )


def _varied(scenario: Scenario, changes: dict[str, Any]) -> Scenario:
    for key, value in changes.items():
        scenario = scenario.set(f"algorithm.parallelsfl.{key}", value)
    return scenario


def _row(words: str, runs: list[RunResult]) -> tuple[Cell, ...]:
    done = [run for run in runs if not run.failed]
    if len(done) < len(runs):
        return (f"{words}: failed", None, None, None, None, None)
    columns = [
        np.mean([(run.column("cluster", "version") == 0).sum() for run in done]),
        np.mean([run.column("cluster", "divergence").mean() for run in done]),
        np.mean([run.column("cluster", "waiting_s").mean() for run in done]),
        100.0 * np.mean([_waiting_between(run) for run in done]),
        100.0 * np.mean([run.series("accuracy")[1][-5:].mean() for run in done]),
    ]
    return (words, *map(float, columns))


def _waiting_between(run: RunResult) -> float:
    """Return the mean share of a round that its clusters spent waiting for the slowest."""
    versions, start_s, end_s = (run.column("cluster", name) for name in ("version", "start_s", "end_s"))
    shares = []
    for version in np.unique(versions):
        ended_s = end_s[versions == version]
        shares.append(float((ended_s.max() - ended_s).mean() / (ended_s.max() - start_s[versions == version].min())))
    return float(np.mean(shares))


SECTION: Final = Section("ablations", "Which part of ParallelSFL earns what?", 6.0, find)
