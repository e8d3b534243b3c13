import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from one_cell import AIRTIME_S, NUM_ENTRIES, World, signals_of

from channels.block_fading import coherence_block
from channels.block_precoding import inverted_gains, section_energies, sections_of
from channels.fading import RayleighFading, StaticFading
from channels.noise import TotalNoise
from testbed.simulation import Process

# Symbols last 4 / 100 Hz = 0.04 s and carry 4 of 20 entries; blocks of 0.1 s begin at 0, 0.1, ..
BLOCKS: dict[str, Any] = {
    "coherence_time_s": 0.1,
    "hold": "block",
    "noise": TotalNoise(energy_j=0.0),
    "fading": RayleighFading(),
}
# Symbols start at 0, 0.04, 0.08 | 0.12, 0.16.
CUT = 12


@given(
    start_s=st.floats(0, 1e3),
    num_entries=st.integers(1, 300),
    num_subchannels=st.integers(1, 7),
    coherence_time_s=st.floats(0.01, 5.0),
)
@settings(deadline=None)
def test_every_entry_lies_in_the_block_in_which_its_symbol_starts(
    start_s: float, num_entries: int, num_subchannels: int, coherence_time_s: float
) -> None:
    sections = sections_of(start_s, num_entries, 50.0, num_subchannels, coherence_time_s)
    found = [block for block, start, stop in sections for _ in range(start, stop)]
    symbol_s = num_subchannels / 50.0
    starts_s = [start_s + (entry // num_subchannels) * symbol_s for entry in range(num_entries)]
    assert found == [coherence_block(time_s, coherence_time_s) for time_s in starts_s]
    assert len({section.block for section in sections}) == len(sections)


def test_a_vector_within_one_block_is_one_section() -> None:
    assert sections_of(0.1, 20, 100.0, 4, 1.0) == [(0, 0, 20)]


energies = hnp.arrays(np.float64, (3, 4), elements=st.one_of(st.just(0.0), st.floats(1e-9, 10)))
gains = hnp.arrays(np.float64, (3, 4), elements=st.floats(0, 1e6))


@given(gains, energies, st.floats(0.01, 100))
def test_what_is_sent_never_exceeds_the_budget_and_no_gain_is_larger_than_wanted(
    wanted: np.ndarray, unit_energies: np.ndarray, budget_j: float
) -> None:
    used, clipped = inverted_gains(wanted, unit_energies, budget_j)
    assert (np.sum(used**2 * unit_energies, axis=1) <= budget_j * (1 + 2e-9)).all()
    assert (used <= wanted).all()
    assert ((used == wanted) | clipped).all()


@given(energies, st.floats(0.01, 100))
def test_a_plan_that_spends_exactly_its_budget_is_kept_in_a_channel_that_does_not_change(
    unit_energies: np.ndarray, budget_j: float
) -> None:
    totals = unit_energies.sum(axis=1)
    gain = np.sqrt(budget_j / np.where(totals > 0, totals, 1.0))
    wanted = np.repeat(gain[:, np.newaxis], 4, axis=1)
    used, clipped = inverted_gains(wanted, unit_energies, budget_j)
    np.testing.assert_array_equal(used, wanted)
    assert not clipped.any()


def test_a_clipped_device_may_spend_later_what_it_saved_before_and_keeps_what_it_needs_to_the_end() -> None:
    unit_energies = np.ones((1, 3))
    used, clipped = inverted_gains(np.array([[1.0, 5.0, 5.0]]), unit_energies, budget_j=9.0)
    # 9 J: spends 1, has 8 for two sections: 4 each, gain 2.
    np.testing.assert_allclose(used, [[1.0, 2.0, 2.0]])
    assert clipped.tolist() == [[False, True, True]]
    used, clipped = inverted_gains(np.array([[5.0, 1.0, 5.0]]), unit_energies, budget_j=9.0)
    # 3 of 9 J at first, then 1, then the 5 that are left.
    np.testing.assert_allclose(used, [[math.sqrt(3.0), 1.0, math.sqrt(5.0)]])
    assert clipped.tolist() == [[True, False, True]]


# -- in the cell -------------------------------------------------------------------------------------------------------


def superpose(world: World, senders: list[int], signals: np.ndarray, gains: np.ndarray, wait_s: float = 0.0) -> Any:
    def act(turn: Any) -> Process:
        if wait_s > 0:
            yield world.simulation.env.timeout(wait_s)
        return (yield from world.cell.superpose(turn, senders, signals, gains, "group-0"))

    return world.call(act)


def test_with_the_first_csi_every_entry_sees_the_gain_of_its_block() -> None:
    world = World(csi="first", **BLOCKS)
    signals, gains, senders = signals_of(3), np.array([0.1, 0.2, 0.3]), [4, 0, 2]
    reception = superpose(world, senders, signals, gains)
    first, second = (np.abs(world.cell.channels(senders, time_s)) for time_s in (0.0, 0.1))
    np.testing.assert_allclose(reception.received[:CUT], (gains * first) @ signals[:, :CUT], rtol=1e-12)
    np.testing.assert_allclose(reception.received[CUT:], (gains * second) @ signals[:, CUT:], rtol=1e-12)
    np.testing.assert_allclose(reception.energies_j, gains**2 * np.sum(signals**2, axis=1), rtol=1e-12)
    np.testing.assert_allclose(reception.per_gain, 0.6 * first + 0.4 * second)
    assert reception.end_s - reception.start_s == AIRTIME_S
    assert world.simulation.records.num_rows("clipping") == 0


def test_with_csi_per_block_everybody_arrives_as_planned_and_pays_what_that_takes() -> None:
    world = World(csi="per-block", energy_budget_j=1e6, **BLOCKS)
    signals, gains, senders = signals_of(3), np.array([0.1, 0.2, 0.3]), [4, 0, 2]
    reception = superpose(world, senders, signals, gains)
    first, second = (np.abs(world.cell.channels(senders, time_s)) for time_s in (0.0, 0.1))
    np.testing.assert_allclose(reception.received, (gains * first) @ signals, rtol=1e-12)
    norms = [np.sum(part**2, axis=1) for part in (signals[:, :CUT], signals[:, CUT:])]
    energies_j = gains**2 * norms[0] + (gains * first / second) ** 2 * norms[1]
    np.testing.assert_allclose(reception.energies_j, energies_j, rtol=1e-12)
    assert [row["energy_tx_j"] for row in world.rows("transfer")] == reception.energies_j.tolist()
    np.testing.assert_allclose(reception.per_gain, first)


def test_a_reinversion_beyond_the_budget_is_clipped_and_recorded_and_the_budget_holds() -> None:
    world = World(csi="per-block", **BLOCKS)
    signals, senders = signals_of(6), list(range(6))
    gains = np.sqrt(10.0 / np.sum(signals**2, axis=1))  # everybody spends the whole budget if nothing changes
    reception = superpose(world, senders, signals, gains)
    first, second = (np.abs(world.cell.channels(senders, time_s)) for time_s in (0.0, 0.1))
    worse = second < first
    assert 0 < worse.sum() < 6
    np.testing.assert_allclose(reception.energies_j[worse], 10.0)
    assert (reception.energies_j[~worse] < 10.0).all()
    # The clipped kept their gain: what is left of the budget is just enough for that.
    amplitudes = np.where(worse, gains * second, gains * first)
    np.testing.assert_allclose(reception.received[CUT:], amplitudes @ signals[:, CUT:], rtol=1e-9)
    rows = world.rows("clipping")
    assert [row["source"] for row in rows] == [f"device-{sender}" for sender in np.flatnonzero(worse)]
    assert {row["block"] for row in rows} == {1}
    np.testing.assert_allclose([row["gain"] for row in rows], gains[worse])
    np.testing.assert_allclose([row["wanted_gain"] for row in rows], (gains * first / second)[worse])
    spans = {row["span_id"]: row["entity"] for row in world.rows("span")}
    assert [spans[row["span_id"]] for row in rows] == [row["source"] for row in rows]


@pytest.mark.parametrize("csi", ["first", "per-block"])
def test_a_channel_that_does_not_change_makes_holding_and_following_it_the_same(csi: str) -> None:
    signals = signals_of(2)
    gains = np.sqrt(10.0 / np.sum(signals**2, axis=1))
    still = {"fading": StaticFading(), "coherence_time_s": 0.1}
    held, followed = World(**still), World(**still, hold="block", csi=csi)
    one, other = (superpose(world, [0, 1], signals, gains) for world in (held, followed))
    np.testing.assert_allclose(other.received, one.received, rtol=1e-12)
    np.testing.assert_allclose(other.energies_j, one.energies_j, rtol=1e-12)


@pytest.mark.parametrize("csi", ["first", "per-block"])
def test_a_transmission_inside_one_block_is_the_same_bit_for_bit_however_the_channel_is_held(csi: str) -> None:
    held, followed = World(coherence_time_s=10.0), World(coherence_time_s=10.0, hold="block", csi=csi)
    one, other = (superpose(world, [0, 3], signals_of(2), np.full(2, 0.1)) for world in (held, followed))
    assert other.received.tobytes() == one.received.tobytes()
    np.testing.assert_allclose(other.energies_j, one.energies_j, rtol=1e-12)


def test_who_waits_into_the_next_block_inverts_from_the_plan_he_made_at_the_start_of_the_turn() -> None:
    changes = BLOCKS | {"energy_budget_j": 1e6, "coherence_time_s": 1.0}
    signals, gains = signals_of(1), np.array([0.1])
    world = World(csi="per-block", **changes)
    received = superpose(world, [1], signals, gains, wait_s=1.5).received
    np.testing.assert_allclose(received, 0.1 * abs(world.cell.channels([1], 0.0)[0]) * signals[0])
    world = World(csi="first", **changes)
    received = superpose(world, [1], signals, gains, wait_s=1.5).received
    np.testing.assert_allclose(received, 0.1 * abs(world.cell.channels([1], 1.5)[0]) * signals[0])


def test_section_energies_add_up_to_the_whole() -> None:
    signals = signals_of(3)
    sections = sections_of(0.0, NUM_ENTRIES, 100.0, 4, 0.1)
    assert [section.start for section in sections] == [0, CUT]
    total = section_energies(signals.astype(np.float32), sections).sum(axis=1)
    np.testing.assert_allclose(total, np.sum(signals.astype(np.float32).astype(np.float64) ** 2, axis=1), rtol=1e-12)
