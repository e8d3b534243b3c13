import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.experiments.statistics import (
    median_interval,
    ratio_interval,
    speed_up,
)

times = st.lists(st.one_of(st.none(), st.floats(0.1, 1e6)), min_size=1, max_size=30)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_the_interval_of_a_median_has_the_textbook_ranks_and_coverages() -> None:
    # David and Nagaraja, Order Statistics: n = 10, [X2, X9] covers 0.9785; n = 20, [X6, X15] covers 0.9586.
    ten = median_interval([float(k) for k in range(1, 11)])
    assert (ten.low, ten.high, round(ten.coverage, 4)) == (2.0, 9.0, 0.9785)
    twenty = median_interval([float(k) for k in range(1, 21)])
    assert (twenty.low, twenty.high, round(twenty.coverage, 4)) == (6.0, 15.0, 0.9586)


@pytest.mark.parametrize(("num_values", "coverage"), [(2, 0.5), (5, 0.9375), (6, 0.96875)])
def test_few_values_give_their_range_with_the_coverage_it_really_has(num_values: int, coverage: float) -> None:
    interval = median_interval([float(k) for k in range(num_values)])
    assert (interval.low, interval.high, interval.coverage) == (0.0, num_values - 1.0, coverage)


def test_the_stated_coverage_is_how_often_the_interval_holds_the_median(rng: np.random.Generator) -> None:
    draws = rng.exponential(size=(2000, 9))
    intervals = [median_interval(row.tolist()) for row in draws]
    held = np.mean([i.low <= math.log(2) <= i.high for i in intervals])
    coverage = intervals[0].coverage
    assert abs(held - coverage) < 4 * math.sqrt(coverage * (1 - coverage) / 2000)


def test_one_value_has_a_median_and_no_interval() -> None:
    interval = median_interval([3.0])
    assert (interval.median, interval.has_interval) == (3.0, False)


@given(times)
def test_not_reached_counts_as_later_than_any_time(values: list[float | None]) -> None:
    huge = [1e12 if value is None else value for value in values]
    with_none, with_huge = median_interval(values), median_interval(huge)
    for a, b in (
        (with_none.median, with_huge.median),
        (with_none.low, with_huge.low),
        (with_none.high, with_huge.high),
    ):
        assert (b is None and a is None) or (a is None) == (b is not None and b > 1e11)
        assert a is None or a == b


@given(times, st.randoms(use_true_random=False))
def test_the_order_of_the_seeds_does_not_matter(values: list[float | None], random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert median_interval(shuffled) == median_interval(values)


def test_the_paired_interval_is_students_on_the_logarithms(rng: np.random.Generator) -> None:
    # Logs 0, 1, 2: mean 1, standard error 1/sqrt(3), t(0.975; 2) = 4.302653.
    interval = ratio_interval([1.0, math.e, math.e**2], 0.95, rng)
    half = 4.302652729911275 / math.sqrt(3)
    assert interval.method == "paired t"
    assert interval.ratio == pytest.approx(math.e)
    assert (interval.low, interval.high) == pytest.approx((math.exp(1 - half), math.exp(1 + half)))


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=10))
def test_swapping_the_two_sides_inverts_ratio_and_interval(ratios: list[float]) -> None:
    rng = np.random.default_rng(0)
    there = ratio_interval(ratios, 0.95, rng)
    back = ratio_interval([1 / ratio for ratio in ratios], 0.95, rng)
    assert there.low is not None and back.high is not None
    assert there.ratio * back.ratio == pytest.approx(1.0)
    assert there.low * back.high == pytest.approx(1.0)


def test_from_twenty_pairs_on_the_interval_is_a_bootstrap_and_close_to_students(rng: np.random.Generator) -> None:
    logs = rng.normal(0.5, 0.3, 40)
    interval = ratio_interval(np.exp(logs).tolist(), 0.95, rng)
    half = 2.0227 * np.std(logs, ddof=1) / math.sqrt(40)  # t(0.975; 39)
    assert interval.method == "BCa"
    assert interval.low is not None and interval.high is not None
    assert math.log(interval.low) == pytest.approx(np.mean(logs) - half, abs=0.2 * half)
    assert math.log(interval.high) == pytest.approx(np.mean(logs) + half, abs=0.2 * half)


def test_on_normal_logarithms_the_bootstrap_is_as_wide_as_students_and_not_narrower(rng: np.random.Generator) -> None:
    # At twenty pairs an interval without widened percentiles is 0.91 of Student's, and covers 92.5 % instead of 95 %.
    ratios = []
    for logs in rng.normal(0.0, 1.0, (60, 20)):
        interval = ratio_interval(np.exp(logs).tolist(), 0.95, rng)
        assert interval.low is not None and interval.high is not None
        width = 2 * 2.0930 * np.std(logs, ddof=1) / math.sqrt(20)  # t(0.975; 19)
        ratios.append(math.log(interval.high / interval.low) / width)
    assert np.mean(ratios) == pytest.approx(1.0, abs=4 * np.std(ratios) / math.sqrt(60) + 0.01)
    assert np.mean(ratios) > 0.97


