import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_cell import STATIC_RATE, Away, World

from channels.digital_uplink import Upload
from channels.fading import RayleighFading, StaticFading
from channels.orthogonal import shannon_rate_bit_per_s
from testbed.records import NO_CAUSE


class SomeAway(Away):
    """Only device 1 is away, from `start_s` to `end_s`."""

    def is_available(self, device: int, time_s: float) -> bool:
        return device != 1 or super().is_available(device, time_s)

    def next_change_s(self, device: int, time_s: float) -> float:
        return super().next_change_s(device, time_s) if device == 1 else math.inf


def together(world: World, senders: list[int], bits: float = 400.0) -> list[Upload]:
    return world.call(lambda turn: world.cell.send_up_ofdma(turn, senders, bits, turn.cause_id))


@pytest.mark.parametrize("num_senders", [1, 2, 5])
def test_invariant_11_with_equal_gains_the_whole_takes_as_long_as_each_part_at_n_times_the_snr(
    num_senders: int,
) -> None:
    world = World(fading=StaticFading())
    uploads = together(world, list(range(num_senders)))
    # The SNR of one sender with the whole band is 5 (`one_cell`).
    part_s = 400.0 / shannon_rate_bit_per_s(100.0 / num_senders, 5.0 * num_senders)
    assert [upload.end_s for upload in uploads] == [pytest.approx(part_s)] * num_senders
    assert world.simulation.now_s == max(upload.end_s for upload in uploads)


