import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_cell import NUM_ENTRIES, World, signals_of

from channels.combining import Combining, combine
from channels.fading import RayleighFading, StaticFading
from channels.noise import TotalNoise
from testbed.records import NO_CAUSE

RULES: tuple[Combining, ...] = get_args(Combining)


def rayleigh(seed: int, *shape: int) -> np.ndarray:
    parts = np.random.default_rng(seed).standard_normal((*shape, 2)) * math.sqrt(0.5)
    return parts[..., 0] + 1j * parts[..., 1]


def combiner(channels: np.ndarray, rule: Combining) -> np.ndarray:
    """Return u, read off what it makes of the unit vectors."""
    return combine(np.eye(len(channels), dtype=np.complex128), rule, channels).conj()


@pytest.mark.parametrize("rule", RULES)
@given(seed=st.integers(0, 10_000), num_antennas=st.integers(1, 8), num_senders=st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_a_combiner_has_unit_norm_so_that_the_noise_is_as_before_and_no_sender_gains_more_than_alone(
    rule: Combining, seed: int, num_antennas: int, num_senders: int
) -> None:
    channels = rayleigh(seed, num_antennas, num_senders)
    assert np.linalg.norm(combiner(channels, rule)) == pytest.approx(1.0)
    together = np.abs(combine(channels, rule))
    assert (together <= np.linalg.norm(channels, axis=0) * (1 + 1e-12)).all()


@pytest.mark.parametrize("rule", RULES)
@given(seed=st.integers(0, 10_000), num_senders=st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_one_antenna_combines_to_itself_in_amplitude(rule: Combining, seed: int, num_senders: int) -> None:
    channels = rayleigh(seed, 1, num_senders)
    np.testing.assert_allclose(np.abs(combine(channels, rule)), np.abs(channels[0]), rtol=1e-12)


@pytest.mark.parametrize("rule", ["mrc", "aligned"])
def test_one_sender_with_mrc_has_the_sum_of_the_antennas_power_gains(rule: Combining) -> None:
    channels = rayleigh(3, 4, 1)
    power_gain = np.abs(combine(channels, rule)[0]) ** 2
    assert power_gain == pytest.approx(np.sum(np.abs(channels) ** 2))


def test_one_sender_with_egc_has_the_squared_sum_of_amplitudes_over_the_number_of_antennas() -> None:
    channels = rayleigh(3, 4, 1)
    assert np.abs(combine(channels, "egc")[0]) ** 2 == pytest.approx(np.sum(np.abs(channels)) ** 2 / 4)


@pytest.mark.parametrize("num_antennas", [1, 2, 8])
def test_one_sender_has_the_textbook_array_gain_on_average(num_antennas: int) -> None:
    num_draws = 4000
    channels = rayleigh(num_antennas, num_draws, num_antennas, 1)
    # E|h|^2 = N (a sum of N unit exponentials); for EGC 1 + (N - 1) pi / 4.
    expected = {"mrc": num_antennas, "egc": 1 + (num_antennas - 1) * math.pi / 4}
    for rule, gain in expected.items():
        powers = np.array([np.abs(combine(one, rule)[0]) ** 2 for one in channels])  # type: ignore[arg-type]
        assert abs(powers.mean() - gain) < 4 * powers.std(ddof=1) / math.sqrt(num_draws)


def test_mrc_is_matched_to_the_sum_channel_and_aligned_to_the_sum_of_directions() -> None:
    near, far = np.array([3.0, 0.0]) + 0j, np.array([0.0, 0.1]) + 0j
    channels = np.stack([near, far], axis=1)
    np.testing.assert_allclose(combiner(channels, "mrc"), np.array([3.0, 0.1]) / math.hypot(3.0, 0.1))
    np.testing.assert_allclose(combiner(channels, "aligned"), np.array([1.0, 1.0]) / math.sqrt(2))
    np.testing.assert_allclose(combiner(channels, "egc"), np.array([1.0, 1.0]) / math.sqrt(2))


def test_one_antenna_is_the_cell_without_antennas() -> None:
    def facts(**changes: object) -> list[object]:
        world = World(**changes)
        reception = world.call(
            lambda turn: world.cell.superpose(turn, [1, 4], signals_of(2), np.full(2, 0.1), "group-0")
        )
        upload = world.call(lambda turn: world.cell.send_up(turn, 2, 400.0, NO_CAUSE))
        return [reception.received.tobytes(), reception.energies_j.tobytes(), upload]

    assert facts() == facts(num_antennas=1, combining="mrc") == facts(num_antennas=1)


def test_the_first_antenna_is_the_only_one_of_a_cell_with_one_and_a_further_one_changes_no_other() -> None:
    one, two, three = (World(num_antennas=n, combining="mrc").cell._channels._antennas for n in (1, 2, 3))
    for antenna, other in ((one[0], two[0]), (two[0], three[0]), (two[1], three[1])):
        np.testing.assert_array_equal(antenna.in_block(5), other.in_block(5))
    assert not np.any(two[0].in_block(5) == two[1].in_block(5))
    np.testing.assert_array_equal(two[0].path_gains, two[1].path_gains)


def test_antennas_shorten_a_digital_upload_as_the_shannon_rate_says() -> None:
    world = World(num_antennas=4, combining="mrc", fading=StaticFading())
    upload = world.call(lambda turn: world.cell.send_up(turn, 0, 400.0, NO_CAUSE))
    # One antenna has an SNR of 5 (`one_cell`), four have 20.
    assert upload.end_s == pytest.approx(400.0 / (100.0 * math.log2(1 + 20.0)))


def test_a_superposition_is_heard_through_the_combiner_of_the_group_it_was_planned_for() -> None:
    world = World(num_antennas=3, combining="mrc", noise=TotalNoise(energy_j=0.0), fading=RayleighFading())
    signals, gains = signals_of(2), np.array([0.1, 0.2])
    group = [0, 2, 5]

    def act(turn):  # type: ignore[no-untyped-def]
        return world.cell.superpose(turn, [0, 5], signals, gains, "group-0", group=group)

    planned = world.cell.believed_amplitudes(group, 0.0)[[0, 2]]
    reception = world.call(act)
    np.testing.assert_allclose(reception.received, (gains * planned) @ signals, rtol=1e-12)
    alone = np.abs(world.cell.channels([0, 5], 0.0))
    assert not np.any(np.isclose(alone, planned))
    assert reception.received.shape == (NUM_ENTRIES,)
