import pytest

from testbed.views.quantities import GIGABYTES, HOURS, SECONDS, time_unit, traffic_unit


@pytest.mark.parametrize(
    ("times_s", "symbol"), [([], "s"), ([None], "s"), ([35_999.0, None], "s"), ([1.0, 36_000.0], "h")]
)
def test_times_are_in_hours_from_ten_hours_on(times_s: list[float | None], symbol: str) -> None:
    assert time_unit(times_s).symbol == symbol


@pytest.mark.parametrize(("bits", "symbol"), [([], "GB"), ([0.0], "GB"), ([7.9e8], "MB"), ([8.0, 8e8], "GB")])
def test_traffic_is_in_gigabytes_of_a_thousand_million_bytes_and_small_traffic_in_megabytes(
    bits: list[float], symbol: str
) -> None:
    unit = traffic_unit(bits)
    assert unit.symbol == symbol
    assert unit.of({"GB": 8e9, "MB": 8e6}[symbol]) == 1.0


def test_a_number_keeps_all_digits_before_the_point_and_never_has_an_exponent_for_them() -> None:
    assert [SECONDS.number(value) for value in (0.12345, 9999.4, 9999.6, 13241.6)] == [
        "0.1235",
        "9999",
        "10000",
        "13242",
    ]
    assert (HOURS.words(45_000.0), GIGABYTES.words(8e12, 3)) == ("12.5 h", "1000 GB")
