import json
import math
from typing import Annotated, Any

import pytest
from pydantic import PositiveInt, ValidationError, model_validator

import testbed.settings as quantities
from testbed import catalogue
from testbed.errors import RequestError
from testbed.settings import Fraction, Part, PositiveSeconds, Seconds, Settings, Watts, component, validated

UNITS = {
    "Seconds": "s",
    "PositiveSeconds": "s",
    "Hertz": "Hz",
    "Watts": "W",
    "WattsPerHertz": "W/Hz",
    "Joules": "J",
    "Bits": "bit",
    "Bytes": "B",
    "BytesPerSecond": "B/s",
    "BitPerSecond": "bit/s",
    "Flop": "FLOP",
    "FlopPerSecond": "FLOP/s",
}
MAY_BE_ZERO = {"Seconds", "Watts"}


class Radio(Part):
    """A part with a part in it."""

    power_w: Watts
    antenna: Annotated[Any, component("noise")] = "phased-array"


class Antenna(Part):
    """An inner part."""

    num_elements: PositiveInt = 1
    tilt: Fraction = 0.5

    @model_validator(mode="after")
    def _check(self) -> "Antenna":
        if self.num_elements == 13:
            raise RequestError("13 elements bring bad luck")
        return self


class Inner(Settings):
    radio: Annotated[Any, component("fading")]
    wait_s: Seconds = 0.0


class Outer(Settings):
    inner: Inner
    many: tuple[Inner, ...] = ()


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    monkeypatch.setattr(catalogue, "_registered", {})
    catalogue.register("fading", "radio")(Radio)
    catalogue.register("noise", "phased-array")(Antenna)


def quantity(name: str) -> type[Settings]:
    annotation = getattr(quantities, name)
    return type("One", (Settings,), {"__annotations__": {"value": annotation}, "__module__": __name__})


def refusal(settings: type[Settings], table: Any, where: str = "run") -> str:
    with pytest.raises(RequestError) as refused:
        validated(lambda: settings.model_validate(table), where)
    return str(refused.value)


def test_every_quantity_is_tried_here():
    others = {"Part", "Settings", "component", "explain", "validated", "Fraction", "Decibels"}
    assert set(quantities.__all__) - others == set(UNITS)


@pytest.mark.parametrize(("name", "unit"), UNITS.items())
def test_a_quantity_is_a_number_in_si_or_a_text_with_its_unit(name, unit):
    read = quantity(name).model_validate
    for written in (3, 3.0, "3", f"3 {unit}", f" 3{unit} "):
        assert read({"value": written}).value == 3.0
        assert type(read({"value": written}).value) is float


@pytest.mark.parametrize(("name", "unit"), UNITS.items())
def test_a_negative_quantity_is_refused_and_zero_only_where_it_means_something(name, unit):
    for written in (-1, f"-1 {unit}"):
        assert "run.value = " in refusal(quantity(name), {"value": written})
    if name in MAY_BE_ZERO:
        assert quantity(name).model_validate({"value": 0}).value == 0.0
    else:
        assert "must be greater than 0" in refusal(quantity(name), {"value": 0})


@pytest.mark.parametrize(
    "written", [math.nan, math.inf, -math.inf, "nan", "inf", "1e400", True, False, None, [1], {}, "five"]
)
@pytest.mark.parametrize("name", [*UNITS, "Decibels", "Fraction"])
def test_what_is_not_a_finite_number_is_refused_with_the_path(name, written):
    assert refusal(quantity(name), {"value": written}).startswith("run.value")


def test_another_dimension_is_refused_with_the_units_that_would_do():
    message = refusal(quantity("Bytes"), {"value": "8 Mbit"})
    assert message.startswith("run.value: '8 Mbit' has the unit 'Mbit'; expected one of B, kB, MB")


def test_decibels_may_have_either_sign():
    assert [quantity("Decibels").model_validate({"value": v}).value for v in (-5, "-5 dB", 3)] == [
        -5.0,
        -5.0,
        3.0,
    ]


@pytest.mark.parametrize("value", [0, 0.0, 0.5, 1])
def test_a_fraction_is_from_zero_to_one_inclusive(value):
    assert quantity("Fraction").model_validate({"value": value}).value == value


@pytest.mark.parametrize("value", [-0.1, 1.1, 50, "0.5", "50 %"])
def test_what_is_not_a_fraction_is_refused(value):
    assert "run.value" in refusal(quantity("Fraction"), {"value": value})


def test_settings_are_frozen():
    settings = Antenna(num_elements=4)
    with pytest.raises(ValidationError, match="frozen"):
        settings.num_elements = 5
    with pytest.raises(ValidationError):
        settings.other = 5
    assert settings.num_elements == 4


def test_equal_settings_are_equal_and_can_be_keys():
    assert len({Antenna(num_elements=4), Antenna(num_elements=4), Antenna(num_elements=5)}) == 2


def test_a_default_is_checked_as_if_it_had_been_written():
    class Wrong(Settings):
        wait_s: PositiveSeconds = -1.0

    assert "wait_s" in refusal(Wrong, {})


def test_an_unknown_key_is_refused_with_the_nearest_one_and_the_whole_choice():
    message = refusal(Outer, {"inner": {"radio": "radio", "wait": 3}})
    assert message == "run.inner: unknown setting 'wait': did you mean 'wait_s'? known: radio, wait_s"


