"""Laws of devices' own links: rates within their bounds, apart by direction, and a mean that is the capacity."""

import numpy as np
import pytest

from channels.own_links import Direction, Lines, OwnLinks
from channels.wan.data_folder import DataFolder
from channels.wan.log_normal_bandwidth import LogNormalBandwidth
from testbed.simulation import Simulation

LOW, HIGH = 2e5, 2e6


def lines(num_devices: int, direction: Direction = Direction.DOWN, sigma: float | None = None) -> Lines:
    varies = {} if sigma is None else {"bandwidth": LogNormalBandwidth(sigma=sigma, block_s=10)}
    links = OwnLinks(low_bit_per_s=LOW, high_bit_per_s=HIGH, **varies)
    return Lines(Simulation(root_seed=5), links, num_devices, direction, DataFolder(None))


def test_capacities_are_uniform_between_the_bounds_and_a_last_device_changes_no_other() -> None:
    devices = list(range(400))
    rates = lines(400).rates_bit_per_s(devices, 3.0)
    assert ((rates >= LOW) & (rates <= HIGH)).all()
    standard_error = (HIGH - LOW) / np.sqrt(12 * 400)
    assert abs(rates.mean() - (LOW + HIGH) / 2) < 4 * standard_error
    assert (lines(401).rates_bit_per_s(devices, 3.0) == rates).all()


def test_the_two_directions_are_drawn_apart() -> None:
    down, up = (lines(300, direction).rates_bit_per_s(list(range(300)), 0.0) for direction in Direction)
    assert abs(np.corrcoef(down, up)[0, 1]) < 4 / np.sqrt(300)


def test_a_redrawn_rate_holds_for_a_block_and_has_the_capacity_as_its_mean() -> None:
    sigma, num_blocks = 0.3, 2000
    capacity, rate = lines(1).rate(0)(0.0)[0], lines(1, sigma=sigma).rate(0)
    factors = np.array([rate(10.0 * block + 5)[0] / capacity for block in range(num_blocks)])
    standard_error = np.sqrt((np.exp(sigma**2) - 1) / num_blocks)
    assert abs(factors.mean() - 1.0) < 4 * standard_error
    assert np.std(np.log(factors)) == pytest.approx(sigma, abs=4 * sigma / np.sqrt(2 * num_blocks))
    assert rate(20.0) == rate(29.99) and rate(20.0)[1] == 30.0
    assert rate(20.0)[0] != rate(30.0)[0]
