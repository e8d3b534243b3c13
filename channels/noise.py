"""Receiver noise, and which noise a number means.

One convention for the whole project: N0 [J] is the noise energy of one complex channel use, half of it in
each real dimension (equally, the noise power density [W/Hz]). AirComp sends one real entry per channel use
and the receiver keeps the real part, so an entry sees N0 / 2, and the decoded vector of q entries sees

    E||z||^2 = q N0 / 2 .

Papers state either N0 or the energy of the whole vector; the two parts below differ in nothing else. The
factor two enters here and nowhere else.
"""

from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, Field

from testbed.settings import Part
from testbed.units import parse_quantity

__all__ = ["Noise", "PerSymbolNoise", "TotalNoise"]


def _read_joules(value: Any) -> Any:
    return parse_quantity(value, "J") if isinstance(value, str) else value


# Zero is allowed: the noise-free channel is the limit case that every method is checked against.
NoiseJoules = Annotated[float, BeforeValidator(_read_joules), Field(ge=0)]


class Noise(Protocol):
    """Receiver noise in both readings."""

    def vector_energy_j(self, num_entries: int) -> float:
        """Return E||z||^2 of the noise on a decoded real vector of `num_entries` entries [J]."""
        ...

    def psd_w_per_hz(self, num_entries: int) -> float:
        """Return N0, the noise energy of one complex channel use [J], which is the power density [W/Hz]."""
        ...


class TotalNoise(Part):
    """`energy_j` is the energy of the noise on the whole decoded vector: E||z||^2 = sigma_0^2.

    So an entry sees sigma_0^2 / q and N0 = 2 sigma_0^2 / q.

    >>> TotalNoise(energy_j=1.0).vector_energy_j(100), TotalNoise(energy_j=1.0).psd_w_per_hz(100)
    (1.0, 0.02)
    """

    kind: str = "total"
    energy_j: NoiseJoules  # on the whole decoded vector, sigma_0^2 [J]

    def vector_energy_j(self, num_entries: int) -> float:
        """Return sigma_0^2 [J], whatever the number of entries."""
        return self.energy_j

    def psd_w_per_hz(self, num_entries: int) -> float:
        """Return N0 = 2 sigma_0^2 / q [W/Hz]."""
        return 2.0 * self.energy_j / num_entries


class PerSymbolNoise(Part):
    """`energy_j_per_use` is N0, the noise energy of one complex channel use: E||z||^2 = q N0 / 2.

    >>> PerSymbolNoise(energy_j_per_use=0.02).vector_energy_j(100)
    1.0
    """

    kind: str = "per-symbol"
    energy_j_per_use: NoiseJoules  # of one complex channel use, N0 [J]

    def vector_energy_j(self, num_entries: int) -> float:
        """Return q N0 / 2 [J]."""
        return num_entries * self.energy_j_per_use / 2.0

    def psd_w_per_hz(self, num_entries: int) -> float:
        """Return N0 [W/Hz], whatever the number of entries."""
        return self.energy_j_per_use
