import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from channels.block_fading import BlockFading, Direction
from channels.downlink import (
    BroadcastDownlink,
    Deliveries,
    Downlink,
    DownlinkAir,
    FreeDownlink,
    UnicastDownlink,
)
from channels.fading import Fading, RayleighFading, StaticFading
from channels.orthogonal import shannon_rate_bit_per_s
from channels.path_loss import UnitPathLoss
from channels.turn import Medium
from testbed.records import NO_CAUSE, TRANSFER
from testbed.simulation import Process, Simulation

RADIO: dict[str, Any] = {"bandwidth_hz": 100.0, "power_w": 2.0, "noise_psd_w_per_hz": 0.001}
RATE = shannon_rate_bit_per_s(100.0, 2.0 / 0.1)


class AbsentUntil:
    """Devices absent from the start until the stated times, or for ever."""

    def __init__(self, returns_s: dict[int, float]) -> None:
        self.returns_s = returns_s

    def is_available(self, device: int, time_s: float) -> bool:
        return time_s >= self.returns_s.get(device, 0.0)

    def next_change_s(self, device: int, time_s: float) -> float:
        return math.inf if self.is_available(device, time_s) else self.returns_s[device]


def air(returns_s: dict[int, float] | None = None, fading: Fading | None = None) -> DownlinkAir:
    simulation = Simulation(root_seed=0)
    links = BlockFading(
        fading or StaticFading(),
        UnitPathLoss(),
        coherence_time_s=0.25,
        num_devices=5,
        direction=Direction.DOWNLINK,
        streams=simulation.stream,
    )
    return DownlinkAir(
        simulation=simulation,
        medium=Medium(simulation),
        links=links,
        absence=AbsentUntil(returns_s or {}),
        record_transfer=simulation.records.open(TRANSFER),
    )


def send(where: DownlinkAir, downlink: Downlink, receivers: list[int], bits: float = 1000.0) -> Deliveries:
    """Send once, after a cause that takes a tenth of a second, and return the deliveries."""
    simulation, answers = where.simulation, []

    def server() -> Process:
        yield simulation.env.timeout(0.1)
        cause_id = simulation.records.span("server", "compute", 0.0, simulation.now_s, NO_CAUSE)
        answers.append((yield from downlink.send(where, receivers, bits, cause_id)))
        simulation.finish("sent")

    simulation.start(server(), "server")
    simulation.run()
    return answers[0]


def rows(where: DownlinkAir, table: str) -> list[dict[str, Any]]:
    return list(where.simulation.records.rows(table))


def assert_every_span_starts_exactly_when_its_cause_ended(where: DownlinkAir) -> None:
    ends_s = {row["span_id"]: row["end_s"] for row in rows(where, "span")} | {NO_CAUSE: 0.0}
    assert [row for row in rows(where, "span") if row["start_s"] != ends_s[row["cause_id"]]] == []


def test_a_free_downlink_takes_no_time_and_passes_the_cause_through() -> None:
    where = air()
    assert send(where, FreeDownlink(), [0, 3]) == {0: (0, 0.1), 3: (0, 0.1)}
    assert len(rows(where, "span")) == 1
    (transfer,) = rows(where, "transfer")
    assert (transfer["bits"], transfer["energy_tx_j"], transfer["channel_uses"]) == (1000.0, 0.0, 0.0)


def test_a_broadcast_takes_the_same_time_for_one_and_for_many() -> None:
    one, many = air(), air()
    (alone,) = send(one, BroadcastDownlink(**RADIO), [2]).values()
    together = send(many, BroadcastDownlink(**RADIO), [0, 1, 2, 3, 4])
    assert set(together.values()) == {alone}
    assert alone[1] == pytest.approx(0.1 + 1000 / RATE)
    assert len(rows(many, "transfer")) == 1


def test_unicast_total_is_the_sum_of_its_parts_under_a_static_channel() -> None:
    where = air()
    deliveries = send(where, UnicastDownlink(**RADIO), [3, 0, 4])
    assert [deliveries[d][1] for d in (3, 0, 4)] == [pytest.approx(0.1 + k * 1000 / RATE) for k in (1, 2, 3)]
    assert_every_span_starts_exactly_when_its_cause_ended(where)


def test_a_broadcast_goes_at_the_rate_of_the_weakest_in_every_block() -> None:
    alone = [send(air(fading=RayleighFading()), BroadcastDownlink(**RADIO), [d])[d][1] for d in range(5)]
    together = send(air(fading=RayleighFading()), BroadcastDownlink(**RADIO), [0, 1, 2, 3, 4])[0][1]
    assert together > max(alone)


