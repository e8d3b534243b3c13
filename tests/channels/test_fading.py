import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.fading import RayleighFading, StaticFading
from testbed.streams import Purpose, stream


def block_stream(block: int) -> np.random.Generator:
    return stream(5, Purpose.FADING, 0, block)


def no_stream(block: int) -> np.random.Generator:
    raise AssertionError("static fading draws nothing")


def test_static_fading_is_one_and_draws_nothing() -> None:
    assert StaticFading().coefficients(7, 3, no_stream).tolist() == [1, 1, 1]


@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(0, 30))
@settings(max_examples=30, deadline=None)
def test_a_further_link_changes_no_other(block: int, num_links: int, num_more: int) -> None:
    few = RayleighFading().coefficients(block, num_links, block_stream)
    many = RayleighFading().coefficients(block, num_links + num_more, block_stream)
    assert np.array_equal(few, many[:num_links])


def test_asking_twice_gives_the_same_fades_and_another_block_gives_others() -> None:
    first, again, other = (RayleighFading().coefficients(k, 4, block_stream) for k in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.any(first == other)


def test_rayleigh_power_is_exponential_with_mean_one() -> None:
    power = np.abs(RayleighFading().coefficients(0, 40_000, block_stream)) ** 2
    assert abs(power.mean() - 1.0) < 4 * 1.0 / 200  # standard deviation 1
    # P[|h|^2 > 1] = 1/e, a Bernoulli mean.
    p = np.exp(-1)
    assert abs((power > 1).mean() - p) < 4 * np.sqrt(p * (1 - p)) / 200


def test_rayleigh_fades_are_circular() -> None:
    h = RayleighFading().coefficients(0, 40_000, block_stream)
    # E[h] = 0 and E[h^2] = 0; real and imaginary part of h^2 have standard deviation 1.
    assert max(abs(h.mean().real), abs(h.mean().imag)) < 4 * np.sqrt(0.5) / 200
    assert max(abs((h**2).mean().real), abs((h**2).mean().imag)) < 4 * 1.0 / 200
