import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.noise import PerSymbolNoise, TotalNoise


@given(st.integers(1, 10**8), st.floats(0, 1e6))
@settings(deadline=None)
def test_a_real_entry_sees_half_of_a_complex_channel_use_in_both_conventions(q: int, energy_j: float) -> None:
    for noise in (TotalNoise(energy_j=energy_j), PerSymbolNoise(energy_j_per_use=energy_j)):
        assert noise.vector_energy_j(q) == pytest.approx(q * noise.psd_w_per_hz(q) / 2, rel=1e-12)


def test_total_noise_does_not_grow_with_the_vector_and_per_symbol_noise_does() -> None:
    assert TotalNoise(energy_j=3.0).vector_energy_j(1000) == TotalNoise(energy_j=3.0).vector_energy_j(1) == 3.0
    assert PerSymbolNoise(energy_j_per_use=3.0).vector_energy_j(1000) == 1500.0
    assert PerSymbolNoise(energy_j_per_use=3.0).psd_w_per_hz(1000) == 3.0


def test_the_real_part_of_complex_noise_of_energy_n0_per_use_has_the_stated_vector_energy() -> None:
    q, n0, rng = 50_000, 0.7, np.random.default_rng(0)
    z = np.sqrt(n0 / 2) * (rng.standard_normal(q) + 1j * rng.standard_normal(q))
    expected = PerSymbolNoise(energy_j_per_use=n0).vector_energy_j(q)
    # Each squared real part has mean N0/2 and standard deviation sqrt(2) N0/2.
    assert abs(np.sum(z.real**2) - expected) < 4 * np.sqrt(2 * q) * n0 / 2


def test_units_are_read_and_negative_noise_is_refused() -> None:
    assert TotalNoise.from_table("total", {"energy_j": "2 mJ"}).energy_j == pytest.approx(2e-3)
    with pytest.raises(ValidationError, match="energy_j"):
        TotalNoise(energy_j=-1.0)
