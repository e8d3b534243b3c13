"""Laws of the accounts: where two things happen at once the first counts, and nothing depends on windows or order."""

import tracemalloc
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.devices import fleet as fleets
from testbed.devices.availability import Absences, AlwaysAvailable
from testbed.devices.fleet import Fleet, FleetSettings
from testbed.devices.profiles import DeviceProfile
from testbed.devices.slowdown import NoSlowdown
from testbed.devices.time_account import ABSENT, COMPUTING, TRANSMITTING, Edges, SortedEdges, TimeSweep
from testbed.records import NO_CAUSE, Recorder
from testbed.simulation import Simulation

NUM_DEVICES = 3
PARTS = (COMPUTING, TRANSMITTING, ABSENT)

# Whole numbers, so that sums are exact and an interval is a set of unit cells.
intervals = st.lists(
    st.tuples(
        st.sampled_from(PARTS),
        st.integers(0, NUM_DEVICES - 1),
        st.integers(-3, 30),
        st.integers(0, 30) | st.just(10**9),
    ).map(lambda row: (row[0], row[1], min(row[2:]), max(row[2:]))),
    max_size=25,
)


def edges_of(part, device, start_s, end_s, elapsed_s):
    return Edges.of(part, np.array([device]), np.array([start_s * 1.0]), np.array([end_s * 1.0]), elapsed_s)


def accounts(rows, elapsed_s, window_edges):
    edges = SortedEdges(window_edges)
    for row in rows:
        edges.add(edges_of(*row, elapsed_s))
    sweep = TimeSweep(NUM_DEVICES)
    for window in edges.windows():
        sweep.advance(window)
    return sweep.accounts(elapsed_s)


def cells(rows, part, device, elapsed):
    theirs = (row[2:] for row in rows if row[:2] == (part, device))
    return {cell for start, end in theirs for cell in range(max(start, 0), min(end, elapsed))}


@settings(max_examples=40)
@given(intervals, st.integers(0, 40), st.integers(1, 8))
def test_of_what_happens_at_once_computing_counts_then_transmitting_then_absence(rows, elapsed, window_edges):
    found = accounts(rows, float(elapsed), window_edges)
    for device in range(NUM_DEVICES):
        computing, transmitting, absent = (cells(rows, part, device, elapsed) for part in PARTS)
        assert found[:3, device].tolist() == [
            len(computing),
            len(transmitting - computing),
            len(absent - transmitting - computing),
        ]
        assert found[:, device].sum() == elapsed


@settings(max_examples=40)
@given(intervals, st.integers(1, 8), st.randoms())
def test_accounts_are_bitwise_the_same_in_any_order_and_by_any_windows(rows, window_edges, random):
    sevenths = [(part, device, start / 7, end / 7) for part, device, start, end in rows]
    shuffled = random.sample(sevenths, len(sevenths))
    assert np.array_equal(accounts(sevenths, 4.0, 10_000), accounts(shuffled, 4.0, window_edges))


@settings(max_examples=50)
@given(intervals, st.integers(1, 8), st.integers(1, 4))
def test_windows_have_every_edge_once_in_the_order_of_time(rows, window_edges, mark_every):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("testbed.devices.time_account._MARK_EVERY", mark_every)
        edges, added = SortedEdges(window_edges), []
        for row in rows:
            added.append(edges_of(*row, 20.0))
            edges.add(added[-1])
        windows = [window for window in edges.windows() if len(window.time_s)]
    for before, after in pairwise(windows):
        assert before.time_s.max() < after.time_s.min()
    if windows:
        every, found = (sorted(zip(*Edges.joined(parts), strict=True)) for parts in (added, windows))
        assert every == found


def test_the_sum_of_a_part_is_that_of_a_loop_over_its_pieces():
    pieces = [(index / 3, index / 3 + 0.1) for index in range(500)]
    total_s = 0.0
    for start_s, end_s in pieces:
        total_s += end_s - start_s
    found = accounts([(COMPUTING, 0, *piece) for piece in pieces], 1000.0, 64)
    assert found[COMPUTING, 0] == total_s


def test_settling_accounts_holds_no_more_of_a_longer_run(monkeypatch):
    monkeypatch.setattr(fleets, "SortedEdges", partial(SortedEdges, 1000))
    profile = DeviceProfile.from_table("jetson-tx2-max-n", {"flop_per_s": 10.0})

    def peak_bytes(num_spans):
        simulation = Simulation(0)
        simulation.records = Recorder(500)
        population = FleetSettings(count=4, profile=profile, slowdown=NoSlowdown(), on_loss="pause")
        fleet = Fleet(simulation, population, Absences(AlwaysAvailable(), [], 4, simulation.stream))
        for index in range(num_spans):
            kind = ("compute", "transmit")[index // 4 % 2]
            simulation.records.span(f"device-{index % 4}", kind, 0.5 * index, 0.5 * index + 1.0, NO_CAUSE)
        tracemalloc.start()
        fleet.close(0.5 * num_spans)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(100)  # whatever is imported and remembered once
    assert peak_bytes(12_000) < 1.5 * peak_bytes(3_000)
