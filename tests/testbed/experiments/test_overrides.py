import copy
import json
import math
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.errors import RequestError
from testbed.experiments.overrides import apply_overrides, override_text, parse_override, parse_value

PATIENT = settings(deadline=None)

printable = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=8)
scalars = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    printable,
)
values = st.one_of(scalars, st.lists(scalars, max_size=3))
SCENARIO = {
    "training": {"learning_rate": 0.1, "optimizer": "sgd"},
    "data": {"dataset": "digits", "partition": {"kind": "dirichlet", "alpha": 0.3}},
    "model": "mlp",
    "algorithm": {"kind": "air-fedga", "air-fedga": {"payload": "delta"}, "fedavg": {"deadline_s": 3.0}},
}


@PATIENT
@given(values)
def test_a_toml_value_is_read_as_itself(value):
    read = parse_value(json.dumps(value, ensure_ascii=False))
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(("text", "value"), [
    ("0x10", 16),
    ("1_000", 1000),
    ("1e3", 1000.0),
    ("'a, b'", "a, b"),
    ('{kind = "dirichlet", alpha = 0.3}', {"kind": "dirichlet", "alpha": 0.3}),
    ("[[1], [2]]", [[1], [2]]),
])  # fmt: skip
def test_the_whole_of_toml_is_understood(text, value):
    assert parse_value(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fedavg",
        "10 Mbit/s",
        "air-fedga",
        "1 s",
        "010",
        "1,2",
        "True",
        "None",
        "[1, 2",
        "a=b",
        "'",
        "../data",
        "C:\\x",
    ],
)
def test_what_is_not_toml_is_a_text(text):
    assert parse_value(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "0.5 # half",
        "1\nother = 2",
        "1\n[run]\nhorizon_s = 3",
        "1, other = 2",
        "true # yes",
        '"a" # b',
        "1 }\n",
    ],
)
def test_no_part_of_a_text_is_swallowed(text):
    assert parse_value(text) == text


@pytest.mark.parametrize("text", ["2024-01-31", "12:30:00", "2024-01-31T12:30:00Z", "2024-01-31 12:30:00"])
def test_what_looks_like_a_date_is_a_text_because_no_setting_is_one(text):
    assert parse_value(text) == text


@PATIENT
@given(st.text(alphabet="[]{}\"'=,.#\\ \n-+_:0123456789einftrua"))
def test_any_text_is_a_value_or_itself(text):
    value = parse_value(text)
    if value != text and value == value:  # not itself, and not nan
        assert tomllib.loads(f"value = {text}")["value"] == value


def test_a_number_of_very_many_digits_is_not_a_traceback():
    assert parse_value("1" * 5000) == "1" * 5000


@PATIENT
@given(st.from_regex(r"[a-z_]+(\.[a-z_-]+){0,3}", fullmatch=True), values)
def test_an_override_is_split_at_the_first_equals_sign(key, value):
    text = json.dumps(value, ensure_ascii=False)
    assert parse_override(f" {key} = {text} ") == (key, value)


def test_later_equals_signs_belong_to_the_value():
    assert parse_override("a.b=x=y") == ("a.b", "x=y")
    assert parse_override("a={b = 1}") == ("a", {"b": 1})
    assert parse_override("a=") == ("a", "")


@pytest.mark.parametrize("text", ["", "a.b", "=", "=3", "  =3", "a.b:3"])
def test_what_has_no_key_or_no_equals_sign_is_refused(text):
    with pytest.raises(RequestError, match=r"is not an override: write table\.key=value") as refusal:
        parse_override(text)
    assert repr(text) in str(refusal.value)


def test_no_override_is_the_same_scenario():
    assert apply_overrides(SCENARIO, []) == SCENARIO


def test_only_what_is_named_changes():
    changed = apply_overrides(SCENARIO, [("training.learning_rate", 0.5)])
    expected = copy.deepcopy(SCENARIO)
    expected["training"]["learning_rate"] = 0.5
    assert changed == expected


def test_neither_the_scenario_nor_an_override_is_written_to():
    scenario, table = copy.deepcopy(SCENARIO), {"kind": "dirichlet"}
    overrides = [("data.partition", table), ("data.partition.alpha", 1.0), ("algorithm.payload", "model")]
    changed = apply_overrides(scenario, overrides)
    assert changed["data"]["partition"] == {"kind": "dirichlet", "alpha": 1.0}
    assert scenario == SCENARIO
    assert table == {"kind": "dirichlet"}
    assert apply_overrides(scenario, overrides) == changed


@PATIENT
@given(st.lists(st.tuples(st.sampled_from(["run.a", "run.b", "data.a.b", "x"]), scalars), max_size=6))
def test_the_last_override_of_a_key_stands(overrides):
    changed = apply_overrides({}, overrides)
    for key, value in dict(overrides).items():
        found = changed
        for name in key.split("."):
            found = found[name]
        assert found == value


def test_a_table_that_is_missing_is_made():
    assert apply_overrides({}, [("channel.uplink.noise.energy_j", 1)]) == {
        "channel": {"uplink": {"noise": {"energy_j": 1}}}
    }


@pytest.mark.parametrize("first", ["data.dataset.num_train", "model.hidden"])
def test_a_setting_under_a_bare_name_makes_it_the_table_it_stands_for(first):
    changed = apply_overrides(SCENARIO, [(first, 100)])
    path = first.split(".")
    found = changed["data"]["dataset"] if path[0] == "data" else changed["model"]
    assert found == {"kind": "digits" if path[0] == "data" else "mlp", path[-1]: 100}


