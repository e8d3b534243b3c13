import math
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from one_cell import AIRTIME_S, BROADCAST, NUM_ENTRIES, STATIC_RATE, UPLINK, Always, Away, World, signals_of

from channels.cell import Cell
from channels.downlink import Downlink, FreeDownlink
from channels.fading import StaticFading
from channels.noise import TotalNoise
from channels.orthogonal import time_to_send
from channels.uplink import UplinkSettings
from testbed.errors import RunFailure
from testbed.records import NO_CAUSE
from testbed.simulation import Process, Simulation


def over_the_air(world: World, group: int, senders: list[int], work_s: float, rounds: int) -> Process:
    """Compute, take the channel, superpose, again and again."""
    holder, cause_id = f"group-{group}", NO_CAUSE
    for _ in range(rounds):
        deliveries = yield from world.cell.send_down(senders, 100.0, cause_id)
        cause_id, _ = deliveries[senders[-1]]
        cause_id = yield from world.compute(holder, work_s, cause_id)
        with (yield from world.cell.take_turn(holder, cause_id)) as turn:
            gains = np.full(len(senders), 0.1)
            reception = yield from world.cell.superpose(turn, senders, signals_of(len(senders)), gains, holder)
        cause_id = reception.span_id


def one_by_one(world: World, group: int, senders: list[int], work_s: float, rounds: int) -> Process:
    """Compute, take the channel, upload one device after another; idle a little while holding the channel."""
    holder, cause_id = f"group-{group}", NO_CAUSE
    for _ in range(rounds):
        cause_id = yield from world.compute(holder, work_s, cause_id)
        with (yield from world.cell.take_turn(holder, cause_id)) as turn:
            for sender in senders:
                yield world.simulation.env.timeout(0.013)
                yield from world.cell.send_up(turn, sender, 50.0, turn.cause_id)
        cause_id = turn.cause_id


@pytest.mark.parametrize("downlink", [FreeDownlink(), BROADCAST])
def test_every_span_starts_exactly_when_its_cause_ended_with_two_groups_wanting_the_channel(
    downlink: Downlink,
) -> None:
    world = World(downlink=downlink)
    world.run(over_the_air(world, 0, [0, 1], 0.07, 30), over_the_air(world, 1, [2, 3, 4], 0.11, 30))
    queued = [row for row in world.rows("span") if row["kind"] == "queue"]
    assert len(queued) > 20
    spans = {row["span_id"]: row for row in world.rows("span")}
    released = [row for row in queued if row["entity"].startswith("group")]
    starts = {row["start_s"]: row for row in spans.values() if row["entity"] == "uplink"}
    causes = [spans[starts[row["end_s"]]["cause_id"]] for row in released]
    assert {(cause["entity"], cause["kind"]) for cause in causes} == {("uplink", "transmit")}
    world.assert_every_span_starts_exactly_when_its_cause_ended()


def test_every_span_starts_exactly_when_its_cause_ended_with_analog_and_digital_groups_and_absences() -> None:
    world = World(absence=Away(1.3, 2.9))
    world.run(over_the_air(world, 0, [0, 1], 0.07, 20), one_by_one(world, 1, [2, 3, 4], 0.11, 10))
    assert {"queue", "compute", "transmit", "absent", "wait"} == {row["kind"] for row in world.rows("span")}
    world.assert_every_span_starts_exactly_when_its_cause_ended()


def test_the_channel_is_never_used_twice_at_once() -> None:
    world = World()
    world.run(over_the_air(world, 0, [0, 1], 0.07, 20), one_by_one(world, 1, [2, 3, 4], 0.11, 10))
    used = sorted((row["start_s"], row["end_s"]) for row in world.rows("span") if row["entity"] == "uplink")
    assert all(one[1] <= other[0] for one, other in pairwise(used))


@pytest.mark.parametrize("num_senders", [1, 2, 6])
def test_invariant_11_the_airtime_of_a_superposition_does_not_depend_on_the_number_of_senders(
    num_senders: int,
) -> None:
    world = World()
    reception = world.call(
        lambda turn: world.cell.superpose(
            turn, range(num_senders), signals_of(num_senders), np.full(num_senders, 0.1), "group-0"
        )
    )
    assert (reception.start_s, reception.end_s) == (0.0, AIRTIME_S)
    assert world.cell.airtime_s == AIRTIME_S
    assert sum(row["channel_uses"] for row in world.rows("transfer")) == NUM_ENTRIES


@pytest.mark.parametrize("num_senders", [1, 3, 6])
def test_invariant_11_the_tdma_total_is_the_sum_of_its_parts_under_a_static_channel(num_senders: int) -> None:
    world = World(fading=StaticFading())

    def everybody(turn: Any) -> Process:
        uploads = []
        for sender in range(num_senders):
            uploads.append((yield from world.cell.send_up(turn, sender, 400.0, turn.cause_id)))
        return uploads

    uploads = world.call(everybody)
    parts_s = [upload.end_s - upload.start_s for upload in uploads]
    assert parts_s == [pytest.approx(400.0 / STATIC_RATE)] * num_senders
    assert uploads[-1].end_s == pytest.approx(sum(parts_s))
    assert uploads[-1].end_s == pytest.approx(num_senders * 400.0 / STATIC_RATE)


