import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.fading import Fading, NakagamiFading, RayleighFading, RicianFading, StaticFading
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


@pytest.mark.parametrize("k_factor_db", [-10.0, 0.0, 6.0])
def test_rician_fades_have_unit_mean_power_and_a_direct_path_of_k_times_the_scattered_power(k_factor_db: float) -> None:
    law, num_links = RicianFading(k_factor_db=k_factor_db), 40_000
    h = law.coefficients(0, num_links, block_stream)
    k = 10 ** (k_factor_db / 10)
    direct, scattered = np.sqrt(k / (k + 1)), 1 / (k + 1)
    assert law.line_of_sight == pytest.approx(direct)
    # Each part of h has variance 1 / (2 (K + 1)); Var |h|^2 = (2 K + 1) / (K + 1)^2.
    error = np.sqrt(scattered / 2 / num_links)
    assert abs(h.mean().real - direct) < 4 * error
    assert abs(h.mean().imag) < 4 * error
    spread = np.sqrt((2 * k + 1) / (k + 1) ** 2 / num_links)
    assert abs((np.abs(h) ** 2).mean() - 1.0) < 4 * spread
    # The mean of (|g|^2) over the scattered part: exponential with mean 1 / (K + 1).
    assert abs((np.abs(h - direct) ** 2).mean() - scattered) < 4 * scattered / np.sqrt(num_links)


def test_rician_without_a_direct_path_tends_to_rayleigh_and_without_scattering_to_no_fading() -> None:
    rayleigh = RayleighFading().coefficients(0, 50, block_stream)
    np.testing.assert_allclose(RicianFading(k_factor_db=-200).coefficients(0, 50, block_stream), rayleigh, atol=1e-9)
    np.testing.assert_allclose(RicianFading(k_factor_db=200).coefficients(0, 50, block_stream), 1.0, atol=1e-9)


@pytest.mark.parametrize("m", [0.5, 1.0, 3.0])
def test_nakagami_power_has_mean_one_and_variance_one_over_m(m: float) -> None:
    power = np.abs(NakagamiFading(m=m).coefficients(0, 40_000, block_stream)) ** 2
    assert abs(power.mean() - 1.0) < 4 * np.sqrt(1 / m) / 200
    # Var (X - 1)^2 = kappa_4 + 2 / m^2 with kappa_4 = 6 / m^3 for a Gamma of shape m and mean 1.
    assert abs(((power - 1) ** 2).mean() - 1 / m) < 4 * np.sqrt(6 / m**3 + 2 / m**2) / 200


def test_nakagami_with_m_one_is_rayleigh_in_distribution_and_circular() -> None:
    h = NakagamiFading(m=1).coefficients(0, 40_000, block_stream)
    p = np.exp(-1)
    assert abs((np.abs(h) ** 2 > 1).mean() - p) < 4 * np.sqrt(p * (1 - p)) / 200
    assert max(abs(h.mean().real), abs(h.mean().imag)) < 4 * np.sqrt(0.5) / 200


@pytest.mark.parametrize("law", [RicianFading(k_factor_db=3), NakagamiFading(m=0.7)], ids=lambda law: law.kind)
@given(block=st.integers(0, 10**6), num_links=st.integers(1, 30), num_more=st.integers(0, 30))
@settings(max_examples=20, deadline=None)
def test_a_further_link_changes_no_other_under_any_law(law: Fading, block: int, num_links: int, num_more: int) -> None:
    few = law.coefficients(block, num_links, block_stream)
    many = law.coefficients(block, num_links + num_more, block_stream)
    assert np.array_equal(few, many[:num_links])


def test_a_nakagami_m_below_one_half_is_refused() -> None:
    with pytest.raises(ValidationError, match="m"):
        NakagamiFading(m=0.4)
