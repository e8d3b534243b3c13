import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from noted_luck import NotedLuck
from one_cell import NUM_ENTRIES, UPLINK, World, signals_of

from channels.fading import RayleighFading, StaticFading
from channels.noise import TotalNoise
from channels.path_loss import PowerLawPathLoss
from channels.uplink import UplinkSettings
from channels.uplink_channels import UplinkChannels, received_per_gain
from testbed.streams import Luck, Purpose

MANY = 20_000


streams = Luck(9)


def channels_of(num_devices: int, **changes: Any) -> UplinkChannels:
    return UplinkChannels(UplinkSettings(**(UPLINK | changes)), num_devices, streams, math.inf)


complexes = st.builds(complex, st.floats(-3, 3), st.floats(-3, 3)).filter(lambda z: abs(z) > 0.01)


@given(complexes, complexes, st.floats(-3, 3))
def test_inverting_the_belief_leaves_the_real_part_of_truth_over_belief_turned_by_the_phase_error(
    truth: complex, belief: complex, phase_rad: float
) -> None:
    per_gain = received_per_gain(np.array([truth]), np.array([belief]), phase_rad)[0]
    # A gain of 1 / |h^| would arrive as 1 if the belief were true.
    expected = (truth / belief * complex(math.cos(phase_rad), math.sin(phase_rad))).real
    assert per_gain / abs(belief) == pytest.approx(expected, abs=1e-9)


@given(complexes, st.floats(-3, 3))
def test_with_a_true_belief_a_phase_error_multiplies_by_its_cosine(truth: complex, phase_rad: float) -> None:
    per_gain = received_per_gain(np.array([truth]), np.array([truth]), phase_rad)[0]
    assert per_gain == pytest.approx(abs(truth) * math.cos(phase_rad), abs=1e-12)


def test_perfect_knowledge_is_the_amplitude_of_the_channel_and_draws_nothing_more() -> None:
    luck = NotedLuck(9)
    channels = UplinkChannels(UplinkSettings(**UPLINK), 5, luck, math.inf)
    truth = channels.truth([0, 3], 2)
    assert channels.per_gain([0, 3], 2).tobytes() == np.abs(truth).tobytes()
    assert channels.belief([0, 3], 2).tobytes() == truth.tobytes()
    assert {purpose for purpose, *_ in luck.asked} == {Purpose.FADING}


@pytest.mark.parametrize("variance", [0.001, 0.01])
def test_a_small_csi_error_makes_the_closed_form_mean_squared_error_of_the_received_amplitude(variance: float) -> None:
    channels = channels_of(MANY, fading=StaticFading(), csi_error_variance=variance)
    everyone = range(MANY)
    ratios = channels.per_gain(everyone, 0) / np.abs(channels.belief(everyone, 0))  # Re(h / h^), wanted: 1
    # With x = e / h circular: E Re 1 / (1 + x) = P(|x| < 1) = 1 - exp(-1 / v), and the error -Re x + Re x^2 - ..
    # has the mean square v / 2 + v^2 + O(v^3) (its terms are uncorrelated, E|x^n|^2 = n! v^n).
    errors = ratios - 1
    assert abs(errors.mean() + math.exp(-1 / variance)) < 4 * errors.std(ddof=1) / math.sqrt(MANY)
    expected = variance / 2 + variance**2
    assert abs((errors**2).mean() - expected) < 4 * (errors**2).std(ddof=1) / math.sqrt(MANY)
    assert (errors**2).std(ddof=1) / math.sqrt(MANY) < 0.02 * expected  # so the test can tell v / 2 from v


def test_the_csi_error_is_relative_to_the_path_gain() -> None:
    law = PowerLawPathLoss(gain_db_at_1_m=-40, exponent=4, side_m=50)
    channels = channels_of(MANY, path_loss=law, csi_error_variance=0.04)
    everyone = range(MANY)
    errors = channels.belief(everyone, 3) - channels.truth(everyone, 3)
    relative = np.abs(errors) ** 2 / law.power_gains(MANY, streams)
    assert abs(relative.mean() - 0.04) < 4 * 0.04 / math.sqrt(MANY)


@pytest.mark.parametrize("spread_rad", [0.1, 0.5])
def test_a_phase_error_shrinks_by_the_mean_cosine_and_its_closed_form_mean_squared_error(spread_rad: float) -> None:
    channels = channels_of(MANY, fading=StaticFading(), phase_error_rad=spread_rad)
    cosines = channels.per_gain(range(MANY), 0)
    # E cos(phi) = exp(-s^2 / 2), E cos^2(phi) = (1 + exp(-2 s^2)) / 2.
    shrinkage = math.exp(-(spread_rad**2) / 2)
    squared = (1 + math.exp(-2 * spread_rad**2)) / 2 - 2 * shrinkage + 1
    assert abs(cosines.mean() - shrinkage) < 4 * cosines.std(ddof=1) / math.sqrt(MANY)
    errors = (cosines - 1) ** 2
    assert abs(errors.mean() - squared) < 4 * errors.std(ddof=1) / math.sqrt(MANY)
    assert 1 - shrinkage > 10 * cosines.std(ddof=1) / math.sqrt(MANY)