@given(device=st.integers(0, 5), bits=st.floats(1, 5000), seed=st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_one_sender_is_tdma(device: int, bits: float, seed: int) -> None:
    alone, shared = World(seed=seed), World(seed=seed)
    tdma = alone.call(lambda turn: alone.cell.send_up(turn, device, bits, turn.cause_id))
    assert together(shared, [device], bits) == [tdma]
    assert shared.rows("span") == alone.rows("span")
    assert [row | {"channel": ""} for row in shared.rows("transfer")] == [
        row | {"channel": ""} for row in alone.rows("transfer")
    ]


def test_each_sender_is_through_when_its_own_share_carried_its_bits_block_by_block() -> None:
    world = World(fading=RayleighFading())
    uploads = together(world, [0, 3, 5])
    for device, upload in zip([0, 3, 5], uploads, strict=True):
        carried, time_s = 0.0, 0.0
        while time_s < upload.end_s:
            end_s = min((round(time_s / 0.3) + 1) * 0.3, upload.end_s)
            gain = abs(world.cell.channels([device], (time_s + end_s) / 2)[0]) ** 2
            carried += (end_s - time_s) * shannon_rate_bit_per_s(100.0 / 3, 5.0 * gain * 3)
            time_s = end_s
        assert carried == pytest.approx(400.0)
        assert upload.energy_j == pytest.approx(50.0 * upload.end_s)
    assert len({upload.end_s for upload in uploads}) == 3
    assert world.simulation.now_s == max(upload.end_s for upload in uploads)


def test_the_band_is_counted_once_and_every_sender_has_a_row_and_its_spans() -> None:
    world = World()
    uploads = together(world, [4, 0, 2])
    rows = world.rows("transfer")
    assert [(row["source"], row["channel"], row["bits"]) for row in rows] == [
        (f"device-{device}", "ofdma", 400.0) for device in (4, 0, 2)
    ]
    end_s = max(upload.end_s for upload in uploads)
    assert [row["channel_uses"] for row in rows] == [pytest.approx(100.0 * end_s), 0.0, 0.0]
    assert [row["end_s"] for row in rows] == [upload.end_s for upload in uploads]
    assert [row["energy_tx_j"] for row in rows] == [upload.energy_j for upload in uploads]
    spans = {row["span_id"]: row for row in world.rows("span")}
    assert {spans[upload.span_id]["entity"] for upload in uploads} == {"uplink"}
    assert spans[uploads[0].span_id]["end_s"] == end_s
    assert [spans[row["span_id"]]["entity"] for row in rows] == ["device-4", "device-0", "device-2"]
    world.assert_every_span_starts_exactly_when_its_cause_ended()


def test_an_absence_pauses_one_sender_and_the_others_go_on() -> None:
    world = World(absence=SomeAway(0.5, 7.5), fading=StaticFading())
    first, away, last = together(world, [0, 1, 2])
    assert first.end_s == last.end_s
    assert away.end_s == pytest.approx(first.end_s + 7.0)
    assert away.energy_j == pytest.approx(first.energy_j)
    kinds = [row["kind"] for row in world.rows("span") if row["entity"] == "device-1"]
    assert kinds == ["transmit", "absent", "transmit"]
    world.assert_every_span_starts_exactly_when_its_cause_ended()


def test_a_sender_that_never_comes_back_holds_up_nobody_and_one_that_is_gone_costs_nothing() -> None:
    world = World(absence=SomeAway(0.5, math.inf), fading=StaticFading())
    here, gone = together(world, [0, 1])
    assert (gone.delivered, gone.end_s, gone.energy_j) == (False, 0.5, pytest.approx(25.0))
    assert here.delivered
    assert world.rows("transfer")[1]["bits"] == pytest.approx(0.5 * shannon_rate_bit_per_s(50.0, 10.0))
    world = World(absence=SomeAway(0.0, math.inf), fading=StaticFading())
    gone, here = together(world, [1, 0])
    (row,) = world.rows("transfer")
    assert (gone.end_s, gone.energy_j, gone.delivered, row["source"]) == (0.0, 0.0, False, "device-0")
    assert row["channel_uses"] == pytest.approx(100.0 * here.end_s)


def test_the_outage_floor_applies_to_the_snr_in_a_share() -> None:
    # SNR 5 = 7 dB with the whole band, 10 dB in half of it.
    world = World(fading=StaticFading(), min_snr_db=9.0)
    assert all(upload.delivered for upload in together(world, [0, 1]))


def test_ofdma_of_many_is_never_slower_than_tdma_of_many_in_a_still_channel() -> None:
    # Radiating n times as long at full power: log2(1 + n snr) > log2(1 + snr).
    world = World(fading=StaticFading())
    uploads = together(world, list(range(6)))
    assert max(upload.end_s for upload in uploads) < 6 * 400.0 / STATIC_RATE
    assert sum(upload.energy_j for upload in uploads) > 6 * 50.0 * 400.0 / STATIC_RATE


@pytest.mark.parametrize("senders", [[], [2, 2]])
def test_senders_are_at_least_one_and_each_once(senders: list[int]) -> None:
    with pytest.raises(ValueError, match="each once"):
        together(World(), senders)


def test_without_a_turn_nothing_is_sent() -> None:
    world = World()
    turns: list[Any] = []

    def keep(turn: Any) -> Any:
        turns.append(turn)
        yield from ()

    world.call(keep)
    with pytest.raises(RuntimeError, match="without holding"):
        world.run(world.cell.send_up_ofdma(turns[0], [1], 400.0, NO_CAUSE))
    assert not np.any(world.rows("transfer"))


def test_an_upload_takes_as_long_as_foreseen_while_the_channel_stays_as_it_is() -> None:
    world = World(fading=StaticFading())
    (foreseen_s,) = world.cell.foresee_upload_s(np.abs(world.cell.channels([2], 0.0)) ** 2, 400.0)
    upload = world.call(lambda turn: world.cell.send_up(turn, 2, 400.0, turn.cause_id))
    assert upload.end_s == pytest.approx(foreseen_s, rel=1e-12)
    assert foreseen_s == pytest.approx(400.0 / STATIC_RATE)


def test_a_gain_below_the_outage_floor_is_foreseen_as_the_floor() -> None:
    world = World(min_snr_db=0.0)  # the SNR at unit gain is 5
    at_zero, below, at_floor, above = world.cell.foresee_upload_s(np.array([0.0, 0.1, 0.2, 0.4]), 400.0)
    assert at_floor == pytest.approx(4.0) == at_zero == below
    assert above < at_floor
