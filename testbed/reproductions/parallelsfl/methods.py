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
from testbed.reproductions.parallelsfl.spending import Spent, spent_until
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
_COLUMNS: Final = (
    "method",
    "accuracy [%]",
    "ParallelSFL has more [points]",
    "reached",
    "s",
    "MB at server",
    "MB in all",
    "ParallelSFL is times sooner",
    "times less at server",
    "times less in all",
)
_LEVEL: Final = 0.95
_OF_BEST: Final = 0.95  # the target: this share of what the weakest method comes to


def find(name: str, setting: Setting) -> Finding:
    """Return what each method comes to in one setting."""
    seeds = list(setting.seeds[:2] if setting.quick else setting.seeds)
    results = setting.run(name, plan_sweep(scenario_of(name, setting), [Variation("algorithm.kind", METHODS)], seeds))
    return Finding(
        title=f"{name}: accuracy at equal time, and what an accuracy that all reach costs; {len(seeds)} seeds",
        columns=_COLUMNS,
        rows=table_of(METHODS, results, len(seeds)),
        notes=(
            "Differences and ratios are ParallelSFL's advantage, paired over seeds, with 95 % intervals; the rest are "
            "medians. The target is 95 % of the final accuracy of the method that comes to least.",
            "The paper: at least 21 % less traffic (1.27 times), 1.36 times faster, and 5 % more accurate in "
            "heterogeneous scenarios, on 80 Jetson devices. It does not say which traffic: both are shown.",
        ),
        left_out=("The paper's data sets and models: its body was not available, so they are not known.",),
    )


def table_of(kinds: Sequence[str], results: Sequence[RunResult], num_seeds: int) -> tuple[tuple[Cell, ...], ...]:
    """Return a row a method; results stand method by method, seeds in the same order, the reference first."""
    by_kind = {kind: list(results[k * num_seeds : (k + 1) * num_seeds]) for k, kind in enumerate(kinds)}
    whole = {kind: runs for kind, runs in by_kind.items() if not any(run.failed for run in runs)}
    finals = {kind: [100.0 * (run.final("accuracy") or 0.0) for run in runs] for kind, runs in whole.items()}
    target = _OF_BEST * min((float(np.mean(values)) for values in finals.values()), default=0.0) / 100.0
    spent = {kind: [spent_until(run, target) for run in runs] for kind, runs in whole.items()}
    ours, rows = kinds[0], list[tuple[Cell, ...]]()
    for kind in kinds:
        if kind not in whole:
            rows.append((f"{kind}: failed", *[None] * (len(_COLUMNS) - 1)))
            continue
        parts = ("seconds", "server_megabytes", "all_megabytes")
        medians = [median_interval([getattr(one, part) for one in spent[kind]]).median for part in parts]
        reached = f"{sum(one.seconds is not None for one in spent[kind])}/{num_seeds}"
        if kind == ours or ours not in whole:
            against: list[Cell] = [""] * 4
        else:
            against = [_more(finals[ours], finals[kind]), *(_less(spent[ours], spent[kind], part) for part in parts)]
        rows.append((kind, float(np.mean(finals[kind])), against[0], reached, *medians, *against[1:]))
    return tuple(rows)


def _more(own: Sequence[float], others: Sequence[float]) -> str:
    pairs = np.subtract(own, others)
    if len(pairs) < 2:
        return f"{float(np.mean(pairs)):+.1f}"
    low, high = t_interval(pairs, _LEVEL)
    return f"{float(np.mean(pairs)):+.1f} [{low:+.1f}, {high:+.1f}]"


def _less(own: Sequence[Spent], others: Sequence[Spent], part: str) -> str:
    """Return how many times less was spent, or how many pairs reached the target where not all did."""
    pairs = [(getattr(one, part), getattr(other, part)) for one, other in zip(own, others, strict=True)]
    ratios = [other / one for one, other in pairs if one and other]
    if len(ratios) < len(pairs):
        return f"{len(ratios)} of {len(pairs)} pairs"
    found = ratio_interval(ratios, _LEVEL, stream(0, Purpose.SELECTION))
    return f"{found.ratio:.2f}" + ("" if found.low is None else f" [{found.low:.2f}, {found.high:.2f}]")


SECTIONS: Final = (
    Section("heterogeneous", "Unequal labels and machines: who gains?", 6.0, partial(find, "heterogeneous")),
    Section("narrow", "And where the server's link is a quarter as wide?", 6.0, partial(find, "narrow")),
    Section("moderate", "Labels less unequal: does it hold?", 6.0, partial(find, "moderate")),
    Section("homogeneous", "Labels and machines alike: does it cost anything?", 8.0, partial(find, "homogeneous")),
)