def test_a_bare_name_for_a_component_drops_the_settings_of_the_other_kind():
    changed = apply_overrides(SCENARIO, [("data.partition", "iid")])
    assert changed["data"]["partition"] == "iid"


@pytest.mark.parametrize(("key", "culprit"), [
    ("training.learning_rate.x", "training.learning_rate is 0.1"),
    ("data.partition.alpha.x.y", "data.partition.alpha is 0.3"),
])  # fmt: skip
def test_a_key_that_leads_through_a_number_is_refused_with_the_place(key, culprit):
    with pytest.raises(RequestError, match=rf"^{key}: {culprit}, not a table"):
        apply_overrides(SCENARIO, [(key, 1)])


def test_a_key_that_leads_through_a_list_is_refused():
    with pytest.raises(RequestError, match="not a table"):
        apply_overrides({"fault": [{"device": 1}]}, [("fault.0.device", 2)])


def test_a_setting_of_the_algorithm_is_one_of_the_selected_method():
    changed = apply_overrides(SCENARIO, [("algorithm.payload", "model")])
    assert changed["algorithm"]["air-fedga"] == {"payload": "model"}
    assert changed["algorithm"]["kind"] == "air-fedga"


@pytest.mark.parametrize("selecting", ["algorithm", "algorithm.kind"])
@pytest.mark.parametrize("order", [1, -1])
def test_the_algorithm_is_selected_before_its_settings_are_set_in_whatever_order_they_are_given(selecting, order):
    overrides = [(selecting, "fedavg"), ("algorithm.deadline_s", 9.0)]
    changed = apply_overrides(SCENARIO, overrides[::order])
    assert changed["algorithm"] == {
        "kind": "fedavg",
        "air-fedga": {"payload": "delta"},
        "fedavg": {"deadline_s": 9.0},
    }


@pytest.mark.parametrize("selecting", ["algorithm", "algorithm.kind"])
def test_selecting_another_algorithm_keeps_the_settings_of_all(selecting):
    changed = apply_overrides(SCENARIO, [(selecting, "fedavg")])
    assert changed["algorithm"] == {**SCENARIO["algorithm"], "kind": "fedavg"}


def test_of_two_selections_the_last_one_stands():
    changed = apply_overrides(SCENARIO, [("algorithm.kind", "fedavg"), ("algorithm", "air-fedavg")])
    assert changed["algorithm"]["kind"] == "air-fedavg"
    table = {"kind": "air-fedga", "air-fedga": {"payload": "model"}}
    assert apply_overrides(SCENARIO, [("algorithm", table), ("algorithm.kind", "fedavg")])["algorithm"] == {
        "kind": "fedavg",
        "air-fedga": {"payload": "model"},
    }


def test_a_whole_table_for_the_algorithm_replaces_the_old_one():
    changed = apply_overrides(SCENARIO, [("algorithm", {"kind": "fedavg"})])
    assert changed["algorithm"] == {"kind": "fedavg"}


def test_a_method_can_be_named_whether_or_not_it_is_selected():
    changed = apply_overrides(
        SCENARIO, [("algorithm.fedavg.deadline_s", 9.0), ("algorithm.air-fedavg.payload", "model")]
    )
    assert changed["algorithm"]["fedavg"] == {"deadline_s": 9.0}
    assert changed["algorithm"]["air-fedavg"] == {"payload": "model"}
    assert changed["algorithm"]["air-fedga"] == {"payload": "delta"}


@pytest.mark.parametrize("spelling", ["air-fedga", "air_fedga", "Air_FedGA"])
@pytest.mark.parametrize("in_file", ["air-fedga", "Air_FedGA"])
def test_a_method_has_one_table_however_it_is_spelt(spelling, in_file):
    scenario = {"algorithm": {"kind": "fedavg", in_file: {"payload": "delta", "xi": 0.3}}}
    expected = {"payload": "model", "xi": 0.3}
    named = apply_overrides(scenario, [(f"algorithm.{spelling}.payload", "model")])
    assert named["algorithm"] == {"kind": "fedavg", in_file: expected}
    selected = apply_overrides(scenario, [("algorithm.kind", spelling), ("algorithm.payload", "model")])
    assert selected["algorithm"] == {"kind": spelling, in_file: expected}


def test_an_algorithm_that_is_a_bare_name_can_be_given_settings():
    changed = apply_overrides({"algorithm": "fedavg"}, [("algorithm.deadline_s", 9.0)])
    assert changed["algorithm"] == {"kind": "fedavg", "fedavg": {"deadline_s": 9.0}}


@pytest.mark.parametrize("document", [{}, {"algorithm": {}}, {"algorithm": {"kind": 5}}, {"algorithm": 5}])
def test_a_setting_of_no_algorithm_is_refused(document):
    with pytest.raises(RequestError, match=r"algorithm\.payload needs a selected algorithm: set algorithm\.kind first"):
        apply_overrides(document, [("algorithm.payload", "model")])


def test_not_a_number_stays_what_it_is_and_is_left_to_the_settings_to_refuse():
    assert math.isnan(parse_value("nan"))
    assert parse_value("inf") == math.inf


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
any_scalar = st.one_of(scalars, texts, st.sampled_from([math.inf, -math.inf]))
any_value = st.recursive(
    any_scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5
)


@PATIENT
@given(any_value)
def test_an_override_written_for_a_command_line_reads_back_as_it_was(value: object) -> None:
    assert parse_override(override_text(("table.key", value))) == ("table.key", value)