def test_an_unknown_key_of_a_part_does_not_offer_its_kind():
    message = refusal(Outer, {"inner": {"radio": {"kind": "radio", "power": 1}}})
    assert message == "run.inner.radio: unknown setting 'power': did you mean 'power_w'? known: antenna, power_w"


def test_every_field_that_is_wrong_has_its_line():
    lines = refusal(Inner, {"wait_s": "-1 ms"}).splitlines()
    assert lines == [
        "run.radio: this setting is missing",
        "run.wait_s = '-1 ms': must be greater than or equal to 0",
    ]


@pytest.mark.parametrize("table", ["iid", 5, None, [1]])
def test_what_is_not_a_table_is_refused_in_words_of_a_scenario(table):
    assert refusal(Outer, {"inner": table}) == f"run.inner = {table!r}: must be a table"
    assert refusal(Outer, table, where="") == f"{table!r} must be a table"


def test_a_component_may_be_a_bare_name_or_a_table_or_a_part():
    antennas = [
        Radio(power_w=1, antenna=written).antenna
        for written in (
            "phased-array",
            "Phased_Array",
            {"kind": "phased_array"},
            Antenna(kind="phased-array"),
        )
    ]
    assert antennas == [Antenna(kind="phased-array")] * 4


def test_a_default_that_is_a_bare_name_becomes_its_part():
    assert Radio(power_w=1).antenna == Antenna(kind="phased-array")


def test_a_component_reads_its_own_settings():
    inner = Inner.model_validate({"radio": {"kind": "radio", "power_w": "23 dBm"}})
    assert isinstance(inner.radio, Radio)
    assert inner.radio.power_w == pytest.approx(0.19952623149688797)


def test_reading_a_component_leaves_the_table_as_it_was():
    table = {"kind": "phased_array", "num_elements": 4}
    Radio(power_w=1, antenna=table)
    assert table == {"kind": "phased_array", "num_elements": 4}


NESTED = [
    ({"num_elements": 0}, "run.inner.radio.antenna.num_elements = 0: must be greater than 0"),
    ({"tilt": math.nan}, "run.inner.radio.antenna.tilt = nan: must be a finite number"),
    ({"num_elements": 13}, "run.inner.radio.antenna: 13 elements bring bad luck"),
    (
        {"num_element": 3},
        "run.inner.radio.antenna: unknown setting 'num_element': did you mean 'num_elements'?",
    ),
]


@pytest.mark.parametrize(("settings", "message"), NESTED, ids=["range", "nan", "rule", "unknown"])
def test_an_error_in_a_component_of_a_component_has_the_full_path(settings, message):
    antenna = {"kind": "phased-array", **settings}
    table = {"inner": {"radio": {"kind": "radio", "power_w": 1, "antenna": antenna}}}
    assert refusal(Outer, table).startswith(message)
    table = {"inner": {"radio": {"kind": "radio", "power_w": 1}}, "many": [table["inner"]]}
    assert refusal(Outer, table).startswith(message.replace("run.inner", "run.many.0"))


def test_all_errors_of_a_component_have_their_line():
    antenna = {"kind": "phased-array", "num_elements": 0, "tilt": 2}
    lines = refusal(Radio, {"power_w": -1, "antenna": antenna}).splitlines()
    assert [line.split(" = ")[0] for line in lines] == [
        "run.power_w",
        "run.antenna.num_elements",
        "run.antenna.tilt",
    ]


@pytest.mark.parametrize("written", [{}, {"kind": ""}, {"kind": 5}, {"num_elements": 3}])
def test_a_component_without_a_kind_is_refused_with_the_known_ones(written):
    message = refusal(Radio, {"power_w": 1, "antenna": written})
    assert message == "run.antenna: a noise needs a kind, one of: per-symbol, phased-array, total"


def test_a_component_of_an_unknown_kind_is_refused_with_the_nearest_one():
    message = refusal(Radio, {"power_w": 1, "antenna": "phased_aray"})
    assert message.startswith("run.antenna: unknown noise 'phased-aray': did you mean 'phased-array'? known: ")


@pytest.mark.parametrize("written", [5, None, ["phased-array"], True])
def test_a_component_that_is_neither_name_nor_table_is_refused(written):
    message = refusal(Radio, {"power_w": 1, "antenna": written})
    assert message == f"run.antenna: a noise is a name or a table with a kind, not {written!r}"


@pytest.mark.parametrize("mode", ["python", "json"])
def test_what_is_written_out_says_everything_and_reads_back_the_same(mode):
    table = {"inner": {"radio": {"kind": "Radio", "power_w": "1 mW", "antenna": "Phased_Array"}, "wait_s": "1 min"}}
    outer = Outer.model_validate(table)
    written = outer.model_dump(mode=mode)
    antenna = {"kind": "phased-array", "num_elements": 1, "tilt": 0.5}
    radio = {"kind": "radio", "power_w": 0.001, "antenna": antenna}
    assert written == {"inner": {"radio": radio, "wait_s": 60.0}, "many": written["many"]}
    assert Outer.model_validate(json.loads(json.dumps(written))) == outer


def test_a_check_that_passes_gives_back_its_answer():
    assert validated(lambda: 5, "run") == 5


def test_only_complaints_about_settings_are_reworded():
    with pytest.raises(ZeroDivisionError):
        validated(lambda: 1 / 0, "run")
