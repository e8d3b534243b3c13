"""The contracts of every law of fading, path loss, shadowing and noise, and of every downlink."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.block_fading import BlockFading, Direction
from channels.downlink import Deliveries, Downlink, DownlinkAir
from channels.fading import ComplexArray, Fading, RayleighFading
from channels.noise import Noise
from channels.own_links import Direction as Way
from channels.own_links import Lines, OwnLinks
from channels.path_loss import PathLoss, UnitPathLoss
from channels.shadowing import Shadowing
from channels.turn import Medium
from channels.wan.data_folder import DataFolder
from testbed.devices.availability import Absences, AlwaysAvailable, FaultSettings
from testbed.records import NO_CAUSE, TRANSFER
from testbed.simulation import Process, Simulation
from testbed.streams import Purpose, stream

MANY = settings(max_examples=25, deadline=None)
NUM_DEVICES = 5
FILES = DataFolder(None)


def streams(seed: int) -> Callable[..., np.random.Generator]:
    return lambda *address: stream(seed, *address)


# -- fading ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=examples("fading"), ids=str)
def fading(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


def fades(law: Fading, block: int, num_links: int, seed: int = 0) -> ComplexArray:
    return law.coefficients(block, num_links, lambda b: stream(seed, Purpose.FADING, Direction.UPLINK, b))


@MANY
@given(block=st.integers(0, 10_000), others=st.lists(st.integers(0, 10_000), max_size=3), seed=st.integers(0, 99))
def test_a_fade_is_a_function_of_its_link_and_block_whatever_was_asked_before(
    fading: Fading, block: int, others: list[int], seed: int
) -> None:
    first = fades(fading, block, 6, seed)
    for other in others:
        fades(fading, other, 9, seed)
    again = fades(fading, block, 6, seed)
    assert again.tobytes() == first.tobytes()
    assert again.dtype == np.complex128
    assert again.shape == (6,)
    assert np.isfinite(again).all()


@MANY
@given(block=st.integers(0, 10_000), num_links=st.integers(1, 20), num_more=st.integers(1, 20))
def test_a_further_link_changes_the_fade_of_no_other(fading: Fading, block: int, num_links: int, num_more: int) -> None:
    few, many = fades(fading, block, num_links), fades(fading, block, num_links + num_more)
    assert many[:num_links].tobytes() == few.tobytes()


def test_a_link_has_unit_mean_power_over_the_blocks(fading: Fading) -> None:
    # Links fade independently, blocks perhaps not: the error is that of the mean over links.
    powers = np.mean([np.abs(fades(fading, block, 400)) ** 2 for block in range(100)], axis=0)
    standard_error = powers.std(ddof=1) / math.sqrt(len(powers))
    assert abs(powers.mean() - 1.0) <= 4 * standard_error + 1e-12
    assert standard_error < 0.05


# -- path loss ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=examples("path-loss"), ids=str)
def path_loss(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


@MANY
@given(num_devices=st.integers(1, 50), num_more=st.integers(1, 50), seed=st.integers(0, 10_000))
def test_path_gains_are_positive_the_same_again_and_those_of_no_other_device_change_with_a_further_one(
    path_loss: PathLoss, num_devices: int, num_more: int, seed: int
) -> None:
    gains = path_loss.power_gains(num_devices, streams(seed))
    assert gains.shape == (num_devices,)
    assert np.isfinite(gains).all()
    assert (gains > 0).all()
    assert path_loss.power_gains(num_devices, streams(seed)).tobytes() == gains.tobytes()
    assert path_loss.power_gains(num_devices + num_more, streams(seed))[:num_devices].tobytes() == gains.tobytes()


# -- shadowing ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=examples("shadowing"), ids=str)
def shadowing(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


@MANY
@given(num_devices=st.integers(1, 50), num_more=st.integers(1, 50), seed=st.integers(0, 10_000))
def test_shadowing_is_positive_the_same_again_and_that_of_no_other_device_changes_with_a_further_one(
    shadowing: Shadowing, num_devices: int, num_more: int, seed: int
) -> None:
    gains = shadowing.power_gains(num_devices, streams(seed))
    assert gains.shape == (num_devices,)
    assert np.isfinite(gains).all()
    assert (gains > 0).all()
    assert shadowing.power_gains(num_devices, streams(seed)).tobytes() == gains.tobytes()
    assert shadowing.power_gains(num_devices + num_more, streams(seed))[:num_devices].tobytes() == gains.tobytes()


# -- noise -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=examples("noise"), ids=str)
def noise(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


@MANY
@given(num_entries=st.integers(1, 10**9))
def test_the_noise_on_a_vector_is_half_n0_an_entry(noise: Noise, num_entries: int) -> None:
    energy_j, density_w_per_hz = noise.vector_energy_j(num_entries), noise.psd_w_per_hz(num_entries)
    assert math.isfinite(energy_j)
    assert energy_j >= 0
    assert energy_j == pytest.approx(num_entries * density_w_per_hz / 2, rel=1e-12)
    assert (energy_j, density_w_per_hz) == (noise.vector_energy_j(num_entries), noise.psd_w_per_hz(num_entries))


# -- downlink ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=examples("downlink"), ids=str)
def downlink(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


def air(*faults: tuple[int, float, float | None]) -> DownlinkAir:
    simulation = Simulation(root_seed=0)
    away = [FaultSettings(device=device, start_s=start_s, end_s=end_s) for device, start_s, end_s in faults]
    links = BlockFading(
        RayleighFading(), UnitPathLoss(), coherence_time_s=0.25, num_devices=NUM_DEVICES,
        direction=Direction.DOWNLINK, streams=simulation.stream,
    )  # fmt: skip
    return DownlinkAir(
        simulation=simulation,
        medium=Medium(simulation),
        links=links,
        absence=Absences(AlwaysAvailable(), away, NUM_DEVICES, simulation.stream),
        record_transfer=simulation.records.open(TRANSFER),
        lines=Lines(simulation, OwnLinks(low_bit_per_s=500, high_bit_per_s=2000), NUM_DEVICES, Way.DOWN, FILES),
    )


def send(where: DownlinkAir, downlink: Downlink, *messages: tuple[list[int], float]) -> list[Deliveries]:
    """Send the messages at the same time, each after a cause of its own, and return their deliveries in order."""
    simulation = where.simulation
    answers: list[Deliveries] = [{} for _ in messages]

    def server(number: int, receivers: list[int], bits: float) -> Process:
        yield simulation.env.timeout(0.1)
        cause_id = simulation.records.span(f"server-{number}", "compute", 0.0, simulation.now_s, NO_CAUSE)
        answers[number] = yield from downlink.send(where, receivers, bits, cause_id)

    def everybody() -> Process:
        started = [simulation.start(server(k, *message), f"server {k}") for k, message in enumerate(messages)]
        yield simulation.env.all_of(started)
        simulation.finish("sent")

    simulation.start(everybody(), "everybody")
    simulation.run()
    return answers


def rows(where: DownlinkAir, table: str) -> list[dict[str, Any]]:
    return list(where.simulation.records.rows(table))


def assert_every_span_starts_when_its_cause_ended(where: DownlinkAir, *answers: Deliveries) -> None:
    ends_s = {row["span_id"]: row["end_s"] for row in rows(where, "span")}
    assert all(row["start_s"] == ends_s.get(row["cause_id"], 0.0) for row in rows(where, "span"))
    for deliveries in answers:
        assert all(ends_s[span_id] == time_s for span_id, time_s in deliveries.values())


@MANY
@given(
    receivers=st.lists(st.integers(0, NUM_DEVICES - 1), unique=True, min_size=1),
    bits=st.floats(1.0, 1e4),
)
def test_every_receiver_gets_the_bits_not_before_they_were_sent_and_the_spans_say_why(
    downlink: Downlink, receivers: list[int], bits: float
) -> None:
    where = air()
    (deliveries,) = send(where, downlink, (receivers, bits))
    assert sorted(deliveries) == sorted(receivers)
    assert all(math.isfinite(time_s) and time_s >= 0.1 for _, time_s in deliveries.values())
    assert_every_span_starts_when_its_cause_ended(where, deliveries)
    transfers = rows(where, "transfer")
    assert {row["source"] for row in transfers} == {"server"}
    assert sum(row["bits"] for row in transfers) == pytest.approx(bits * (len(receivers) if downlink.one_by_one else 1))
    assert all(0.1 <= row["start_s"] <= row["end_s"] and row["energy_tx_j"] >= 0 for row in transfers)


@MANY
@given(bits=st.floats(1.0, 1e4), factor=st.floats(1.0, 10.0))
def test_more_bits_never_arrive_earlier_and_never_cost_less(downlink: Downlink, bits: float, factor: float) -> None:
    less, more = air(), air()
    (first,) = send(less, downlink, ([1, 3], bits))
    (second,) = send(more, downlink, ([1, 3], factor * bits))
    assert all(second[device][1] >= first[device][1] for device in first)
    spent_j, spent_more_j = (sum(row["energy_tx_j"] for row in rows(where, "transfer")) for where in (less, more))
    assert spent_more_j >= spent_j * (1 - 1e-12)


def test_who_returns_is_served_and_nobody_waits_for_who_never_does(downlink: Downlink) -> None:
    where = air((1, 0.0, 30.0), (2, 0.0, None), (3, 0.2, 60.0))
    (deliveries,) = send(where, downlink, ([0, 1, 2, 3], 1000.0))
    assert {0, 1, 3} <= set(deliveries)
    assert all(math.isfinite(time_s) for _, time_s in deliveries.values())
    assert_every_span_starts_when_its_cause_ended(where, deliveries)


def test_two_messages_at_once_both_arrive_and_each_has_its_causes(downlink: Downlink) -> None:
    where = air()
    answers = send(where, downlink, ([0, 1], 1000.0), ([1, 2, 4], 500.0))
    assert [sorted(deliveries) for deliveries in answers] == [[0, 1], [1, 2, 4]]
    assert_every_span_starts_when_its_cause_ended(where, *answers)


def test_nobody_to_send_to_is_nothing_to_do(downlink: Downlink) -> None:
    where = air()
    assert send(where, downlink, ([], 1000.0)) == [{}]
    assert rows(where, "transfer") == []
    assert where.simulation.now_s == 0.1
