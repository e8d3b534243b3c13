import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from testbed.experiments.significance import (
    PairedTest,
    holm,
    holm_corrected,
    seeds_needed,
    signed_rank_test,
    smallest_p_value,
    words_on_seeds,
)

WATCHED_S = 100.0
Times = list[float | None]


def compared(reference: Times, alternative: Times, watched_s: float = WATCHED_S) -> PairedTest:
    watched = [watched_s] * len(reference)
    return signed_rank_test(reference, alternative, watched, watched)


def exact_p(logs: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's statistic by going through all signs: no ties, no zeros."""
    ranks = np.argsort(np.argsort(np.abs(logs))) + 1
    sums = [sum(r for r, plus in zip(ranks, signs, strict=True) if plus) for signs in product(len(ranks))]
    seen = ranks[logs > 0].sum()
    return min(1.0, 2 * min(np.mean(np.array(sums) >= seen), np.mean(np.array(sums) <= seen)))


def product(num: int) -> "itertools.product[tuple[bool, ...]]":
    return itertools.product((False, True), repeat=num)


def test_without_ties_and_with_every_target_reached_it_is_wilcoxons_exact_test() -> None:
    from scipy.stats import wilcoxon

    rng = np.random.default_rng(3)
    for num_pairs in (1, 2, 5, 9):
        for _ in range(10):
            times = rng.lognormal(3.0, 0.5, (2, num_pairs))
            logs = np.log(times[0] / times[1])
            p = compared(times[0].tolist(), times[1].tolist()).p
            assert p == pytest.approx(wilcoxon(logs, method="exact").pvalue)
            assert p == pytest.approx(exact_p(logs))


def test_the_textbook_table_of_wilcoxon() -> None:
    # n = 8, smaller rank sum 3: two-sided p = 10/256 (five subsets of the ranks add up to at most 3).
    logs = np.array([1.0, 2.0, -3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    assert compared(np.exp(logs).tolist(), [1.0] * 8).p == pytest.approx(10 / 256)


@given(st.lists(st.tuples(st.floats(1, 99), st.floats(1, 99)), min_size=1, max_size=9))
def test_swapping_the_two_sides_and_the_order_of_seeds_change_no_p_value(pairs: list[tuple[float, float]]) -> None:
    there = compared([a for a, _ in pairs], [b for _, b in pairs])
    assert compared([b for _, b in pairs], [a for a, _ in pairs]) == there
    assert compared([a for a, _ in pairs[::-1]], [b for _, b in pairs[::-1]]) == there


magnitudes = st.lists(st.integers(-40, 40).filter(bool), min_size=2, max_size=8, unique_by=abs)


@given(magnitudes, st.data())
def test_p_holds_for_every_ending_that_was_not_seen(steps: list[int], data: st.DataObject) -> None:
    """Hide a time here and there: whatever it was, the p value of the whole truth is not larger."""
    logs = np.array(steps) / 20.0
    true = [(math.exp(log), 1.0) if log > 0 else (1.0, math.exp(-log)) for log in logs]  # reference, alternative
    hidden = data.draw(st.lists(st.booleans(), min_size=len(true), max_size=len(true)))
    watched = [data.draw(st.floats(1.0, max(pair))) for pair in true]  # the slower one was not seen to the end
    reference: Times = [None if hide and a > b else a for (a, b), hide in zip(true, hidden, strict=True)]
    alternative: Times = [None if hide and b > a else b for (a, b), hide in zip(true, hidden, strict=True)]
    seen = signed_rank_test(reference, alternative, watched, watched)
    assert seen.num_telling == len(true)
    assert seen.p >= exact_p(logs) - 1e-12


def test_a_run_that_never_reached_it_counts_for_no_more_than_its_bound_and_against_as_the_largest() -> None:
    # Ratios seen: 2, 4 and 8 for the alternative, 1/3 against it. Hidden: 100/90 at least, for it.
    reached = compared([2.0, 4.0, 8.0, 1.0, 100.0], [1.0, 1.0, 1.0, 3.0, 90.0])
    for_it = compared([2.0, 4.0, 8.0, 1.0, None], [1.0, 1.0, 1.0, 3.0, 90.0])
    assert for_it.p == reached.p == pytest.approx(2 * 5 / 32)  # ranks 1, 2, 4, 5 for it, 3 against
    # Hidden against it: rank 5, although its bound is the smallest of all.
    against = compared([2.0, 4.0, 8.0, 32.0, 90.0], [1.0, 1.0, 1.0, 1.0, None])
    assert against.p == compared([2.0, 4.0, 8.0, 32.0, 1.0], [1.0, 1.0, 1.0, 1.0, 99.0]).p == pytest.approx(2 * 10 / 32)
    assert against.p > compared([2.0, 4.0, 8.0, 32.0, 90.0], [1.0, 1.0, 1.0, 1.0, 100.0]).p


def test_all_pairs_one_way_give_the_smallest_p_whether_reached_or_not() -> None:
    six: Times = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
    assert compared([None] * 6, six).p == compared(six, [None] * 6).p == smallest_p_value(6)


@pytest.mark.parametrize(
    ("a", "b", "watched"),
    [
        (50.0, 50.0, (100.0, 100.0)),  # equal
        (0.0, 0.0, (100.0, 100.0)),  # equal, and without a logarithm
        (None, None, (100.0, 100.0)),  # neither
        (None, None, (60.0, 100.0)),  # neither, however long each was watched
        (None, 80.0, (60.0, 100.0)),  # the reference was not watched for so long
        (80.0, None, (100.0, 60.0)),
    ],
)
def test_a_pair_that_does_not_say_who_was_sooner_is_dropped(
    a: float | None, b: float | None, watched: tuple[float, float]
) -> None:
    reference: Times = [20.0, 30.0, 40.0, a]
    alternative: Times = [10.0, 10.0, 10.0, b]
    first, second = [100.0] * 3 + [watched[0]], [100.0] * 3 + [watched[1]]
    test = signed_rank_test(reference, alternative, first, second)
    assert (test.num_pairs, test.num_telling, test.p) == (4, 3, smallest_p_value(3))
    nobody = signed_rank_test([a], [b], [watched[0]], [watched[1]])
    assert (nobody.num_telling, nobody.p) == (0, 1.0)


def test_a_run_watched_just_until_the_other_reached_it_was_slower() -> None:
    assert compared([None], [WATCHED_S]).num_telling == 1
    assert compared([0.0], [5.0]).num_telling == 1


def test_equal_ratios_are_ranked_against_the_direction_that_is_tested() -> None:
    # Five ratios of 2 for, one of 2 against: it takes rank 6 of 6, and P(W >= 15) = P(W <= 6) = 14/64.
    assert compared([2.0] * 5 + [1.0], [1.0] * 5 + [2.0]).p == pytest.approx(28 / 64)


def test_no_pairs_show_nothing() -> None:
    assert (compared([], []).p, compared([], []).smallest_p) == (1.0, 1.0)


def test_holms_worked_example_in_any_order() -> None:
    expected = {0.01: 0.04, 0.02: 0.06, 0.03: 0.06, 0.9: 0.9}
    for order in itertools.permutations(expected):
        assert holm(order) == pytest.approx([expected[p] for p in order])


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8))
def test_holm_lies_between_no_correction_and_bonferronis_and_keeps_the_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    for (p, q), (other_p, other_q) in itertools.product(zip(p_values, corrected, strict=True), repeat=2):
        assert p <= q <= min(1.0, len(p_values) * p)
        assert p >= other_p or q <= other_q


def test_the_smallest_corrected_p_is_attained_by_an_alternative_that_always_wins() -> None:
    slow: Times = [90.0] * 7
    tests = holm_corrected(
        {"fast": compared(slow, [10.0] * 7), "same": compared(slow, slow), "other": compared(slow, slow)}
    )
    assert [test.num_tests for test in tests.values()] == [3, 3, 3]
    assert tests["fast"].p_corrected == tests["fast"].smallest_p == pytest.approx(3 / 64)
    assert tests["same"].p_corrected == 1.0
    assert tests["fast"].p == pytest.approx(1 / 64)


def family_wise_errors(num_pairs: int, num_draws: int, censored_from_s: float = math.inf) -> int:
    """In how many draws one of four alternatives that are like the reference is called different."""
    rng, errors = np.random.default_rng([8, num_pairs]), 0
    for _ in range(num_draws):
        times = np.round(rng.lognormal(4.0, 0.4, (5, num_pairs)))  # on a grid of seconds
        seen: list[Times] = [[None if t > censored_from_s else float(t) for t in row] for row in times]
        tests = {str(k): compared(seen[0], row, min(censored_from_s, 1e9)) for k, row in enumerate(seen[1:])}
        errors += any(test.p_corrected < 0.05 for test in holm_corrected(tests).values())
    return errors


@pytest.mark.slow
@pytest.mark.parametrize("censored_from_s", [math.inf, 55.0])
@pytest.mark.parametrize("num_pairs", [6, 10])
def test_one_of_four_equal_alternatives_is_called_different_in_5_of_100_draws_at_most(
    num_pairs: int, censored_from_s: float
) -> None:
    num_draws = 700
    allowed = 0.05 * num_draws
    assert family_wise_errors(num_pairs, num_draws, censored_from_s) <= allowed


@pytest.mark.parametrize("num_pairs", [1, 5, 6, 9])
def test_the_smallest_p_value_is_that_of_unanimous_pairs(num_pairs: int) -> None:
    from scipy.stats import binomtest, wilcoxon

    assert smallest_p_value(num_pairs) == pytest.approx(binomtest(num_pairs, num_pairs).pvalue)
    assert smallest_p_value(num_pairs) == pytest.approx(wilcoxon(np.arange(1.0, num_pairs + 1), method="exact").pvalue)


@given(st.integers(1, 50), st.floats(1e-6, 0.5))
def test_the_seeds_needed_reach_the_level_and_one_fewer_does_not(num_tests: int, level: float) -> None:
    needed = seeds_needed(level, num_tests)
    assert smallest_p_value(needed, num_tests) < level
    assume(needed > 1)
    assert smallest_p_value(needed - 1, num_tests) >= level


def test_too_few_seeds_are_told_so_and_enough_are_not() -> None:
    assert seeds_needed(0.05) == 6
    assert "0.0625" in words_on_seeds(5)
    assert "no interval" in words_on_seeds(1)
    assert words_on_seeds(6) == ""
    # Four alternatives need two more.
    assert "corrected for 4 alternatives can give p below 0.125; 8 seeds" in words_on_seeds(6, num_tests=4)
    assert words_on_seeds(8, num_tests=4) == ""