@given(st.integers(0, 10**6), st.integers(1, 10), st.integers(0, 10))
@settings(max_examples=20, deadline=None)
def test_errors_are_a_function_of_device_and_block_and_a_further_device_changes_no_other(
    block: int, num_devices: int, num_more: int
) -> None:
    errors = {"csi_error_variance": 0.1, "phase_error_rad": 0.2}
    few, many = channels_of(num_devices, **errors), channels_of(num_devices + num_more, **errors)
    many.per_gain([0], block + 1)
    devices = range(num_devices)
    assert few.per_gain(devices, block).tobytes() == many.per_gain(devices, block).tobytes()
    assert few.belief(devices, block).tobytes() == many.belief(devices, block).tobytes()
    last = num_devices - 1
    assert few.belief([last], block)[0] == few.belief(devices, block)[last]


def test_every_block_has_errors_of_its_own() -> None:
    still = {"fading": StaticFading()}
    beliefs = [channels_of(4, **still, csi_error_variance=0.1).belief(range(4), block) for block in (0, 1)]
    cosines = [channels_of(4, **still, phase_error_rad=0.3).per_gain(range(4), block) for block in (0, 1)]
    assert not np.any(beliefs[0] == beliefs[1])
    assert not np.any(cosines[0] == cosines[1])


def test_the_csi_error_adds_to_the_channel_as_it_is_combined_for_the_group() -> None:
    channels = channels_of(6, num_antennas=3, combining="mrc", csi_error_variance=0.1)
    pair, crowd = (
        (channels.truth([1, 4], 2, group), channels.belief([1, 4], 2, group)) for group in ([1, 4], range(6))
    )
    assert not np.any(np.isclose(pair[0], crowd[0]))
    np.testing.assert_allclose(pair[1] - pair[0], crowd[1] - crowd[0], rtol=1e-9)


def test_the_downlink_has_the_same_path_gains_other_fades_and_one_antenna() -> None:
    law = PowerLawPathLoss(gain_db_at_1_m=-40, exponent=4, side_m=50)
    channels = channels_of(6, path_loss=law)
    np.testing.assert_array_equal(channels.downlink().path_gains, law.power_gains(6, streams))
    assert not np.any(channels.downlink().in_block(0) == channels.truth(range(6), 0))


def test_the_cell_plans_by_belief_and_receives_by_truth() -> None:
    errors = {"csi_error_variance": 0.05, "phase_error_rad": 0.3}
    world = World(noise=TotalNoise(energy_j=0.0), fading=RayleighFading(), **errors)
    perfect = World(noise=TotalNoise(energy_j=0.0), fading=RayleighFading())
    devices, signals = [1, 4, 2], signals_of(3)
    believed = world.cell.believed_amplitudes(devices, 0.0)
    gains = 0.05 / believed  # everybody wants to arrive as 0.05
    reception = world.call(lambda turn: world.cell.superpose(turn, devices, signals, gains, "group-0"))
    ratios = world.cell._channels.per_gain(devices, 0) / believed
    np.testing.assert_allclose(reception.received, 0.05 * ratios @ signals, rtol=1e-12)
    np.testing.assert_allclose(reception.per_gain, world.cell._channels.per_gain(devices, 0))
    np.testing.assert_array_equal(world.cell.channels(devices, 0.0), perfect.cell.channels(devices, 0.0))
    assert not np.any(np.isclose(ratios, 1.0))
    assert reception.received.shape == (NUM_ENTRIES,)


def test_the_mean_power_gain_is_what_the_fades_average_to() -> None:
    law = PowerLawPathLoss(gain_db_at_1_m=-40, exponent=3, side_m=100.0)
    channels = channels_of(3, path_loss=law, fading=RayleighFading())
    powers = np.array([np.abs(channels.truth([0, 1, 2], block)) ** 2 for block in range(4000)])
    # |h|^2 of a Rayleigh fade is exponential: its standard error is its mean over the root of the number of blocks.
    expected = channels.mean_power_gains([0, 1, 2])
    assert np.all(np.abs(powers.mean(axis=0) - expected) < 4 * expected / math.sqrt(4000))
    assert channels.mean_power_gains([2]).tolist() == expected[2:].tolist()
