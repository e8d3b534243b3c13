"""The units in which tables and figures show times and traffic: chosen once for all numbers of one table or axis."""

from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["GIGABYTES", "HOURS", "SECONDS", "Unit", "time_unit", "traffic_unit"]


class Unit(NamedTuple):
    """A unit and what one of it is in SI: seconds, or for traffic bits."""

    symbol: str
    size: float

    def of(self, value: float) -> float:
        """Return a value in SI in this unit."""
        return value / self.size

    def number(self, value: float, digits: int = 4) -> str:
        """Return a value in SI as a number of this unit, of so many digits, and of all those before the point.

        >>> SECONDS.number(12_345.6), SECONDS.number(0.12345)
        ('12346', '0.1235')
        """
        own = self.of(value)
        return f"{own:.{digits}g}" if abs(own) < 10**digits - 0.5 else f"{own:.0f}"

    def words(self, value: float, digits: int = 4) -> str:
        """Return the same with the unit behind it.

        >>> HOURS.words(45_000.0)
        '12.5 h'
        """
        return f"{self.number(value, digits)} {self.symbol}"


SECONDS: Final = Unit("s", 1.0)
HOURS: Final = Unit("h", 3600.0)
GIGABYTES: Final = Unit("GB", 8e9)  # of 10^9 byte
_MEGABYTES: Final = Unit("MB", 8e6)

_HOURS_FROM_S: Final = 36_000.0
_GIGABYTES_FROM_BIT: Final = 8e8


def time_unit(times_s: Iterable[float | None]) -> Unit:
    """Return the unit for some times [s]: hours if the longest is 10 h or more, else seconds.

    >>> time_unit([4000.0, None]).symbol, time_unit([4000.0, 36_000.0]).symbol
    ('s', 'h')
    """
    return HOURS if max((time_s for time_s in times_s if time_s is not None), default=0.0) >= _HOURS_FROM_S else SECONDS


def traffic_unit(bits: Iterable[float | None]) -> Unit:
    """Return the unit for some amounts of traffic [bit]: GB of 10^9 byte, or MB if the largest is below 0.1 GB.

    >>> traffic_unit([8e9, 8.0]).symbol, traffic_unit([8e6]).symbol, traffic_unit([0.0]).symbol
    ('GB', 'MB', 'GB')
    """
    largest = max((amount for amount in bits if amount is not None), default=0.0)
    return _MEGABYTES if 0 < largest < _GIGABYTES_FROM_BIT else GIGABYTES
