import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.path_loss import LogDistancePathLoss, PowerLawPathLoss, UnitPathLoss, free_space_gain
from channels.shadowing import LogNormalShadowing
from testbed.streams import Purpose, stream


def streams(purpose: Purpose, *ids: int) -> np.random.Generator:
    return stream(3, purpose, *ids)


def fedga(**changes: object) -> PowerLawPathLoss:
    return PowerLawPathLoss.from_table("power-law", {"gain_db_at_1_m": -40, "exponent": 4, "side_m": "50 m", **changes})


def test_unit_path_loss_is_one_for_everybody() -> None:
    assert UnitPathLoss().power_gains(3, streams).tolist() == [1.0, 1.0, 1.0]


@given(st.integers(1, 30), st.integers(0, 30))
@settings(max_examples=30, deadline=None)
def test_adding_devices_moves_nobody(num_devices: int, num_more: int) -> None:
    few, many = (
        fedga().power_gains(num_devices, streams),
        fedga().power_gains(num_devices + num_more, streams),
    )
    assert np.array_equal(few, many[:num_devices])


def test_power_gain_is_the_power_law_of_the_distance() -> None:
    positions_m = fedga().positions_m(200, streams)
    distances_m = np.linalg.norm(positions_m, axis=1)
    expected = 1e-4 * np.maximum(distances_m, 1.0) ** -4
    np.testing.assert_allclose(fedga().power_gains(200, streams), expected, rtol=1e-12)


def test_no_device_is_nearer_than_the_metre_at_which_the_gain_is_stated() -> None:
    assert fedga(side_m=0.5).power_gains(20, streams).tolist() == [pytest.approx(1e-4)] * 20


def test_devices_are_uniform_in_the_square_around_the_server() -> None:
    positions_m = fedga().positions_m(10_000, streams)
    assert np.abs(positions_m).max() <= 25.0
    # Each coordinate is U(-25, 25): mean 0, standard deviation 50 / sqrt(12), standard error that over 100.
    assert np.all(np.abs(positions_m.mean(axis=0)) < 4 * 50 / np.sqrt(12) / 100)
    # Squared coordinate: mean 25^2 / 3, standard deviation 25^2 sqrt(4 / 45).
    error = np.abs((positions_m**2).mean(axis=0) - 625 / 3)
    assert np.all(error < 4 * 625 * np.sqrt(4 / 45) / 100)


def test_a_square_without_a_side_is_refused() -> None:
    with pytest.raises(ValidationError, match="side_m"):
        fedga(side_m=0)


def indoor(**changes: object) -> LogDistancePathLoss:
    table = {"carrier_hz": "2.4 GHz", "reference_distance_m": 2, "exponent": 3, "side_m": "100 m"}
    return LogDistancePathLoss.from_table("log-distance", {**table, **changes})


def test_free_space_loses_20_db_a_decade_of_distance_or_carrier() -> None:
    assert 10 * math.log10(free_space_gain(100.0, 1e9)) == pytest.approx(-72.45, abs=0.005)  # textbook: 72.4 dB
    assert free_space_gain(10.0, 1e9) == pytest.approx(100 * free_space_gain(100.0, 1e9))
    assert free_space_gain(10.0, 1e9) == pytest.approx(100 * free_space_gain(10.0, 1e10))


def test_log_distance_is_free_space_up_to_the_reference_distance_and_ten_n_db_a_decade_beyond() -> None:
    distances_m = np.linalg.norm(indoor().positions_m(200, streams), axis=1)
    loss_db = 10 * np.log10(free_space_gain(2.0, 2.4e9)) - 30 * np.log10(np.maximum(distances_m, 2.0) / 2.0)
    np.testing.assert_allclose(10 * np.log10(indoor().power_gains(200, streams)), loss_db, rtol=1e-12)
    assert indoor(side_m=1).power_gains(20, streams).tolist() == [pytest.approx(free_space_gain(2.0, 2.4e9))] * 20


def test_log_distance_at_one_metre_is_the_power_law_with_friis_gain_there() -> None:
    friis_db = 10 * math.log10(free_space_gain(1.0, 2.4e9))
    power_law = fedga(gain_db_at_1_m=friis_db, exponent=3, side_m=100)
    close_in = indoor(reference_distance_m=1)
    np.testing.assert_allclose(close_in.power_gains(50, streams), power_law.power_gains(50, streams), rtol=1e-12)


@pytest.mark.parametrize("clear", [UnitPathLoss(), fedga(), indoor()], ids=lambda law: law.kind)
def test_shadowing_multiplies_every_law_and_moves_nobody(clear: UnitPathLoss) -> None:
    shadowed = clear.model_copy(update={"shadowing": LogNormalShadowing(sigma_db=6)})
    expected = clear.power_gains(40, streams) * LogNormalShadowing(sigma_db=6).power_gains(40, streams)
    np.testing.assert_array_equal(shadowed.power_gains(40, streams), expected)
    assert not np.any(shadowed.power_gains(40, streams) == clear.power_gains(40, streams))
