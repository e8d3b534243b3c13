import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.errors import RequestError
from testbed.units import db_to_linear, dbm_to_w, linear_to_db, parse_quantity, w_to_dbm

UNITS = {  # dimension -> a spelling of its SI unit
    "s": "s",
    "Hz": "Hz",
    "W": "W",
    "J": "J",
    "m": "m",
    "bit": "bit",
    "byte": "B",
    "bit/s": "bit/s",
    "byte/s": "B/s",
    "FLOP": "FLOP",
    "FLOP/s": "FLOP/s",
    "W/Hz": "W/Hz",
    "dB": "dB",
}
LARGE = {"": 0, "k": 3, "M": 6, "G": 9, "T": 12}
SMALL = {"n": -9, "u": -6, "\u00b5": -6, "\u03bc": -6, "m": -3}  # both letters mu of Unicode
BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40}

PATIENT = settings(deadline=None)
FEW = settings(PATIENT, max_examples=25)

finite = st.floats(allow_nan=False, allow_infinity=False)
# As people write them: up to six decimals.
numerals = st.decimals(-(10**9), 10**9, places=6).map(lambda number: f"{number:f}")
decibels = st.floats(-300, 300)
spaces = st.text(" \t\n\u00a0", max_size=3)


@pytest.mark.parametrize(("unit", "spelling"), UNITS.items())
@FEW
@given(value=finite)
def test_a_number_is_in_si_already_with_or_without_its_unit(unit, spelling, value):
    assert parse_quantity(value, unit) == value
    assert parse_quantity(repr(value), unit) == value
    assert parse_quantity(f"{value!r} {spelling}", unit) == value


@pytest.mark.parametrize("unit", ["s", "W", "J", "m", "W/Hz"])
@pytest.mark.parametrize("prefix", LARGE | SMALL)
@FEW
@given(numeral=numerals)
def test_a_prefix_is_exactly_its_power_of_ten(unit, prefix, numeral):
    # Exactly: "35 us" and 35e-6 must give the same run, byte for byte.
    assert parse_quantity(f"{numeral} {prefix}{unit}", unit) == float(f"{numeral}e{(LARGE | SMALL)[prefix]}")


@pytest.mark.parametrize("unit", ["Hz", "bit", "byte", "bit/s", "byte/s", "FLOP", "FLOP/s"])
@pytest.mark.parametrize("prefix", LARGE)
@FEW
@given(numeral=numerals)
def test_a_prefix_of_a_count_is_exactly_its_power_of_ten(unit, prefix, numeral):
    assert parse_quantity(f"{numeral} {prefix}{UNITS[unit]}", unit) == float(f"{numeral}e{LARGE[prefix]}")


@pytest.mark.parametrize("unit", ["Hz", "bit", "byte", "bit/s", "byte/s", "FLOP", "FLOP/s"])
@pytest.mark.parametrize("prefix", SMALL)
def test_there_is_no_fraction_of_a_count(unit, prefix):
    with pytest.raises(RequestError):
        parse_quantity(f"1 {prefix}{UNITS[unit]}", unit)


@pytest.mark.parametrize(("text", "unit", "value"), [
    ("1e3 s", "s", 1000.0),
    ("1.5 min", "s", 90.0),
    ("2 h", "s", 7200.0),
    ("0.5 d", "s", 43200.0),
    ("-5 s", "s", -5.0),
    ("+.5 km", "m", 500.0),
    ("3. Hz", "Hz", 3.0),
    ("5GFLOPS", "FLOP/s", 5e9),
    ("1 KiB", "byte", 1024.0),
    ("1 KiB", "bit", 8192.0),
    ("-3 dB", "dB", -3.0),
    ("1e-400 s", "s", 0.0),
])  # fmt: skip
def test_worked_examples(text, unit, value):
    assert parse_quantity(text, unit) == value


@pytest.mark.parametrize("prefix", LARGE | BINARY)
@pytest.mark.parametrize("per", ["", "/s"])
def test_a_byte_is_eight_bits_wherever_bits_are_asked_for(prefix, per):
    in_bytes = parse_quantity(f"3 {prefix}B{per}", f"byte{per}")
    assert parse_quantity(f"3 {prefix}B{per}", f"bit{per}") == 8 * in_bytes
    assert parse_quantity(f"24 {prefix}bit{per}", f"bit{per}") == 8 * in_bytes
    assert in_bytes == 3 * (2 ** BINARY[prefix] if prefix in BINARY else 10 ** LARGE[prefix])


