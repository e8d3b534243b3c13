"""The answer in one table: alternatives compared over seeds.

A comparison takes runs labelled by what was varied. The first alternative is the reference of the speed-ups and of
the tests, which are paired over seeds. A run counts as reached at the grid time its target rule names; what it had
spent, and the version it had come to, are read at that time. A run that failed never reached anything, whatever it had
shown before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from testbed.errors import RequestError
from testbed.experiments.labels import setting_words
from testbed.experiments.result import COSTS, RunResult
from testbed.experiments.significance import (
    PairedTest,
    holm_corrected,
    signed_rank_test,
    smallest_p_value,
    words_on_seeds,
)
from testbed.experiments.statistics import MedianInterval, SpeedUp, median_interval, speed_up
from testbed.experiments.target import DEFAULT_RULE, Rule, Target, low_is_good, time_to

__all__ = ["SCHEMA_VERSION", "Alternative", "Comparison", "SeedRow", "final_metric", "group_by_settings"]

SCHEMA_VERSION: Final = 1


def group_by_settings(runs: Sequence[RunResult], keys: Sequence[str]) -> dict[str, list[RunResult]]:
    """Return the runs by the values of the varied settings, in order of first appearance, each list by seed.

    A method is labelled by its name alone, and so is any part if nothing else varies; other settings as `key=value`.
    Parts of one kind are told apart by the settings in which they differ: `tier (num_groups=4)`.
    """
    columns = [setting_words(runs, key, alone=len(keys) == 1) for key in keys]
    labelled: dict[str, list[RunResult]] = {}
    for position, run in enumerate(runs):
        label = ", ".join(column[position] for column in columns) or run.algorithm
        labelled.setdefault(label, []).append(run)
    return {label: sorted(group, key=lambda run: run.seed) for label, group in labelled.items()}


def final_metric(runs: Iterable[RunResult], target: Target | None) -> str:
    """Return the metric whose final value tells alternatives apart: accuracy, or of language models perplexity.

    A target on a loss or a perplexity asks for that one. Our choice.
    """
    if target is not None:
        return target.metric if low_is_good(target.metric) else "accuracy"
    evaluated = {name for run in runs for name in np.unique(run.column("evaluation", "metric").astype(str))}
    return "perplexity" if "perplexity" in evaluated else "accuracy"


@dataclass(frozen=True)
class SeedRow:
    """One run of an alternative: when it reached the target (None: not); what it spent by then and in all.

    Versions are rounds of a federation and steps of regions. `final` is the final value of the comparison's
    `final_metric`.
    """

    seed: int
    run_id: str
    failed: bool
    error: str
    watched_s: float
    time_to_s: float | None
    versions_to_target: float | None
    num_versions: int
    to_target: Mapping[str, float | None]
    total: Mapping[str, float]
    final_accuracy: float | None
    final: float | None

    @classmethod
    def of(cls, run: RunResult, target: Target | None, rule: Rule, metric: str = "accuracy") -> "SeedRow":
        """Return the row of one run; without a target it reaches nothing. `metric` is that of `final`."""
        reached_s = None
        if target is not None and not run.failed:
            times_s, values = run.series(target.metric)
            reached_s = time_to(target, times_s.tolist(), values.tolist(), rule)
        return cls(
            seed=run.seed,
            run_id=run.run_id,
            failed=run.failed,
            error=run.error,
            # A failed run could not have reached the target later either, so it bounds a ratio like a full
            # one.
            watched_s=max(run.elapsed_s, run.horizon_s or 0.0) if run.failed else run.elapsed_s,
            time_to_s=reached_s,
            versions_to_target=_version(run, target, reached_s),
            num_versions=run.num_versions,
            to_target={cost: None if reached_s is None else _spent(run, cost, reached_s) for cost in COSTS},
            total={cost: _spent(run, cost, np.inf) for cost in COSTS},
            final_accuracy=None if run.failed else run.final("accuracy"),
            final=None if run.failed else run.final(metric),
        )


def _version(run: RunResult, target: Target | None, reached_s: float | None) -> float | None:
    return None if target is None or reached_s is None else run.version_at(target.metric, reached_s)


def _spent(run: RunResult, cost: str, time_s: float) -> float:
    return float(run.spent(cost, np.array([time_s]))[0])


@dataclass(frozen=True)
class Alternative:
    """One row of a comparison: medians over seeds of time, versions and cost to the target, final values and totals.

    `final` and `final_accuracy` are (median, lowest, highest) over the seeds that did not fail, or None; `speed_up` and
    `test` are None for the reference itself, and where there is no target.
    """

    label: str
    downlink: str
    seeds: tuple[SeedRow, ...]
    time_to_s: MedianInterval
    versions_to_target: MedianInterval
    num_versions: float
    to_target: Mapping[str, MedianInterval]
    total: Mapping[str, float]
    final_accuracy: tuple[float, float, float] | None
    final: tuple[float, float, float] | None
    speed_up: SpeedUp | None
    test: PairedTest | None

    @property
    def num_reached(self) -> int:
        """With how many seeds the target was reached."""
        return sum(row.time_to_s is not None for row in self.seeds)


@dataclass(frozen=True)
class Comparison:
    """Alternatives under the same seeds, one target and one rule; the first is the reference.

    Without a target there are no times and no speed-ups: final values and totals remain.

    Parameters
    ----------
    final_metric : the metric of `final`, see the function of that name.
    costs : those that any of the runs kept rows of, in the order of `COSTS`.
    between_regions : whether versions are steps of regions over a WAN; else they are rounds of a federation.
    """

    target: Target | None
    rule: Rule
    level: float
    alternatives: tuple[Alternative, ...]
    final_metric: str = "accuracy"
    costs: tuple[str, ...] = tuple(COSTS)
    between_regions: bool = False

    @classmethod
    def of(
        cls,
        runs: Mapping[str, Sequence[RunResult]],
        target: Target | None,
        rule: Rule = DEFAULT_RULE,
        level: float = 0.95,
    ) -> "Comparison":
        """Return the comparison of labelled runs.

        Parameters
        ----------
        runs : label -> the runs of that alternative, one per seed; the first label is the reference.
        level : confidence asked of the intervals.

        Raises
        ------
        RequestError : nothing to compare, or two runs of one alternative under one seed.
        """
        if not runs or not all(runs.values()):
            raise RequestError("nothing to compare: every alternative needs at least one run")
        everyone = [run for group in runs.values() for run in group]
        metric = final_metric(everyone, target)
        rows: dict[str, tuple[SeedRow, ...]] = {}
        for label, group in runs.items():
            seeds = [run.seed for run in group]
            if len(set(seeds)) < len(seeds):
                raise RequestError(f"alternative {label!r} has two runs under one seed: {sorted(seeds)}")
            ordered = sorted(group, key=lambda run: run.seed)
            rows[label] = tuple(SeedRow.of(run, target, rule, metric) for run in ordered)
        reference, *others = rows
        pairs = {} if target is None else {label: _PairedTimes.of(rows[reference], rows[label]) for label in others}
        tests = holm_corrected({label: times.test() for label, times in pairs.items()})
        alternatives = [
            _summarise(label, _downlink(runs[label][0]), rows[label], pairs.get(label), tests.get(label), level)
            for label in rows
        ]
        kept = tuple(cost for cost in COSTS if any(cost in run.costs for run in everyone))
        regions = any(run.between_regions for run in everyone)
        return cls(target, rule, level, tuple(alternatives), metric, kept, regions)

    @property
    def failed(self) -> list[tuple[str, SeedRow]]:
        """The runs that failed, with their alternative's label."""
        return [
            (alternative.label, row) for alternative in self.alternatives for row in alternative.seeds if row.failed
        ]

    @property
    def notes(self) -> list[str]:
        """What the numbers of this comparison cannot say, in sentences."""
        num_seeds = min(len(alternative.seeds) for alternative in self.alternatives)
        num_tests = max(1, len(self.alternatives) - 1)
        about_seeds = [words] if (words := words_on_seeds(num_seeds, 1 - self.level, num_tests)) else []
        speed_ups = [(a.label, a.speed_up) for a in self.alternatives if a.speed_up is not None and a.speed_up.words]
        return [
            *about_seeds,
            *_words_on_tests({a.label: a.test for a in self.alternatives if a.test is not None}),
            *(f"{label}: speed-up {s.kind.replace('-', ' ')}: {s.words}" for label, s in speed_ups),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as one JSON document; *not reached* is null beside a flag that says so."""
        return {
            "schema": "airwan-comparison",
            "schema_version": SCHEMA_VERSION,
            "target": None if self.target is None else {**asdict(self.target), "rule": self.rule},
            "level": self.level,
            "final_metric": self.final_metric,
            "alternatives": [_alternative_json(alternative) for alternative in self.alternatives],
            "failed": [
                {"label": label, "seed": row.seed, "run_id": row.run_id, "error": row.error}
                for label, row in self.failed
            ],
            "notes": self.notes,
        }


def _downlink(run: RunResult) -> str:
    kind = run.setting("channel.downlink.kind") or run.setting("channel.downlink")
    return kind if isinstance(kind, str) else ""


def _words_on_tests(tests: Mapping[str, PairedTest]) -> list[str]:
    if not tests:
        return []
    fewest = min(tests.values(), key=lambda test: test.num_pairs)
    correction = f", corrected for {fewest.num_tests} alternatives (Holm)" if fewest.num_tests > 1 else ""
    words = f"p: two-sided Wilcoxon signed-rank test against the reference{correction}"
    lines = [f"{words}; smallest attainable with {fewest.num_pairs} seeds: {fewest.smallest_p:.3g}"]
    for label, test in tests.items():
        if test.num_telling < test.num_pairs:
            at_best = smallest_p_value(test.num_telling, test.num_tests)
            who = f"{test.num_telling} of {test.num_pairs} seeds say who was sooner"
            lines.append(f"{label}: {who}; p is at best {at_best:.3g}")
    return lines


def _summarise(
    label: str,
    downlink: str,
    rows: tuple[SeedRow, ...],
    pairs: "_PairedTimes | None",
    test: PairedTest | None,
    level: float,
) -> Alternative:
    completed = [row for row in rows if not row.failed]
    return Alternative(
        label=label,
        downlink=downlink,
        seeds=rows,
        time_to_s=median_interval([row.time_to_s for row in rows], level),
        versions_to_target=median_interval([row.versions_to_target for row in rows], level),
        num_versions=float(np.median([row.num_versions for row in completed or rows])),
        to_target={cost: median_interval([row.to_target[cost] for row in rows], level) for cost in COSTS},
        total={cost: float(np.median([row.total[cost] for row in completed or rows])) for cost in COSTS},
        final_accuracy=_spread([row.final_accuracy for row in rows]),
        final=_spread([row.final for row in rows]),
        speed_up=None if pairs is None else pairs.speed_up(level),
        test=test,
    )


def _spread(values: Sequence[float | None]) -> tuple[float, float, float] | None:
    """Return median, lowest and highest of the values that are there."""
    found = [value for value in values if value is not None]
    return (float(np.median(found)), min(found), max(found)) if found else None


@dataclass(frozen=True)
class _PairedTimes:
    """The runs of the reference and of an alternative under the seeds that both have, (num_pairs,) each."""

    reference: tuple[SeedRow, ...]
    alternative: tuple[SeedRow, ...]

    @classmethod
    def of(cls, reference: Sequence[SeedRow], alternative: Sequence[SeedRow]) -> "_PairedTimes":
        by_seed = {row.seed: row for row in reference}
        common = tuple(row for row in alternative if row.seed in by_seed)
        return cls(tuple(by_seed[row.seed] for row in common), common)

    def _times_s(self) -> tuple[list[float | None], list[float | None], list[float], list[float]]:
        sides = (self.reference, self.alternative)
        reached_s = [[row.time_to_s for row in rows] for rows in sides]
        watched_s = [[row.watched_s for row in rows] for rows in sides]
        return reached_s[0], reached_s[1], watched_s[0], watched_s[1]

    def test(self) -> PairedTest:
        return signed_rank_test(*self._times_s())

    def speed_up(self, level: float) -> SpeedUp:
        # Resampling is a numerical method, not luck of the simulated world: one fixed seed, so that the same
        # runs always give the same interval.
        return speed_up(*self._times_s(), level, np.random.Generator(np.random.Philox(0)))


def _alternative_json(alternative: Alternative) -> dict[str, Any]:
    return {
        "label": alternative.label,
        "downlink": alternative.downlink,
        "num_reached": alternative.num_reached,
        "num_seeds": len(alternative.seeds),
        "time_to_s": _median_json(alternative.time_to_s),
        "versions_to_target": _median_json(alternative.versions_to_target),
        "num_versions": alternative.num_versions,
        "to_target": {cost: _median_json(median) for cost, median in alternative.to_target.items()},
        "total": dict(alternative.total),
        "final_accuracy": _spread_json(alternative.final_accuracy),
        "final": _spread_json(alternative.final),
        "speed_up": None if alternative.speed_up is None else asdict(alternative.speed_up),
        "test": None
        if alternative.test is None
        else asdict(alternative.test) | {"smallest_p": alternative.test.smallest_p},
        "seeds": [_seed_json(row) for row in alternative.seeds],
    }


def _spread_json(spread: tuple[float, float, float] | None) -> dict[str, float] | None:
    return None if spread is None else dict(zip(("median", "low", "high"), spread, strict=True))


def _seed_json(row: SeedRow) -> dict[str, Any]:
    status = "failed" if row.failed else "done"
    return {
        "seed": row.seed,
        "run_id": row.run_id,
        "status": status,
        "reached": row.time_to_s is not None,
    } | {
        "time_to_s": row.time_to_s,
        "versions_to_target": row.versions_to_target,
        "num_versions": row.num_versions,
        "to_target": dict(row.to_target),
        "total": dict(row.total),
        "final_accuracy": row.final_accuracy,
        "final": row.final,
    }


def _median_json(median: MedianInterval) -> dict[str, Any]:
    interval = {
        "low": median.low,
        "low_reached": median.low is not None,
        "high": median.high,
        "high_reached": median.high is not None,
        "coverage": median.coverage,
    }
    return {
        "median": median.median,
        "reached": median.median is not None,
        "interval": interval if median.has_interval else None,
    }
