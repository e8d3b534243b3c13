import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.errors import RequestError, RunFailure, nearest_names, unknown_name

PATIENT = settings(deadline=None)

words = st.text(string.ascii_lowercase + "-", min_size=1, max_size=12)
vocabularies = st.lists(words, unique=True, max_size=12)


def test_a_wrong_request_is_a_bad_value_and_a_failed_run_is_not_a_wrong_request():
    assert issubclass(RequestError, ValueError)
    assert issubclass(RunFailure, RuntimeError)
    assert not issubclass(RunFailure, RequestError)
    assert not issubclass(RequestError, RunFailure)


@PATIENT
@given(words, vocabularies, st.integers(1, 5))
def test_near_names_are_known_names_and_few(name, known, limit):
    near = nearest_names(name, known, limit)
    assert len(near) <= limit
    assert set(near) <= set(known)


@PATIENT
@given(words, vocabularies)
def test_a_known_name_is_nearest_to_itself(name, known):
    assert nearest_names(name, [*known, name])[0] == name


@PATIENT
@given(words, vocabularies, st.randoms(use_true_random=False))
def test_the_order_of_the_known_names_does_not_matter(name, known, luck):
    shuffled = list(known)
    luck.shuffle(shuffled)
    assert str(unknown_name("part", name, shuffled)) == str(unknown_name("part", name, known))


def test_the_best_match_comes_first():
    assert nearest_names("rayleih", ["static", "rician", "rayleigh"])[0] == "rayleigh"


def test_no_more_names_are_proposed_than_were_asked_for():
    known = ["fedavg-1", "fedavg-2", "fedavg-3", "fedavg-4", "fedavg-5"]
    assert [len(nearest_names("fedavg", known, limit)) for limit in (1, 2, 5)] == [1, 2, 5]
    assert len(nearest_names("fedavg", known)) == 3


def test_nothing_near_gives_no_hint_but_the_whole_choice():
    assert str(unknown_name("fading", "zzz", ["static", "rayleigh"])) == "unknown fading 'zzz': known: rayleigh, static"


def test_a_near_name_is_proposed():
    message = str(unknown_name("fading", "statik", ["static", "rayleigh"]))
    assert message == "unknown fading 'statik': did you mean 'static'? known: rayleigh, static"


def test_an_empty_choice_is_said_so():
    assert str(unknown_name("codec", "top-k", [])) == "unknown codec 'top-k': known: none"


@pytest.mark.parametrize("known", [{"a": 1}, {"a"}, ("a",), iter(["a"])])
def test_any_iterable_of_names_will_do(known):
    assert "known: a" in str(unknown_name("part", "b", known))