def test_a_superposition_without_noise_is_the_sum_of_what_the_channels_let_through() -> None:
    world = World(noise=TotalNoise(energy_j=0.0))
    signals, gains = signals_of(3), np.array([0.1, 0.2, 0.3])
    reception = world.call(lambda turn: world.cell.superpose(turn, [4, 0, 2], signals, gains, "group-0"))
    amplitudes = gains * np.abs(world.cell.channels([4, 0, 2], 0.0))
    np.testing.assert_allclose(reception.received, amplitudes @ signals, rtol=1e-12)


def test_the_channel_at_the_start_of_the_turn_holds() -> None:
    world = World(noise=TotalNoise(energy_j=0.0))
    signals = signals_of(1)

    def hesitate(turn: Any) -> Process:
        yield world.simulation.env.timeout(0.35)  # into the next coherence block
        return (yield from world.cell.superpose(turn, [1], signals, np.array([0.1]), "group-0"))

    received = world.call(hesitate).received
    np.testing.assert_allclose(received, 0.1 * abs(world.cell.channels([1], 0.0)[0]) * signals[0])
    assert world.cell.channels([1], 0.0) != world.cell.channels([1], 0.3)


def test_holding_the_channel_idle_before_a_superposition_is_shown_as_a_wait() -> None:
    world = World()

    def hesitate(turn: Any) -> Process:
        yield world.simulation.env.timeout(0.35)
        return (yield from world.cell.superpose(turn, [1], signals_of(1), np.array([0.1]), "group-0"))

    assert world.call(hesitate).start_s == 0.35
    assert [row["kind"] for row in world.rows("span")] == ["wait", "transmit", "transmit"]
    assert {row["cause_id"] for row in world.rows("span") if row["kind"] == "transmit"} == {0}
    world.assert_every_span_starts_exactly_when_its_cause_ended()


def test_the_noise_is_addressed_by_the_number_of_the_superposition() -> None:
    def three(world: World) -> list[np.ndarray]:
        def act(turn: Any) -> Process:
            received = []
            for _ in range(3):
                nothing = np.zeros((1, NUM_ENTRIES))
                answer = yield from world.cell.superpose(turn, [0], nothing, np.ones(1), "group-0")
                received.append(answer.received)
            return received

        return world.call(act)

    one, again, other = three(World(seed=1)), three(World(seed=1)), three(World(seed=2))
    assert np.array_equal(one, again)
    assert not np.any(one[0] == one[1])
    assert not np.any(one[0] == other[0])


def test_energies_are_recorded_and_within_the_budget() -> None:
    world = World()
    signals = signals_of(2)
    gains = np.sqrt(10.0) / np.linalg.norm(signals, axis=1) * np.array([1.0, 0.5])
    reception = world.call(lambda turn: world.cell.superpose(turn, [3, 5], signals, gains, "group-0"))
    np.testing.assert_allclose(reception.energies_j, [10.0, 2.5])
    rows = world.rows("transfer")
    assert [(row["source"], row["channel"], row["bits"]) for row in rows] == [
        ("device-3", "aircomp", 0.0),
        ("device-5", "aircomp", 0.0),
    ]
    assert [row["energy_tx_j"] for row in rows] == reception.energies_j.tolist()
    assert [row["channel_uses"] for row in rows] == [20.0, 0.0]
    spans = {row["span_id"]: row["entity"] for row in world.rows("span")}
    assert [spans[row["span_id"]] for row in rows] == ["device-3", "device-5"]
    assert spans[reception.span_id] == "uplink"


@pytest.mark.parametrize("gain", [1.001, -0.1, math.nan])
def test_a_plan_over_budget_is_refused_before_anything_is_radiated(gain: float) -> None:
    world = World()
    signals = np.full((1, NUM_ENTRIES), math.sqrt(10.0 / NUM_ENTRIES))  # ||x||^2 = the budget
    with pytest.raises(RuntimeError, match=r"group-0: device-2 .* budget is 10 J"):
        world.call(lambda turn: world.cell.superpose(turn, [2], signals, np.array([gain]), "group-0"))
    assert world.simulation.records.num_rows("transfer") == 0


@pytest.mark.parametrize("senders", [[], [1, 1]])
def test_senders_are_at_least_one_and_each_once(senders: list[int]) -> None:
    world = World()
    num_senders = len(senders)
    with pytest.raises(ValueError, match="each once"):
        world.call(
            lambda turn: world.cell.superpose(turn, senders, signals_of(num_senders), np.zeros(num_senders), "g")
        )


