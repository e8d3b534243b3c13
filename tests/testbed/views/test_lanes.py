from dataclasses import replace

import pytest
from synthetic import grouped_run

from testbed.views.lanes import Lanes, owners, shown_window


def test_every_device_has_one_lane_below_those_of_its_group_so_far() -> None:
    run = grouped_run()
    lanes = Lanes.of(run)
    members = run.frame("membership")
    assert {d: lanes.numbers[p] for d, p in lanes.position_of.items()} == dict(
        zip(members["client"], members["group"], strict=True)
    )
    heights = [lanes.y[device] for devices in lanes.members for device in devices]
    assert heights == sorted(set(heights)) and lanes.bottom == heights[-1] + 0.5


def test_devices_in_no_group_come_last() -> None:
    run = grouped_run()
    members = run.tables["membership"]
    lanes = Lanes.of(replace(run, tables={**run.tables, "membership": members.slice(8)}))
    assert lanes.numbers[-1] == -1 and lanes.members[-1] == tuple(range(8))


def test_owners_are_the_entities_of_that_name_alone() -> None:
    run = grouped_run()
    numbers, theirs = owners(run, "group-")
    assert theirs.sum() == len(numbers) == sum(run.frame("span")["entity"].str.startswith("group-"))


def test_without_an_end_a_window_has_four_periods_of_the_slowest_group() -> None:
    run = grouped_run()
    period_s = run.frame("group")["planned_period_s"].max()
    (start_s, end_s), words = shown_window(run, 100.0, None)
    assert start_s == 100.0 and end_s - start_s == pytest.approx(4 * period_s, rel=0.05)
    assert "about 4 periods" in words
