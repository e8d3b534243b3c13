import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.path_loss import PowerLawPathLoss, UnitPathLoss
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
