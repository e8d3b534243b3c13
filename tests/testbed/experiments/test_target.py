import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.errors import RequestError
from testbed.experiments.target import Target, check_rule, low_is_good, parse_target, time_to

HALF = Target("accuracy", ">=", 0.5)
curves = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@pytest.mark.parametrize(
    "text",
    [
        "accuracy>=0.8",
        "loss<0.5",
        "client_accuracy_p10>0.25",
        "accuracy_class_7<=1",
        "perplexity<=6.5",
        "loss_mean<1.7",
        "perplexity_region_0<=6.5",
        "accuracy_mean>=0.4",
    ],
)
def test_a_target_is_written_as_it_was_read(text: str) -> None:
    assert str(parse_target(text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("acuracy>=0.8", "did you mean 'accuracy'"),
        ("accuracy=0.8", "write a metric"),
        ("accuracy>=80", "fraction between 0 and 1"),
        ("accuracy_mean>=80", "fraction between 0 and 1"),
        ("perplexitty<=6", "did you mean 'perplexity'"),
        ("tokens_mean<=6", "unknown metric"),
        ("loss<=nan", "not a number"),
        ("loss<=low", "not a number"),
        ("0.8", "write a metric"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused_with_a_hint(text: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        parse_target(text)


def test_less_is_better_of_losses_and_perplexities_alone() -> None:
    metrics = ["loss", "perplexity", "loss_mean", "accuracy", "accuracy_class_1", "client_accuracy_p10"]
    assert [low_is_good(metric) for metric in metrics] == [True] * 3 + [False] * 3


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(RequestError, match="did you mean 'smoothed'"):
        check_rule("smooth")


def test_each_operator_decides_its_own_boundary() -> None:
    met = {operator: Target("loss", operator, 1.0).is_met(1.0) for operator in (">=", "<=", ">", "<")}
    assert met == {">=": True, "<=": True, ">": False, "<": False}


def test_three_rules_on_one_curve_worked_by_hand() -> None:
    values = [0.0, 0.6, 0.1, 0.6, 0.6, 0.6, 0.6, 0.4, 0.6]
    times_s = [10.0 * k for k in range(len(values))]
    # Means of the last five: .. 0.38 at 40 s, 0.5 at 50 s.
    assert time_to(HALF, times_s, values, "first") == 10.0
    assert time_to(HALF, times_s, values, "smoothed") == 50.0
    assert time_to(HALF, times_s, values, "stable") == 80.0


def test_a_constant_curve_at_the_target_meets_it_at_once_under_every_rule() -> None:
    for rule in ("first", "smoothed", "stable"):
        assert time_to(Target("accuracy", ">=", 0.7), [0.0] * 9, [0.7] * 9, rule) == 0.0


@given(curves)
def test_no_rule_is_met_without_a_single_evaluation_that_meets_the_target(values: list[float]) -> None:
    times_s = list(range(len(values)))
    first, stable = time_to(HALF, times_s, values, "first"), time_to(HALF, times_s, values, "stable")
    smoothed = time_to(HALF, times_s, values, "smoothed")
    if first is None:
        assert stable is None and smoothed is None
    for later in (stable, smoothed):
        assert later is None or (first is not None and first <= later)


@given(curves)
def test_from_a_stable_time_on_every_evaluation_meets_the_target_and_the_one_before_does_not(
    values: list[float],
) -> None:
    at = time_to(HALF, list(range(len(values))), values, "stable")
    assert all(v >= 0.5 for v in values[int(at) :]) if at is not None else values[-1] < 0.5
    assert not at or values[int(at) - 1] < 0.5


def test_a_diverged_value_never_meets_a_target() -> None:
    assert time_to(HALF, [0.0, 1.0], [math.nan, math.nan], "first") is None
    assert time_to(HALF, [0.0, 1.0], [0.9, math.nan], "stable") is None


def test_times_and_values_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        time_to(HALF, [0.0], [0.1, 0.2], "first")
