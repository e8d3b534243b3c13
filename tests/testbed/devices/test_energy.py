from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.devices.energy import (
    Interval,
    clipped,
    compute_energy_j,
    duration_s,
    standing_energy_j,
    union,
    without,
)

# Whole numbers, so that sums are exact and an interval is a set of unit cells.
intervals = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda ends: (float(min(ends)), float(max(ends))))
)


def cells(parts: list[Interval]) -> set[int]:
    return {cell for start, end in parts for cell in range(int(start), int(end))}


@settings(deadline=None)
@given(intervals)
def test_the_union_covers_the_same_instants_once_and_in_order(parts: list[Interval]) -> None:
    joined = union(parts)
    assert cells(joined) == cells(parts)
    assert duration_s(joined) == len(cells(parts))
    assert all(first[1] < second[0] for first, second in pairwise(joined))


@settings(deadline=None)
@given(intervals, intervals)
def test_without_is_the_difference_of_sets(parts: list[Interval], removed: list[Interval]) -> None:
    left = without(union(parts), union(removed))
    assert cells(left) == cells(parts) - cells(removed)
    assert duration_s(left) == len(cells(left))


@settings(deadline=None)
@given(intervals, st.integers(0, 30))
def test_clipped_is_the_intersection_with_the_time_elapsed(parts: list[Interval], until: int) -> None:
    assert cells(clipped(parts, float(until))) == cells(parts) & set(range(until))


def test_energy_is_power_times_time_part_by_part() -> None:
    assert compute_energy_j(15.0, 4.0) == 60.0
    assert standing_energy_j(3.0, 5.0, 5.5, 2.0) == pytest.approx(15.0 + 11.0)