@pytest.mark.parametrize("text", ["8 Mbit", "8 bit", "8 Mb", "8 MByte", "8 mb", "8 bytes"])
def test_bits_and_loose_spellings_are_never_taken_for_bytes(text):
    with pytest.raises(RequestError, match="expected one of B, kB, MB"):
        parse_quantity(text, "byte")


@PATIENT
@given(value=finite, before=spaces, between=spaces, after=spaces)
def test_white_space_means_nothing(value, before, between, after):
    assert parse_quantity(f"{before}{value!r}{between}ms{after}", "s") == parse_quantity(f"{value!r} ms", "s")


@pytest.mark.parametrize(
    "text", ["five", "", "  ", "s", "nan", "inf", "-inf", "-", "--5 s", "5 5 s", "5 s 5 s7", "e3 s"]
)
def test_what_is_not_a_number_is_refused_with_an_example(text):
    with pytest.raises(RequestError) as refusal:
        parse_quantity(text, "bit/s")
    assert repr(text) in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "1,5 s",
        "1_000 s",
        "0x10 s",
        "1e s",
        "1e3e3 s",
        "5 m",
        "5 S",
        "5 sec",
        "5 Hz",
        "5 dBm",
        "5 s s",
        "5 s/s",
    ],
)
def test_another_unit_is_refused_with_the_ones_that_would_do(text):
    with pytest.raises(RequestError) as refusal:
        parse_quantity(text, "s")
    assert repr(text) in str(refusal.value)
    assert "min, h, d" in str(refusal.value)


@pytest.mark.parametrize("text", ["1e400 s", "-1e400 s", "1e308 Ts", "1e999999999999 s", "1e400"])
def test_a_number_beyond_the_range_of_a_float_is_refused(text):
    with pytest.raises(RequestError, match="beyond the range"):
        parse_quantity(text, "s")


def test_a_power_in_dbm_beyond_the_range_of_a_float_is_refused():
    with pytest.raises(RequestError, match="beyond the range"):
        parse_quantity("4000 dBm", "W")


@pytest.mark.parametrize("value", [True, False])
def test_a_truth_value_is_not_a_quantity(value):
    with pytest.raises(RequestError):
        parse_quantity(value, "s")


def test_decibels_of_textbook_ratios():
    assert db_to_linear(0.0) == 1.0
    assert db_to_linear(3.0) == pytest.approx(1.9952623149688795)  # 10^0.3
    assert db_to_linear(-20.0) == pytest.approx(0.01)
    assert linear_to_db(2.0) == pytest.approx(3.0102999566398120)
    assert dbm_to_w(0.0) == 1e-3
    assert dbm_to_w(30.0) == pytest.approx(1.0)
    thermal = pytest.approx(3.981071705534969e-21, rel=1e-9, abs=0)  # k T at 288 K
    assert parse_quantity("-174 dBm/Hz", "W/Hz") == thermal
    assert parse_quantity("-204 dBW/Hz", "W/Hz") == thermal


@PATIENT
@given(decibels)
def test_decibels_survive_the_round_trip(ratio_db):
    assert linear_to_db(db_to_linear(ratio_db)) == pytest.approx(ratio_db, abs=1e-9)
    assert w_to_dbm(dbm_to_w(ratio_db)) == pytest.approx(ratio_db, abs=1e-9)


@PATIENT
@given(decibels, decibels)
def test_adding_decibels_multiplies_ratios(first_db, second_db):
    product = db_to_linear(first_db) * db_to_linear(second_db)
    assert db_to_linear(first_db + second_db) == pytest.approx(product, rel=1e-9)


@PATIENT
@given(decibels)
def test_a_level_is_a_power_in_watts(level):
    assert parse_quantity(f"{level!r} dBm", "W") == dbm_to_w(level)
    assert parse_quantity(f"{level!r} dBW", "W") == db_to_linear(level)


def test_no_power_is_minus_infinity_decibels():
    assert linear_to_db(0.0) == -math.inf
    assert w_to_dbm(0.0) == -math.inf