def test_a_digital_upload_spends_power_times_airtime_and_sends_the_bits_it_is_charged() -> None:
    world = World()
    upload = world.call(lambda turn: world.cell.send_up(turn, 1, 400.0, NO_CAUSE))
    (row,) = world.rows("transfer")
    assert upload.delivered
    assert (row["bits"], row["channel"]) == (400.0, "tdma")
    assert row["channel_uses"] == pytest.approx(100.0 * (upload.end_s - upload.start_s))
    assert row["energy_tx_j"] == upload.energy_j == pytest.approx(50.0 * (upload.end_s - upload.start_s))


def test_an_outage_costs_time_and_no_energy() -> None:
    def upload(min_snr_db: float) -> Any:
        world = World(min_snr_db=min_snr_db)
        return world.call(lambda turn: world.cell.send_up(turn, 1, 4000.0, NO_CAUSE))

    never, often = upload(-60.0), upload(7.0)
    assert never.energy_j == pytest.approx(50.0 * never.end_s)
    assert often.end_s > never.end_s
    assert often.energy_j < never.energy_j


def test_an_absence_pauses_an_upload_and_costs_no_energy() -> None:
    world = World(absence=Away(0.5, 7.5), fading=StaticFading())
    upload = world.call(lambda turn: world.cell.send_up(turn, 1, 400.0, NO_CAUSE))
    assert upload.end_s == pytest.approx(400.0 / STATIC_RATE + 7.0)
    assert upload.energy_j == pytest.approx(50.0 * 400.0 / STATIC_RATE)
    device = [row["kind"] for row in world.rows("span") if row["entity"] == "device-1"]
    assert device == ["transmit", "absent", "transmit"]


def test_a_sender_that_never_comes_back_gives_up_and_does_not_block_the_channel() -> None:
    world = World(absence=Away(0.5, math.inf), fading=StaticFading())
    uploads = []

    def group(number: int) -> Process:
        with (yield from world.cell.take_turn(f"group-{number}", NO_CAUSE)) as turn:
            uploads.append((yield from world.cell.send_up(turn, number, 400.0, turn.cause_id)))

    world.run(group(0), group(1))
    assert [(upload.delivered, upload.end_s) for upload in uploads] == [(False, 0.5), (False, 0.5)]
    assert [upload.energy_j for upload in uploads] == [pytest.approx(50.0 * 0.5), 0.0]
    (row,) = world.rows("transfer")
    assert row["bits"] == pytest.approx(0.5 * STATIC_RATE)
    world.assert_every_span_starts_exactly_when_its_cause_ended()


def test_a_link_below_the_floor_for_ever_names_its_device(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(fading=StaticFading(), min_snr_db=20.0)
    # The real bound of a million blocks takes seconds to reach.
    monkeypatch.setattr("channels.digital_uplink.time_to_send", partial(time_to_send, max_blocks_without_progress=100))
    with pytest.raises(RunFailure, match="upload of device-3: "):
        world.call(lambda turn: world.cell.send_up(turn, 3, 1.0, NO_CAUSE))


def test_without_noise_a_digital_upload_takes_no_time() -> None:
    world = World(noise=TotalNoise(energy_j=0.0))
    upload = world.call(lambda turn: world.cell.send_up(turn, 1, 400.0, NO_CAUSE))
    assert (upload.end_s, upload.energy_j, upload.delivered) == (0.0, 0.0, True)


def test_a_superposition_that_is_asked_to_be_noiseless_is_the_sum_and_leaves_the_noise_of_the_others_alone() -> None:
    def two(first_noiseless: bool) -> list[np.ndarray]:
        world = World()

        def act(turn: Any) -> Process:
            received = []
            for noiseless in (first_noiseless, False):
                answer = yield from world.cell.superpose(
                    turn, [1, 3], signals_of(2), np.full(2, 0.1), "group-0", noiseless=noiseless
                )
                received.append(answer.received)
            return received

        return [*world.call(act), np.full(2, 0.1) * np.abs(world.cell.channels([1, 3], 0.0)) @ signals_of(2)]

    ideal, after_ideal, wanted = two(True)
    noisy, after_noisy, _ = two(False)
    np.testing.assert_allclose(ideal, wanted, rtol=1e-12)
    assert np.abs(noisy - wanted).min() > 0
    np.testing.assert_array_equal(after_ideal, after_noisy)


def test_transmitting_without_a_turn_is_refused() -> None:
    world = World()
    turns = []

    def keep(turn: Any) -> Process:
        turns.append(turn)
        yield from ()

    world.call(keep)
    with pytest.raises(RuntimeError, match="without holding"):
        world.run(world.cell.send_up(turns[0], 1, 400.0, NO_CAUSE))


def test_a_further_device_changes_no_other_channel() -> None:
    def channels(num_devices: int) -> np.ndarray:
        simulation = Simulation(root_seed=4)
        uplink = UplinkSettings(**UPLINK)
        cell = Cell(simulation, uplink, FreeDownlink(), num_devices, NUM_ENTRIES, Always())
        return cell.channels([0, 1, 2], 1.0)

    assert np.array_equal(channels(3), channels(9))
