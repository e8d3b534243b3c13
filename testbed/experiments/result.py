"""One run as it is saved and read: its settings, its seed and its rows.

Everything a table, a curve or a timeline shows is a function of these rows; nothing here looks at a
simulation. Costs of a cell are the uplink's: what the server sends down has `source = "server"` and is counted as
traffic, in bits, and in no other cost. Traffic over a WAN is all that was put on it, whoever sent it.

A version counts what a method does once for everybody: rounds (global updates) in a federation, inner steps between
regions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.errors import unknown_name

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["COSTS", "FINAL_EVALUATIONS", "Cost", "RunResult", "mean_of_last", "tidy_evaluations"]

Floats: TypeAlias = npt.NDArray[np.float64]

FINAL_EVALUATIONS: Final = 5


class Cost(NamedTuple):
    """The table and the column whose rows add up to a cost; `from_server` : of which sender alone, None: of any."""

    table: str
    column: str
    from_server: bool | None = None


COSTS: Final = {
    "channel_uses": Cost("transfer", "channel_uses", from_server=False),
    "bits_up": Cost("transfer", "bits", from_server=False),
    "bits_down": Cost("transfer", "bits", from_server=True),
    "bits_both": Cost("transfer", "bits"),
    "bits_wan": Cost("flow", "bits"),
    "energy_tx_j": Cost("transfer", "energy_tx_j", from_server=False),
    "energy_compute_j": Cost("training", "energy_compute_j"),
}


def mean_of_last(values: Floats, num_values: int = FINAL_EVALUATIONS) -> float | None:
    """Return the mean of the last `num_values` of `values : (n,)`; of all if fewer, None if there are none.

    >>> mean_of_last(np.array([0.0, 1.0, 2.0]), 2)
    1.5
    """
    return float(np.mean(values[-num_values:])) if len(values) else None


@dataclass(frozen=True, eq=False)
class RunResult:
    """One run: what was asked for, under which luck, and every row it recorded.

    Parameters
    ----------
    run_id : hash of the resolved scenario and the seed.
    scenario : the resolved scenario, as JSON has it.
    seed : the root seed.
    meta : what is not part of the result: versions, kernel, dates, wall-clock figures; `status` is
        "done" or "failed", and `error` says why it failed.
    tables : name -> rows.
    path : where it was read from.
    """

    run_id: str
    scenario: Mapping[str, Any]
    seed: int
    meta: Mapping[str, Any]
    tables: "Mapping[str, pa.Table]"
    path: Path | None = None

    @property
    def failed(self) -> bool:
        """Whether the run ended by an error; its rows reach up to that point."""
        return self.meta.get("status") == "failed"

    @property
    def error(self) -> str:
        """Why it failed, or nothing."""
        return str(self.meta.get("error") or "")

    @property
    def algorithm(self) -> str:
        """The name of the method."""
        name = self.setting("algorithm.kind") or self.setting("algorithm")
        return name if isinstance(name, str) else "?"

    @property
    def name(self) -> str:
        """The name of the scenario."""
        name = self.setting("scenario.name") or self.setting("scenario")
        return name if isinstance(name, str) else "?"

    @property
    def horizon_s(self) -> float | None:
        """The simulated time at which the run had to end [s]."""
        horizon_s = self.setting("run.horizon_s")
        return None if horizon_s is None else float(horizon_s)

    @property
    def horizon_rounds(self) -> int | None:
        """The global version with which the run had to end."""
        return self.setting("run.horizon_rounds")  # type: ignore[no-any-return]

    @property
    def between_regions(self) -> bool:
        """Whether regions over a WAN trained, not the clients of a server."""
        return "region" in self.tables

    @property
    def num_versions(self) -> int:
        """The latest version on record: rounds of a federation, steps of regions; 0 if nothing came of the run."""
        columns = [self.column(table, "version") for table in ("version", "evaluation")]
        return max((int(np.max(column)) for column in columns if len(column)), default=0)

    @property
    def costs(self) -> tuple[str, ...]:
        """Those of `COSTS` of which this run kept rows, be there none."""
        return tuple(name for name, cost in COSTS.items() if cost.table in self.tables)

    @property
    def elapsed_s(self) -> float:
        """The simulated time over which the run was watched [s]: of its devices, else up to its last row."""
        clocks = [("device", "elapsed_s"), ("evaluation", "time_s"), ("span", "end_s")]
        columns = [self.column(*clock) for clock in clocks]
        return next((float(np.max(column)) for column in columns if len(column)), 0.0)

    def setting(self, key: str) -> Any:
        """Return the setting at a dotted path such as `algorithm.kind`; None where there is none."""
        value: Any = self.scenario
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return None
            value = value[part]
        return value

    def column(self, table: str, column: str) -> npt.NDArray[Any]:
        """Return one column `(num_rows,)`; an empty one when the run has no such table."""
        if table not in self.tables:
            return np.empty(0)
        return np.asarray(self.tables[table].column(column).to_numpy())

    def frame(self, name: str) -> "pd.DataFrame":
        """Return a table as a pandas frame.

        Raises
        ------
        RequestError : the run has no such table.
        """
        if name not in self.tables:
            raise unknown_name("table", name, self.tables)
        frame: pd.DataFrame = self.tables[name].to_pandas()
        return frame

    def series(self, metric: str) -> tuple[Floats, Floats]:
        """Return a metric over simulated time: time_s `(n,)`, values `(n,)`; empty before any evaluation.

        Raises
        ------
        RequestError : evaluations were made, and none of this metric.
        """
        metrics = self.column("evaluation", "metric")
        rows = np.asarray(metrics == metric, dtype=bool)
        if len(metrics) and not rows.any():
            raise unknown_name("metric", metric, {str(name) for name in metrics})
        return self.column("evaluation", "time_s")[rows], self.column("evaluation", "value")[rows]

    def versions(self, metric: str) -> Floats:
        """Return the version that each value of `series` is of, `(n,)`; errors as there."""
        self.series(metric)
        rows = np.asarray(self.column("evaluation", "metric") == metric, dtype=bool)
        versions: Floats = self.column("evaluation", "version")[rows].astype(np.float64)
        return versions

    def version_at(self, metric: str, time_s: float) -> float:
        """Return the version that was evaluated last at or before a time; 0 before any; errors as for `series`."""
        before = np.flatnonzero(self.series(metric)[0] <= time_s)
        return float(self.versions(metric)[before[-1]]) if len(before) else 0.0

    def final(self, metric: str) -> float | None:
        """Return the mean of the last five evaluations of a metric, or None if it was never evaluated."""
        return mean_of_last(self.series(metric)[1]) if metric in self.column("evaluation", "metric") else None

    def cost(self, name: str) -> tuple[Floats, Floats]:
        """Return the running total of one of `COSTS`: end_s `(n,)` in order, and the sum `(n,)` up to each.

        Raises
        ------
        RequestError : not the name of a cost.
        """
        if name not in COSTS:
            raise unknown_name("cost", name, COSTS)
        table, column, from_server = COSTS[name]
        # An empty column may have no type of its own.
        end_s, amounts = (self.column(table, name).astype(np.float64) for name in ("end_s", column))
        if from_server is not None:
            theirs = np.asarray((self.column(table, "source") == "server") == from_server, dtype=bool)
            end_s, amounts = end_s[theirs], amounts[theirs]
        order = np.argsort(end_s, kind="stable")
        return end_s[order], np.cumsum(amounts[order])

    def spent(self, name: str, times_s: Floats) -> Floats:
        """Return how much of a cost was spent at each of `times_s : (n,)`: the rows with `end_s <= time`."""
        end_s, total = self.cost(name)
        return np.concatenate([[0.0], total])[np.searchsorted(end_s, times_s, side="right")]


def tidy_evaluations(runs: Iterable[RunResult]) -> "pd.DataFrame":
    """Return the evaluations of many runs in one long frame: run, seed, algorithm, time_s, metric, value."""
    import pandas as pd

    columns = ["run", "seed", "algorithm", "time_s", "metric", "value"]
    frames = [
        run.frame("evaluation").assign(run=run.run_id, seed=run.seed, algorithm=run.algorithm)[columns]
        for run in runs
        if "evaluation" in run.tables
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
