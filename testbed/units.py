"""Quantities with units: read once at the edge, SI and linear inside.

A scenario may write a number (already SI) or a string such as `"10 Mbit/s"`, `"20 ms"`, `"23 dBm"` or
`"4 GB"`. Bits and bytes are different units and never guessed. Decibels exist only here.
"""

import math
import re
from decimal import Decimal
from typing import Final

from testbed.errors import RequestError

__all__ = ["db_to_linear", "dbm_to_w", "linear_to_db", "parse_quantity", "w_to_dbm"]

# Unicode has two letters mu, the micro sign and the Greek one; keyboards differ.
_SMALL: Final = {"n": 1e-9, "u": 1e-6, "\u00b5": 1e-6, "\u03bc": 1e-6, "m": 1e-3}
_LARGE: Final = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_SI: Final = _SMALL | _LARGE
_BINARY: Final = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_DIGITAL: Final = _LARGE | _BINARY


def _prefixed(unit: str, prefixes: dict[str, float]) -> dict[str, float]:
    return {prefix + unit: factor for prefix, factor in prefixes.items()}


def _eightfold(bytes_of: dict[str, float]) -> dict[str, float]:
    return {unit: 8 * factor for unit, factor in bytes_of.items()}


# Dimension (named by its SI unit) -> spelling -> factor to SI.
_UNITS: Final[dict[str, dict[str, float]]] = {
    "s": {**_prefixed("s", _SI), "min": 60.0, "h": 3600.0, "d": 86400.0},
    "Hz": _prefixed("Hz", _LARGE),
    "W": _prefixed("W", _SI),
    "J": _prefixed("J", _SI),
    "m": _prefixed("m", _SI),
    "bit": _prefixed("bit", _DIGITAL) | _eightfold(_prefixed("B", _DIGITAL)),
    "byte": _prefixed("B", _DIGITAL),
    "bit/s": _prefixed("bit/s", _DIGITAL) | _eightfold(_prefixed("B/s", _DIGITAL)),
    "byte/s": _prefixed("B/s", _DIGITAL),
    "FLOP": _prefixed("FLOP", _LARGE),
    "FLOP/s": _prefixed("FLOP/s", _LARGE) | _prefixed("FLOPS", _LARGE),
    "W/Hz": _prefixed("W/Hz", _SI),
    "dB": {"dB": 1.0},
}
# Logarithmic spellings: value -> 10^(value/10) times the factor.
_LOGARITHMIC: Final[dict[str, dict[str, float]]] = {
    "W": {"dBm": 1e-3, "dBW": 1.0},
    "W/Hz": {"dBm/Hz": 1e-3, "dBW/Hz": 1.0},
}
_QUANTITY: Final = re.compile(r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\s\d].*?)?\s*$")


def parse_quantity(value: float | str, unit: str) -> float:
    """Return `value` in the SI unit `unit`.

    Parameters
    ----------
    value : a number, taken as SI already, or a string of a number and a unit of the same dimension.
    unit : one of s, Hz, W, J, m, bit, byte, bit/s, byte/s, FLOP, FLOP/s, W/Hz, dB.

    Raises
    ------
    RequestError : not a number, one beyond the range of a float, or a unit of another dimension.

    >>> parse_quantity("10 Mbit/s", "bit/s"), parse_quantity("20 ms", "s"), parse_quantity(3, "W")
    (10000000.0, 0.02, 3.0)
    >>> round(parse_quantity("23 dBm", "W"), 4)
    0.1995
    """
    if isinstance(value, bool):
        raise RequestError(f"{value!r} is not a quantity in {unit}")
    if isinstance(value, int | float):
        return float(value)
    match = _QUANTITY.match(value)
    if match is None:
        raise RequestError(f"{value!r} is not a quantity: write a number or a number with a unit, like '3 {unit}'")
    digits, spelling = match.groups()
    known = _UNITS[unit] | _LOGARITHMIC.get(unit, {})
    if spelling is not None and spelling not in known:
        raise RequestError(f"{value!r} has the unit {spelling!r}; expected one of {', '.join(known)}")
    try:
        number = _in_si(digits, spelling, unit)
    except ArithmeticError:
        number = math.inf
    if not math.isfinite(number):
        raise RequestError(f"{value!r} is beyond the range of a float")
    return number


def _in_si(digits: str, spelling: str | None, unit: str) -> float:
    if spelling is None:
        return float(digits)
    if spelling in _LOGARITHMIC.get(unit, {}):
        return _LOGARITHMIC[unit][spelling] * db_to_linear(float(digits))
    # In decimal, because 20 * 1e-6 is not 20e-6: one quantity must be one float, however it is written.
    return float(Decimal(digits) * Decimal(str(_UNITS[unit][spelling])))


def db_to_linear(ratio_db: float) -> float:
    """Return the power ratio of `ratio_db` decibels: 10^(dB/10).

    >>> db_to_linear(10.0)
    10.0
    """
    return math.pow(10.0, ratio_db / 10.0)


def linear_to_db(ratio: float) -> float:
    """Return a power ratio in decibels; zero gives minus infinity.

    >>> linear_to_db(100.0)
    20.0
    """
    return 10.0 * math.log10(ratio) if ratio > 0 else -math.inf


def dbm_to_w(power_dbm: float) -> float:
    """Return the watts of a power in dBm.

    >>> dbm_to_w(30.0)
    1.0
    """
    return db_to_linear(power_dbm) * 1e-3


def w_to_dbm(power_w: float) -> float:
    """Return a power in dBm.

    >>> w_to_dbm(0.001)
    0.0
    """
    return linear_to_db(power_w / 1e-3)
