import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.devices.slowdown import NoSlowdown, ParetoSlowdown, Slowdown, UniformSlowdown
from testbed.errors import RequestError
from testbed.settings import validated
from testbed.streams import Purpose, stream

LAWS = [NoSlowdown(), UniformSlowdown(low=1.0, high=10.0), ParetoSlowdown(shape=1.2, cap=30.0)]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.kind)
@settings(deadline=None)
@given(num_devices=st.integers(1, 50), more=st.integers(0, 50), seed=st.integers(0, 1000))
def test_further_devices_change_no_factor(law: Slowdown, num_devices: int, more: int, seed: int) -> None:
    few = law.factors(num_devices, stream(seed, Purpose.DEVICE))
    many = law.factors(num_devices + more, stream(seed, Purpose.DEVICE))
    assert few.shape == (num_devices,)
    assert np.array_equal(many[:num_devices], few)


def test_no_slowdown_is_one_everywhere() -> None:
    assert np.array_equal(NoSlowdown().factors(3, stream(0, Purpose.DEVICE)), np.ones(3))


def test_uniform_factors_have_the_mean_and_variance_of_the_law() -> None:
    n = 20_000
    factors = UniformSlowdown(low=1.0, high=10.0).factors(n, stream(1, Purpose.DEVICE))
    variance = 9.0**2 / 12
    assert factors.min() >= 1.0 and factors.max() <= 10.0
    assert factors.mean() == pytest.approx(5.5, abs=4 * np.sqrt(variance / n))
    # Var of the squared deviation of a uniform: w^4 (1/80 - 1/144).
    assert factors.var() == pytest.approx(variance, abs=4 * 9.0**2 * np.sqrt((1 / 80 - 1 / 144) / n))


@pytest.mark.parametrize("threshold", [1.5, 3.0, 10.0, 29.0])
def test_pareto_factors_exceed_x_with_probability_x_to_minus_shape(threshold: float) -> None:
    n, shape = 20_000, 1.2
    factors = ParetoSlowdown(shape=shape, cap=30.0).factors(n, stream(2, Purpose.DEVICE))
    expected = threshold**-shape
    error = np.sqrt(expected * (1 - expected) / n)
    assert np.mean(factors > threshold) == pytest.approx(expected, abs=4 * error)


def test_pareto_factors_lie_between_one_and_the_cap_and_reach_it() -> None:
    factors = ParetoSlowdown(shape=0.001, cap=30.0).factors(100, stream(3, Purpose.DEVICE))
    assert factors.min() >= 1.0 and factors.max() == 30.0


def test_equal_bounds_make_every_device_equally_slow() -> None:
    law = UniformSlowdown(low=2.0, high=2.0)
    assert np.array_equal(law.factors(4, stream(0, Purpose.DEVICE)), np.full(4, 2.0))


def test_bounds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(RequestError, match=r"high = 1 must be at least low = 2"):
        validated(lambda: UniformSlowdown(low=2.0, high=1.0))
