"""Two settings varied together: every value of the first against every value of the second."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError
from testbed.experiments.labels import setting_labels, setting_name
from testbed.experiments.result import RunResult
from testbed.experiments.statistics import median_interval
from testbed.experiments.summary import SeedRow, final_metric
from testbed.experiments.target import DEFAULT_RULE, Rule, Target, low_is_good

__all__ = ["Axis", "Cell", "Grid"]


@dataclass(frozen=True)
class Axis:
    """One varied setting: its key, and a label for each of its values in order of first appearance."""

    key: str
    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        """The short name of the setting."""
        return setting_name(self.key)


@dataclass(frozen=True)
class Cell:
    """What the seeds of one combination came to.

    `time_to_s` is the median over seeds, in which one that never reached the target is later than every one that did:
    None is a median that was not reached. `final_accuracy` and `final` (of the grid's metric) are medians over the
    seeds that did not fail.
    """

    num_seeds: int
    num_reached: int
    num_failed: int
    time_to_s: float | None
    final_accuracy: float | None
    final: float | None

    @classmethod
    def of(cls, rows: Sequence[SeedRow]) -> "Cell":
        """Return the cell of at least one run."""
        times_s = [row.time_to_s for row in rows]
        return cls(
            num_seeds=len(rows),
            num_reached=sum(time_s is not None for time_s in times_s),
            num_failed=sum(row.failed for row in rows),
            time_to_s=median_interval(times_s).median,
            final_accuracy=_median([row.final_accuracy for row in rows]),
            final=_median([row.final for row in rows]),
        )


def _median(values: Sequence[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return float(np.median(found)) if found else None


@dataclass(frozen=True)
class Grid:
    """Rows are the values of the first setting, columns those of the second; None is a combination without runs.

    What a cell is judged by is the time to the target, or without a target the final value of `metric`.
    """

    rows: Axis
    columns: Axis
    target: Target | None
    rule: Rule
    cells: tuple[tuple[Cell | None, ...], ...]
    metric: str = "accuracy"

    @classmethod
    def of(
        cls, runs: Sequence[RunResult], keys: Sequence[str], target: Target | None, rule: Rule = DEFAULT_RULE
    ) -> "Grid":
        """Return the grid of runs in which two settings vary.

        Parameters
        ----------
        runs : in any order, at most one per combination and seed.
        keys : dotted keys of the two settings, rows first.

        Raises
        ------
        RequestError : no run, not two settings, or two runs of one combination under one seed.
        """
        if len(keys) != 2 or not runs:
            raise RequestError(f"a grid takes runs in which two settings vary, got {len(runs)} runs and {list(keys)}")
        along, across = (setting_labels(runs, key) for key in keys)
        rows, columns = Axis(keys[0], tuple(dict.fromkeys(along))), Axis(keys[1], tuple(dict.fromkeys(across)))
        metric = final_metric(runs, target)
        found: dict[tuple[str, str], dict[int, SeedRow]] = {}
        for run, row, column in zip(runs, along, across, strict=True):
            seeds = found.setdefault((row, column), {})
            if run.seed in seeds:
                raise RequestError(f"{rows.name}={row}, {columns.name}={column} has two runs under seed {run.seed}")
            seeds[run.seed] = SeedRow.of(run, target, rule, metric)
        cells = [[found.get((row, column), {}) for column in columns.labels] for row in rows.labels]
        summed_up = tuple(tuple(Cell.of([*cell.values()]) if cell else None for cell in row) for row in cells)
        return cls(rows, columns, target, rule, summed_up, metric)

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """What each cell is judged by, (num_rows, num_columns): time to target [s] or final value; NaN for none."""
        judged = [[_judged(cell, self.target) for cell in row] for row in self.cells]
        return np.array([[np.nan if value is None else value for value in row] for row in judged])

    @property
    def more_is_better(self) -> bool:
        """Whether the best cell is the highest, as of accuracies; else it is the lowest, as of times."""
        return self.target is None and not low_is_good(self.metric)

    @property
    def best(self) -> list[tuple[int, int]]:
        """Where the shortest time or the best final value stands, (row, column) each; empty if there is none."""
        values = self.values
        if np.isnan(values).all():
            return []
        extreme = np.nanmax(values) if self.more_is_better else np.nanmin(values)
        return [(int(row), int(column)) for row, column in np.argwhere(values == extreme)]

    @property
    def headline(self) -> str:
        """What the cells show, in words."""
        if self.target is None:
            return f"Final {self.metric.replace('_', ' ')} (mean of last 5)"
        return f"Time to {self.target} ({self.rule})"

    def to_json(self) -> dict[str, Any]:
        """Return the grid as JSON has it: the values of both settings, and a table of rows for each quantity."""
        quantities: dict[str, list[list[Any]]] = {
            field: [[None if cell is None else asdict(cell)[field] for cell in row] for row in self.cells]
            for field in Cell.__dataclass_fields__
        }
        axes = {"rows": self.rows, "columns": self.columns}
        return {name: {"setting": axis.key, "values": list(axis.labels)} for name, axis in axes.items()} | quantities


def _judged(cell: Cell | None, target: Target | None) -> float | None:
    if cell is None:
        return None
    return cell.final if target is None else cell.time_to_s
