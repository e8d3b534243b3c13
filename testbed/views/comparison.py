"""The tables of a comparison: when the target was reached, what that took, and what cannot be said.

*Not reached* is written out, never left empty. Times of one table are in one unit, and so is its traffic.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from testbed.experiments.statistics import MedianInterval, SpeedUp
from testbed.experiments.summary import Alternative, Comparison
from testbed.views.quantities import Unit, time_unit, traffic_unit
from testbed.views.table_parts import COST_WORDS, NONE, add_row, label, metric_words, new_table, number, shown_costs

__all__ = ["comparison_tables"]

_NOT_REACHED: Final = "not reached"


def comparison_tables(comparison: Comparison) -> Group:
    """Return the answer of a comparison: when the target was reached, what it took, what cannot be said.

    Without a target: the final values, and what was spent until the end.
    """
    alternatives, aimed = comparison.alternatives, comparison.target is not None
    columns = ["reached", "time to target", "speed-up", "p"] if aimed else []
    title = f"Time to {comparison.target} ({comparison.rule}), median over seeds [{_coverages(comparison)}]"
    final = f"final {metric_words(comparison.final_metric)}\n[range]"
    times = new_table(title if aimed else "Median over seeds", "alternative", *columns, final, whole_labels=True)
    unit = time_unit(time_s for a in alternatives for time_s in _ends(a.time_to_s))
    for alternative in alternatives:
        reached = f"{alternative.num_reached}/{len(alternative.seeds)}"
        p = NONE if alternative.test is None else number(alternative.test.p_corrected)
        when = _interval(alternative.time_to_s, unit)
        answer = [reached, when, _speed_up(alternative.speed_up), p] if aimed else []
        add_row(times, label(alternative.label), *answer, _final(alternative))
    lines = [_downlinks(alternatives), *comparison.notes]
    lines += [f"FAILED {name}, seed {row.seed}: {row.error}" for name, row in comparison.failed]
    return Group(times, _costs_table(comparison), *(Text(line, style="dim") for line in lines if line))


def _costs_table(comparison: Comparison) -> Table:
    """Return what was spent up to the target and until the end, and which round or step that was."""
    alternatives, aimed = comparison.alternatives, comparison.target is not None
    shown = shown_costs(comparison.costs)
    traffic = traffic_unit(a.total["bits_wan"] for a in alternatives)
    heads = [COST_WORDS[cost][0] + (f"\n[{traffic.symbol}]" if cost == "bits_wan" else "") for cost in shown]
    where = "" if comparison.between_regions else " in the cell"
    costs = new_table(
        f"Spent{where} {'up to the target / ' if aimed else ''}until the end, median over seeds",
        "alternative",
        "steps" if comparison.between_regions else "rounds",
        *heads,
        whole_labels=True,
    )

    def spent(to_target: MedianInterval, total: float, words: Callable[[float], str]) -> str:
        if not aimed:
            return words(total)
        return f"{_NOT_REACHED if to_target.median is None else words(to_target.median)}\n/ {words(total)}"

    def amount(cost: str, value: float) -> str:
        return traffic.number(value, 3) if cost == "bits_wan" else number(value, COST_WORDS[cost][1])

    for alternative in alternatives:
        cells = [spent(alternative.versions_to_target, alternative.num_versions, _whole)]
        cells += [spent(alternative.to_target[cost], alternative.total[cost], partial(amount, cost)) for cost in shown]
        add_row(costs, label(alternative.label), *cells)
    return costs


def _whole(value: float) -> str:
    """Return a median of whole numbers: whole, or between two.

    >>> _whole(12345.0), _whole(2.5)
    ('12345', '2.5')
    """
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"


def _coverages(comparison: Comparison) -> str:
    covers = sorted({a.time_to_s.coverage for a in comparison.alternatives if a.time_to_s.has_interval})
    if not covers:
        return "no interval: one seed"
    ends = dict.fromkeys(f"{100 * coverage:.3g}" for coverage in (covers[0], covers[-1]))
    return f"{' to '.join(ends)} % interval"


def _ends(median: MedianInterval) -> tuple[float | None, ...]:
    return median.low, median.median, median.high


def _interval(median: MedianInterval, unit: Unit) -> str:
    if median.median is None and median.low is None:
        return _NOT_REACHED
    middle = _NOT_REACHED if median.median is None else unit.words(median.median)
    if not median.has_interval:
        return middle
    low, high = (_NOT_REACHED if end is None else unit.number(end) for end in (median.low, median.high))
    return f"{middle}\n[{low}, {high}]"


def _speed_up(speed_up: SpeedUp | None) -> str:
    if speed_up is None:
        return "1 (reference)"
    if speed_up.ratio is None:
        return "undetermined"
    sign = {"at-least": "> ", "at-most": "< "}.get(speed_up.kind, "")
    interval = f"\n[{speed_up.low:.3g}, {speed_up.high:.3g}]" if speed_up.low is not None else ""
    return f"{sign}{speed_up.ratio:.3g}{interval}"


def _final(alternative: Alternative) -> str:
    if alternative.final is None:
        return NONE
    # As many digits for all three: a perplexity of 1234 needs none behind the point.
    digits = 3 if max(alternative.final) < 100 else 1
    median, low, high = (f"{value:.{digits}f}" for value in alternative.final)
    return f"{median}\n[{low}, {high}]" if alternative.final[1] < alternative.final[2] else median


def _downlinks(alternatives: Sequence[Alternative]) -> str:
    kinds = sorted({alternative.downlink for alternative in alternatives if alternative.downlink})
    return f"downlink: {', '.join(kinds)} (its energy and channel uses are not in the table)" if kinds else ""
