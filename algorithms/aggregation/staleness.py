"""Staleness discounts: how much less an update counts for the versions it missed.

    constant     s(tau) = 1
    polynomial   s(tau) = (1 + tau)^-p
    hinge        s(tau) = 1 if tau <= b, else 1 / (p (tau - b) + 1)

Xie, Koyejo and Gupta, "Asynchronous Federated Optimization", OPT 2020 (FedAsync), section 3.
"""

from typing import Literal, TypeAlias

__all__ = ["Discount", "staleness_discount"]

Discount: TypeAlias = Literal["constant", "polynomial", "hinge"]


def staleness_discount(staleness: int, discount: Discount, exponent: float, hinge_after: int) -> float:
    """Return s(tau) in (0, 1], for an update that missed `staleness` >= 0 global versions.

    Parameters
    ----------
    exponent : p > 0 of the polynomial and the slope of the hinge.
    hinge_after : b >= 0, the staleness up to which the hinge discounts nothing.

    >>> staleness_discount(3, "polynomial", exponent=0.5, hinge_after=0)
    0.5
    >>> staleness_discount(4, "hinge", exponent=0.5, hinge_after=2)
    0.5
    """
    if staleness < 0:
        raise ValueError(f"staleness must be at least 0, got {staleness}")
    if discount == "polynomial":
        return float((1.0 + staleness) ** -exponent)
    if discount == "hinge" and staleness > hinge_after:
        return 1.0 / (exponent * (staleness - hinge_after) + 1.0)
    return 1.0