@pytest.mark.parametrize("downlink", [BroadcastDownlink(**RADIO), UnicastDownlink(**RADIO)])
def test_the_server_spends_power_times_airtime_and_sends_the_bits_it_is_charged(downlink: Downlink) -> None:
    where = air()
    send(where, downlink, [0, 1])
    for transfer in rows(where, "transfer"):
        airtime_s = transfer["end_s"] - transfer["start_s"]
        assert transfer["energy_tx_j"] == pytest.approx(2.0 * airtime_s)
        assert transfer["channel_uses"] == pytest.approx(100.0 * airtime_s)
        assert (transfer["source"], transfer["bits"]) == ("server", 1000.0)


@pytest.mark.parametrize("downlink", [BroadcastDownlink(**RADIO), UnicastDownlink(**RADIO)])
def test_the_absent_are_served_when_they_return_and_nobody_waits_for_the_lost(downlink: Downlink) -> None:
    where = air({1: 30.0, 2: math.inf, 3: 60.0})
    deliveries = send(where, downlink, [0, 1, 2, 3])
    assert sorted(deliveries) == [0, 1, 3]
    assert deliveries[0][1] == pytest.approx(0.1 + 1000 / RATE)
    assert deliveries[1][1] == pytest.approx(30.0 + 1000 / RATE)
    assert deliveries[3][1] == pytest.approx(60.0 + 1000 / RATE)
    ends_s = {row["span_id"]: row["end_s"] for row in rows(where, "span")}
    assert all(ends_s[span_id] == time_s for span_id, time_s in deliveries.values())
    assert_every_span_starts_exactly_when_its_cause_ended(where)


def test_a_unicast_pauses_while_its_recipient_is_away() -> None:
    class AwayOnce:
        def is_available(self, device: int, time_s: float) -> bool:
            return not 1.0 <= time_s < 4.0

        def next_change_s(self, device: int, time_s: float) -> float:
            return 1.0 if time_s < 1.0 else 4.0 if time_s < 4.0 else math.inf

    where = replace(air(), absence=AwayOnce())
    (arrival,) = send(where, UnicastDownlink(**RADIO), [0]).values()
    assert arrival[1] == pytest.approx(0.1 + 1000 / RATE + 3.0)
    (transfer,) = rows(where, "transfer")
    assert transfer["energy_tx_j"] == pytest.approx(2.0 * 1000 / RATE)
    assert [row["kind"] for row in rows(where, "span")] == ["compute", "transmit", "wait", "transmit"]
    assert_every_span_starts_exactly_when_its_cause_ended(where)


def test_a_unicast_to_a_device_that_leaves_for_good_is_not_delivered_and_what_it_cost_stays_charged() -> None:
    class FirstLeaves:
        def is_available(self, device: int, time_s: float) -> bool:
            return device != 0 or time_s < 1.0

        def next_change_s(self, device: int, time_s: float) -> float:
            return 1.0 if device == 0 and time_s < 1.0 else math.inf

    where = replace(air(), absence=FirstLeaves())
    deliveries = send(where, UnicastDownlink(**RADIO), [0, 1])
    assert list(deliveries) == [1]
    assert deliveries[1][1] == pytest.approx(1.0 + 1000 / RATE)
    lost, arrived = rows(where, "transfer")
    assert (lost["bits"], lost["energy_tx_j"]) == (pytest.approx(0.9 * RATE), pytest.approx(2.0 * 0.9))
    assert arrived["bits"] == 1000.0
    assert_every_span_starts_exactly_when_its_cause_ended(where)


@pytest.mark.parametrize("make", [FreeDownlink, lambda: BroadcastDownlink(**RADIO), lambda: UnicastDownlink(**RADIO)])
def test_nobody_to_send_to_is_nothing_to_do(make: Callable[[], Downlink]) -> None:
    where = air()
    assert send(where, make(), []) == {}
    assert rows(where, "transfer") == []


def test_unicasts_take_as_long_as_foreseen_while_channels_stay_as_they_are_and_asking_changes_nothing() -> None:
    downlink, where = UnicastDownlink(**RADIO), air()
    foreseen_s = downlink.foresee_s(where, [3, 0], 1000.0)
    assert rows(where, "transfer") == [] == rows(where, "span")
    deliveries = send(where, downlink, [3, 0])
    assert deliveries[3][1] == pytest.approx(0.1 + foreseen_s[0])
    assert deliveries[0][1] == pytest.approx(0.1 + foreseen_s.sum())


def test_who_fades_deeper_is_foreseen_to_wait_longer() -> None:
    where = air(fading=RayleighFading())
    gains = [where.links.power_gain(device, 0) for device in range(5)]
    foreseen_s = UnicastDownlink(**RADIO).foresee_s(where, range(5), 1000.0)
    assert foreseen_s.argsort().tolist() == sorted(range(5), key=lambda device: -gains[device])


@pytest.mark.parametrize("downlink", [FreeDownlink(), BroadcastDownlink(**RADIO)], ids=lambda part: part.kind)
def test_where_nobody_has_a_delivery_of_its_own_none_is_foreseen(downlink: Downlink) -> None:
    assert downlink.foresee_s(air(), [0, 4], 1000.0).tolist() == [0.0, 0.0]
