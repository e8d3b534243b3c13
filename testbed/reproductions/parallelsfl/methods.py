"""All methods where labels and machines are unequal, less so, and not at all: accuracy, time and traffic, paired."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np

from testbed.experiments.finding import Cell, Finding
from testbed.experiments.result import RunResult
from testbed.experiments.statistics import median_interval, ratio_interval, t_interval
from testbed.experiments.sweep import Variation, plan_sweep
from testbed.reproductions.outline import Section, Setting
from testbed.reproductions.parallelsfl.settings import scenario_of
from testbed.reproductions.parallelsfl.spending import PARTS, Spent, spent_until
from testbed.streams import Purpose, stream

__all__ = ["METHODS", "SECTIONS", "table_of"]

# The first is what the others are held against.
METHODS: Final = (
    "parallelsfl",
    "splitfed",
    "locfedmix-sl",
    "adasfl",
    "adaptsfl",
    "mergesfl",
    "fedavg-links",
    "pyramidfl-links",
)
# Short, so that a table fits a terminal of 80 columns; the notes say what each is.
_COLUMNS: Final = ("method", "%", "s", "MB at PS", "MB all", "points", "time", "PS", "all")
_LEVEL: Final = 0.95
_OF_LEAST: Final = 0.9  # the target: this share of what the weakest method comes to
_NUM_LAST: Final = 5  # evaluations whose mean is what a run comes to


def find(name: str, setting: Setting) -> Finding:
    """Return what each method comes to in one setting."""
    seeds = list(setting.seeds[:1] if setting.quick else setting.seeds)
    results = setting.run(name, plan_sweep(scenario_of(name, setting), [Variation("algorithm.kind", METHODS)], seeds))
    target, rows = table_of(METHODS, results, len(seeds))
    return Finding(
        title=f"{name}: accuracy at equal time, what {100 * target:.1f} % cost, and what ParallelSFL gains; "
        f"{len(seeds)} seeds",
        columns=_COLUMNS,
        rows=rows,
        notes=(
            "%: the mean accuracy of the last five evaluations. Until five in a row were at the target on average: "
            "seconds, MB over the server's link (PS) and MB in all, medians. The target is 90 % of what the weakest "
            "method comes to.",
            "ParallelSFL's gains, paired over seeds, with 95 % intervals: points of accuracy, times sooner, times "
            "less over the server's link, times less in all. Below 1 it is behind.",
            "The paper: at least 21 % less traffic (1.27 times), 1.36 times faster, and 5 % more accurate in "
            "heterogeneous scenarios, on 80 Jetson devices. It does not say which traffic: both are shown.",
        ),
        left_out=("The paper's data sets and models: its body was not available, so they are not known.",),
    )


def table_of(
    kinds: Sequence[str], results: Sequence[RunResult], num_seeds: int
) -> tuple[float, tuple[tuple[Cell, ...], ...]]:
    """Return the target and a row a method; results stand method by method, seeds alike, the reference first."""
    by_kind = {kind: list(results[k * num_seeds : (k + 1) * num_seeds]) for k, kind in enumerate(kinds)}
    whole = {kind: runs for kind, runs in by_kind.items() if not any(run.failed for run in runs)}
    comes_to = {kind: [_comes_to(run) for run in runs] for kind, runs in whole.items()}
    target = _OF_LEAST * min((float(np.mean(values)) for values in comes_to.values()), default=0.0)
    spent = {kind: [spent_until(run, target) for run in runs] for kind, runs in whole.items()}
    ours, rows = kinds[0], list[tuple[Cell, ...]]()
    for kind in kinds:
        if kind not in whole:
            rows.append((f"{kind}: failed", *[None] * (len(_COLUMNS) - 1)))
            continue
        medians = [median_interval([getattr(one, part) for one in spent[kind]]).median for part in PARTS]
        if kind == ours or ours not in whole:
            against: list[Cell] = [""] * 4
        else:
            ratios = [_less(spent[ours], spent[kind], part) for part in PARTS]
            against = [_more(comes_to[ours], comes_to[kind]), *ratios]
        rows.append((kind, 100.0 * float(np.mean(comes_to[kind])), *medians, *against))
    return target, tuple(rows)


def _comes_to(run: RunResult) -> float:
    return float(run.series("accuracy")[1][-_NUM_LAST:].mean())


def _more(own: Sequence[float], others: Sequence[float]) -> str:
    points = 100.0 * np.subtract(own, others)
    if len(points) < 2:
        return f"{float(points.mean()):+.1f}"
    low, high = t_interval(points, _LEVEL)
    return f"{float(points.mean()):+.1f} ±{(high - low) / 2:.1f}"


def _less(own: Sequence[Spent], others: Sequence[Spent], part: str) -> str:
    """Return how many times less was spent, or how many pairs reached the target where not all did."""
    pairs = [(getattr(one, part), getattr(other, part)) for one, other in zip(own, others, strict=True)]
    ratios = [other / one for one, other in pairs if one and other]
    if len(ratios) < len(pairs):
        return f"{len(ratios)} of {len(pairs)} pairs"
    found = ratio_interval(ratios, _LEVEL, stream(0, Purpose.SELECTION))
    return f"{found.ratio:.2f}" + ("" if found.low is None else f" {found.low:.2f}-{found.high:.2f}")


SECTIONS: Final = (
    Section("heterogeneous", "Unequal labels and machines: who gains?", 6.0, partial(find, "heterogeneous")),
    Section("narrow", "And where the server's link is a quarter as wide?", 6.0, partial(find, "narrow")),
    Section("moderate", "Labels less unequal: does it hold?", 6.0, partial(find, "moderate")),
    Section("homogeneous", "Labels and machines alike: does it cost anything?", 8.0, partial(find, "homogeneous")),
)
