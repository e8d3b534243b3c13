import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.errors import RequestError
from testbed.experiments.sweep import _split, parse_seeds, parse_variation

PATIENT = settings(deadline=None)

seed_sets = st.lists(st.integers(0, 10_000), min_size=1, max_size=8, unique=True)


@PATIENT
@given(seed_sets)
def test_listed_seeds_come_back_in_the_order_in_which_they_were_given(seeds):
    assert parse_seeds(",".join(map(str, seeds))) == tuple(seeds)
    assert parse_seeds(" , ".join(map(str, seeds))) == tuple(seeds)


@PATIENT
@given(st.integers(0, 10_000), st.integers(0, 50))
def test_a_range_has_both_its_ends(first, num_more):
    assert parse_seeds(f"{first}-{first + num_more}") == tuple(range(first, first + num_more + 1))


def test_seeds_and_ranges_can_be_mixed():
    assert parse_seeds("7,0-2, 5 ,1000-1002") == (7, 0, 1, 2, 5, 1000, 1001, 1002)


@pytest.mark.parametrize(
    "text",
    ["", " ", ",", "0,", ",0", "0,,1", "a", "1.5", "-1", "0--1", "1-", "-", "0-1-2", "1 2", "1e3", "+1"],
)
def test_what_is_not_a_seed_is_refused_with_an_example(text):
    with pytest.raises(RequestError, match="write seeds of at least 0 like 0-4 or 0,2,5") as refusal:
        parse_seeds(text)
    assert repr(text) in str(refusal.value)


def test_an_empty_range_is_refused():
    with pytest.raises(RequestError, match="the range 3-1 must hold 1 to"):
        parse_seeds("0, 3-1")


@pytest.mark.parametrize("text", ["1,1", "0-2,2", "0-2,1-3", "01,1"])
def test_a_seed_that_is_given_twice_is_refused(text):
    # Twice the same luck is one sample, not two.
    with pytest.raises(RequestError, match="given twice"):
        parse_seeds(text)


@PATIENT
@given(st.text(alphabet="ab,[]{}\"' "))
def test_splitting_loses_nothing(text):
    assert ",".join(_split(text)) == text


@pytest.mark.parametrize(("text", "pieces"), [
    ("a,b,c", ["a", "b", "c"]),
    ("[1,2],[3]", ["[1,2]", "[3]"]),
    ("[[1,2],[3]],4", ["[[1,2],[3]]", "4"]),
    ('{kind="x",a=1},y', ['{kind="x",a=1}', "y"]),
    ('"a,b",c', ['"a,b"', "c"]),
    ("'a,b',c", ["'a,b'", "c"]),
    ("1 ms,2 ms", ["1 ms", "2 ms"]),
    ("", [""]),
])  # fmt: skip
def test_a_comma_inside_brackets_or_quotes_does_not_separate(text, pieces):
    assert _split(text) == pieces


alternatives = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.text("abc ,xyz"),
    st.lists(st.integers(0, 99), max_size=3),
)


@PATIENT
@given(st.lists(alternatives, min_size=1, max_size=4))
def test_alternatives_are_values_as_in_an_override_in_the_order_given(values):
    text = ",".join(json.dumps(value) for value in values)
    variation = parse_variation(f" training.x = {text} ")
    assert variation.key == "training.x"
    assert variation.values == tuple(values)


def test_alternatives_that_are_not_toml_are_texts():
    assert parse_variation("algorithm.kind=air-fedga, fedavg").values == ("air-fedga", "fedavg")
    assert parse_variation("channel.uplink.bandwidth_hz=1 MHz,2 MHz").values == ("1 MHz", "2 MHz")


def test_a_table_is_one_alternative():
    variation = parse_variation('data.partition=iid,{kind="dirichlet", alpha=0.3}')
    assert variation.values == ("iid", {"kind": "dirichlet", "alpha": 0.3})


@pytest.mark.parametrize("text", ["", "=", "a", "a=", "=1,2", "  =1", "a=,", "a= , "])
def test_a_variation_without_key_or_alternatives_is_refused(text):
    with pytest.raises(RequestError, match=r"is not a variation: write table\.key=a,b,c") as refusal:
        parse_variation(text)
    assert repr(text) in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ('a="it\'s",b', ("it's", "b")),
        ('a="[",b', ("[", "b")),
        ("a=don't,b", ("don't", "b")),
        ("a=x],y", ("x]", "y")),
        ('a={kind="x, y"},z', ({"kind": "x, y"}, "z")),
        ("a=[1,2],[3]", ([1, 2], [3])),
    ],
)
def test_commas_inside_quotes_and_brackets_do_not_separate_alternatives(text, pieces):
    assert parse_variation(text).values == pieces


@pytest.mark.parametrize("text", ["²", "0-1000000000000", "3-1", "-1"])
def test_seeds_that_are_no_reasonable_range_are_refused(text):
    with pytest.raises(RequestError, match="seeds"):
        parse_seeds(text)
