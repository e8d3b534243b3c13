"""The answer in one table: alternatives compared over seeds, and the causes of one run's result.

A comparison takes runs labelled by what was varied. The first alternative is the reference of the speed-ups and of
the tests, which are paired over seeds. A run counts as reached at the grid time its target rule names; what it had
spent is read at that time. A run that failed never reached anything, whatever it had shown before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError
from testbed.experiments.labels import setting_words
from testbed.experiments.result import COSTS, RunResult
from testbed.experiments.significance import PairedTest, holm_corrected, signed_rank_test, words_on_seeds
from testbed.experiments.statistics import MedianInterval, SpeedUp, median_interval, speed_up
from testbed.experiments.target import DEFAULT_RULE, Rule, Target, time_to

__all__ = ["SCHEMA_VERSION", "Alternative", "Comparison", "SeedRow", "explain", "group_by_settings"]

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


@dataclass(frozen=True)
class SeedRow:
    """One run of an alternative: when it reached the target (None: not); what it spent by then and in all."""

    seed: int
    run_id: str
    failed: bool
    error: str
    watched_s: float
    time_to_s: float | None
    to_target: Mapping[str, float | None]
    total: Mapping[str, float]
    final_accuracy: float | None

    @classmethod
    def of(cls, run: RunResult, target: Target | None, rule: Rule) -> "SeedRow":
        """Return the row of one run; without a target it reaches nothing."""
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
            to_target={cost: None if reached_s is None else _spent(run, cost, reached_s) for cost in COSTS},
            total={cost: _spent(run, cost, np.inf) for cost in COSTS},
            final_accuracy=None if run.failed else run.final("accuracy"),
        )


def _spent(run: RunResult, cost: str, time_s: float) -> float:
    return float(run.spent(cost, np.array([time_s]))[0])


@dataclass(frozen=True)
class Alternative:
    """One row of a comparison: medians over seeds of time and cost to the target, final accuracy and totals.

    `final_accuracy` is (median, lowest, highest) over the seeds that did not fail, or None; `speed_up` and `test`
    are None for the reference itself, and where there is no target.
    """

    label: str
    downlink: str
    seeds: tuple[SeedRow, ...]
    time_to_s: MedianInterval
    to_target: Mapping[str, MedianInterval]
    total: Mapping[str, float]
    final_accuracy: tuple[float, float, float] | None
    speed_up: SpeedUp | None
    test: PairedTest | None

    @property
    def num_reached(self) -> int:
        """With how many seeds the target was reached."""
        return sum(row.time_to_s is not None for row in self.seeds)


@dataclass(frozen=True)
class Comparison:
    """Alternatives under the same seeds, one target and one rule; the first is the reference.

    Without a target there are no times and no speed-ups: final accuracy and totals remain.
    """

    target: Target | None
    rule: Rule
    level: float
    alternatives: tuple[Alternative, ...]

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
        rows: dict[str, tuple[SeedRow, ...]] = {}
        for label, group in runs.items():
            seeds = [run.seed for run in group]
            if len(set(seeds)) < len(seeds):
                raise RequestError(f"alternative {label!r} has two runs under one seed: {sorted(seeds)}")
            rows[label] = tuple(SeedRow.of(run, target, rule) for run in sorted(group, key=lambda run: run.seed))
        reference, *others = rows
        pairs = {} if target is None else {label: _PairedTimes.of(rows[reference], rows[label]) for label in others}
        tests = holm_corrected({label: times.test() for label, times in pairs.items()})
        alternatives = [
            _summarise(label, _downlink(runs[label][0]), rows[label], pairs.get(label), tests.get(label), level)
            for label in rows
        ]
        return cls(target, rule, level, tuple(alternatives))

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
            *_words_on_tests([a.test for a in self.alternatives if a.test is not None]),
            *(f"{label}: speed-up {s.kind.replace('-', ' ')}: {s.words}" for label, s in speed_ups),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as one JSON document; *not reached* is null beside a flag that says so."""
        return {
            "schema": "airwan-comparison",
            "schema_version": SCHEMA_VERSION,
            "target": None if self.target is None else {**asdict(self.target), "rule": self.rule},
            "level": self.level,
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


def _words_on_tests(tests: Sequence[PairedTest]) -> list[str]:
    if not tests:
        return []
    fewest = min(tests, key=lambda test: test.num_pairs)
    correction = f", corrected for {fewest.num_tests} alternatives (Holm)" if fewest.num_tests > 1 else ""
    words = f"p: two-sided Wilcoxon signed-rank test against the reference{correction}"
    return [f"{words}; smallest attainable with {fewest.num_pairs} seeds: {fewest.smallest_p:.3g}"]


def _summarise(
    label: str,
    downlink: str,
    rows: tuple[SeedRow, ...],
    pairs: "_PairedTimes | None",
    test: PairedTest | None,
    level: float,
) -> Alternative:
    finals = [row.final_accuracy for row in rows if row.final_accuracy is not None]
    completed = [row for row in rows if not row.failed]
    return Alternative(
        label=label,
        downlink=downlink,
        seeds=rows,
        time_to_s=median_interval([row.time_to_s for row in rows], level),
        to_target={cost: median_interval([row.to_target[cost] for row in rows], level) for cost in COSTS},
        total={cost: float(np.median([row.total[cost] for row in completed or rows])) for cost in COSTS},
        final_accuracy=(float(np.median(finals)), min(finals), max(finals)) if finals else None,
        speed_up=None if pairs is None else pairs.speed_up(level),
        test=test,
    )


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
    accuracy = alternative.final_accuracy
    return {
        "label": alternative.label,
        "downlink": alternative.downlink,
        "num_reached": alternative.num_reached,
        "num_seeds": len(alternative.seeds),
        "time_to_s": _median_json(alternative.time_to_s),
        "to_target": {cost: _median_json(median) for cost, median in alternative.to_target.items()},
        "total": dict(alternative.total),
        "final_accuracy": None if accuracy is None else dict(zip(("median", "low", "high"), accuracy, strict=True)),
        "speed_up": None if alternative.speed_up is None else asdict(alternative.speed_up),
        "test": None
        if alternative.test is None
        else asdict(alternative.test) | {"smallest_p": alternative.test.smallest_p},
        "seeds": [_seed_json(row) for row in alternative.seeds],
    }


def _seed_json(row: SeedRow) -> dict[str, Any]:
    status = "failed" if row.failed else "done"
    return {
        "seed": row.seed,
        "run_id": row.run_id,
        "status": status,
        "reached": row.time_to_s is not None,
    } | {
        "time_to_s": row.time_to_s,
        "to_target": dict(row.to_target),
        "total": dict(row.total),
        "final_accuracy": row.final_accuracy,
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


def explain(run: RunResult) -> dict[str, float | None]:
    """Return what, in one run's records, its result may be due to; None where the run has no such rows.

    - `staleness_mean`, `staleness_max` : global versions missed by the updates [versions].
    - `num_groups`, `label_distance_mean` : groups; the share-weighted mean of their label distance (0 to 2).
    - `shrinkage_mean`, `aggregation_nmse_mean` : 1 - alignment and the normalised squared error.
    - `pull_back_ratio` : sum of what mixing with stale bases took back over the sum of what the groups added.
    - `waiting_fraction` : of the time devices were there, the part in which they neither computed nor
      transmitted.
    - `mac_utilisation_fraction`, `mac_queueing_s` : share of time the uplink was in use; groups'
      waiting for it per global update [s].
    - `updates_per_1000_s` : global updates in 1000 simulated seconds.
    - `work_rate_per_s` : shares of all data that entered the model per second: the sum over updates of the
      group's share times the part of its members that was active (exact where members hold equally much)
      [1/s].
    """
    elapsed_s = run.elapsed_s
    num_versions = len(run.column("version", "version"))
    shares = run.column("group", "share")
    progress = float(np.sum(run.column("version", "progress_norm")))
    alignment = _mean(run.column("aggregation", "alignment"))
    return {
        "staleness_mean": _mean(run.column("version", "staleness")),
        "staleness_max": float(np.max(run.column("version", "staleness"))) if num_versions else None,
        "num_groups": float(len(shares)) if len(shares) else None,
        "label_distance_mean": _ratio(float(shares @ run.column("group", "label_distance")), float(np.sum(shares))),
        "shrinkage_mean": None if alignment is None else 1 - alignment,
        "aggregation_nmse_mean": _mean(run.column("aggregation", "aggregation_nmse")),
        "pull_back_ratio": _ratio(float(np.sum(run.column("version", "pull_back_norm"))), progress),
        "waiting_fraction": _waiting_fraction(run),
        **_uplink_load(run, elapsed_s),
        "updates_per_1000_s": _ratio(1000.0 * num_versions, elapsed_s) if "version" in run.tables else None,
        "work_rate_per_s": _work_rate(run, elapsed_s),
    }


def _mean(values: npt.NDArray[Any]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator > 0 else None


def _waiting_fraction(run: RunResult) -> float | None:
    names = ("elapsed_s", "absent_s", "computing_s", "transmitting_s")
    elapsed_s, absent_s, computing_s, transmitting_s = (float(np.sum(run.column("device", name))) for name in names)
    present_s = elapsed_s - absent_s
    return _ratio(present_s - computing_s - transmitting_s, present_s)


def _uplink_load(run: RunResult, elapsed_s: float) -> dict[str, float | None]:
    entity, kind = run.column("span", "entity"), run.column("span", "kind")
    start_s, end_s = run.column("span", "start_s"), run.column("span", "end_s")
    on_device = np.array([str(name).startswith("device-") for name in entity], dtype=bool)
    sending = np.asarray(kind == "transmit", dtype=bool)
    on_uplink = sending & np.asarray(entity == "uplink", dtype=bool)
    if not on_uplink.any():  # uploads one after another may be recorded under their senders alone
        on_uplink = sending & on_device
    if not on_uplink.any():
        return {"mac_utilisation_fraction": None, "mac_queueing_s": None}
    # A queue for the uplink, not for a device's processor or the downlink: whoever waited was a group.
    of_group = np.array([str(name).startswith("group-") for name in entity], dtype=bool)
    queueing = np.asarray(kind == "queue", dtype=bool) & of_group
    busy_s = float(np.sum(end_s[on_uplink] - start_s[on_uplink]))
    waited_s = float(np.sum(end_s[queueing] - start_s[queueing]))
    return {
        "mac_utilisation_fraction": _ratio(busy_s, elapsed_s),
        "mac_queueing_s": _ratio(waited_s, len(run.column("version", "version"))),
    }


def _work_rate(run: RunResult, elapsed_s: float) -> float | None:
    share_of = dict(zip(run.column("group", "group").tolist(), run.column("group", "share").tolist(), strict=True))
    groups = run.column("version", "group").tolist()
    if not share_of or not groups:
        return None
    active = run.column("version", "num_active") / run.column("version", "num_members")
    shares = np.array([share_of.get(group, 0.0) for group in groups])
    return _ratio(float(shares @ active), elapsed_s)