@pytest.mark.slow
@pytest.mark.parametrize(("num_pairs", "method"), [(5, "paired t"), (10, "paired t"), (20, "BCa"), (30, "BCa")])
def test_the_interval_holds_the_true_ratio_in_93_to_97_of_100_draws(num_pairs: int, method: str) -> None:
    rng, true = np.random.default_rng([2024, num_pairs]), 1.7
    # A pair shares the luck of its seed: the times of both vary by far more than their ratio.
    luck = rng.normal(5.0, 1.0, (2000, num_pairs))
    noise = rng.normal(0.0, 0.2, (2, 2000, num_pairs))
    ratios = np.exp(luck + math.log(true) + noise[0]) / np.exp(luck + noise[1])
    intervals = [ratio_interval(row.tolist(), 0.95, rng) for row in ratios]
    held = [i.low <= true <= i.high for i in intervals if i.low is not None and i.high is not None]
    assert {i.method for i in intervals} == {method}
    assert len(held) == 2000
    assert 0.93 <= np.mean(held) <= 0.97


def test_one_pair_has_a_ratio_and_no_interval_and_equal_ratios_have_no_width(rng: np.random.Generator) -> None:
    assert ratio_interval([2.0], 0.95, rng).low is None
    equal = ratio_interval([2.0] * 25, 0.95, rng)
    assert (equal.low, equal.high) == pytest.approx((2.0, 2.0))


def test_ratios_that_have_no_logarithm_are_refused(rng: np.random.Generator) -> None:
    for ratios in ([], [0.0], [math.inf], [-1.0], [math.nan]):
        with pytest.raises(ValueError, match="positive and finite"):
            ratio_interval(ratios, 0.95, rng)


def compare(reference: list[float | None], alternative: list[float | None]) -> tuple[str, float | None]:
    watched = [100.0] * len(reference)
    result = speed_up(reference, alternative, watched, watched, 0.95, np.random.default_rng(0))
    assert (result.low is not None) == (result.kind == "ratio" and len(reference) > 1)
    return result.kind, None if result.ratio is None else round(result.ratio, 9)


def test_a_speed_up_is_a_ratio_a_bound_or_nothing_as_the_pairs_allow() -> None:
    assert compare([40.0, 80.0], [10.0, 20.0]) == ("ratio", 4.0)
    assert compare([40.0], [10.0]) == ("ratio", 4.0)
    assert compare([None, 40.0], [25.0, 10.0]) == ("at-least", 4.0)  # 100/25 and 40/10
    assert compare([25.0, 50.0], [None, None]) == ("at-most", round(math.sqrt(0.125), 9))
    assert compare([None, 40.0], [10.0, None]) == ("undetermined", None)
    assert compare([None, 40.0], [None, 10.0]) == ("undetermined", None)
    assert compare([0.0], [10.0]) == ("undetermined", None)
    assert compare([], []) == ("undetermined", None)


@given(st.lists(st.tuples(st.floats(1, 99), st.floats(1, 99), st.booleans()), min_size=1, max_size=8))
def test_a_bound_holds_for_every_ending_that_was_not_seen(pairs: list[tuple[float, float, bool]]) -> None:
    reference = [None if hidden else a for a, _, hidden in pairs]
    alternative: list[float | None] = [b for _, b, _ in pairs]
    watched = [100.0] * len(pairs)
    rng = np.random.default_rng(0)
    seen = speed_up(reference, alternative, watched, watched, 0.95, rng)
    later = [a if a is not None else 250.0 for a in reference]
    true = speed_up(later, alternative, watched, watched, 0.95, rng)
    assert seen.ratio is not None and true.ratio is not None
    assert seen.ratio <= true.ratio * (1 + 1e-9)


def test_reading_results_imports_nothing_heavy() -> None:
    modules = ["result", "store", "target", "significance", "statistics", "summary"]
    imports = "; ".join(f"import testbed.experiments.{name}" for name in modules)
    views = "import testbed.views.curves, testbed.views.timeline, testbed.views.tables"
    heavy = "{'torch', 'pandas', 'matplotlib', 'scipy.stats', 'pyarrow'} & set(sys.modules)"
    code = f"import sys; {imports}; {views}; sys.exit(str({heavy}) if {heavy} else 0)"
    subprocess.run([sys.executable, "-c", code], check=True)
