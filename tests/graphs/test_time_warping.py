from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.time_warping import NormSequences, time_warping_distance, warping_similarity
from testbed.errors import RequestError

short = st.lists(st.floats(-5, 5), min_size=1, max_size=5).map(np.array)


def over_all_alignments(first: np.ndarray, second: np.ndarray) -> float:
    def alignments(k: int, j: int) -> list[list[tuple[int, int]]]:
        if (k, j) == (0, 0):
            return [[(0, 0)]]
        before = [(k - 1, j), (k, j - 1), (k - 1, j - 1)]
        return [[*way, (k, j)] for a, b in before if a >= 0 and b >= 0 for way in cached(a, b)]

    cached = cache(alignments)
    sums = [sum((first[k] - second[j]) ** 2 for k, j in way) for way in cached(len(first) - 1, len(second) - 1)]
    return float(min(sums)) ** 0.5


@given(first=short, second=short)
def test_the_distance_is_the_least_over_all_alignments(first: np.ndarray, second: np.ndarray) -> None:
    assert time_warping_distance(first, second) == pytest.approx(over_all_alignments(first, second), abs=1e-9)


@given(first=short, second=short)
def test_it_is_symmetric_zero_for_equals_and_at_most_the_straight_alignment(
    first: np.ndarray, second: np.ndarray
) -> None:
    distance = time_warping_distance(first, second)
    assert distance == pytest.approx(time_warping_distance(second, first), abs=1e-12)
    assert time_warping_distance(first, first) == 0
    assert time_warping_distance(first, np.repeat(first, 2)) == 0
    if len(first) == len(second):
        assert distance <= np.linalg.norm(first - second) + 1e-9


def test_similarity_is_the_largest_distance_less_the_distance() -> None:
    sequences = np.array([[0.0, 0.0], [1.0, 1.0], [3.0, 3.0]])
    root = 2**0.5
    expected = np.array([[3, 2, 0], [2, 3, 1], [0, 1, 3]]) * root
    np.testing.assert_allclose(warping_similarity(sequences), expected, rtol=1e-12)
    assert warping_similarity(np.ones((1, 4))).tolist() == [[0.0]]


def test_standardised_only_the_course_counts_and_a_constant_sequence_does_no_harm() -> None:
    rising = np.array([1.0, 2.0, 4.0])
    similarity = warping_similarity(np.stack([rising, 10 * rising, np.ones(3)]), standardise=True)
    assert np.isfinite(similarity).all()
    assert similarity[0, 1] == pytest.approx(similarity[0, 0])
    assert warping_similarity(np.stack([rising, 10 * rising]))[0, 1] == 0


def test_sequences_are_ready_when_all_are_long_enough_and_are_forgotten_together() -> None:
    norms = NormSequences(2)
    for value in (1.0, 2.0, 3.0):
        norms.append(0, value)
    norms.append(1, 9.0)
    assert norms.ready(1)
    assert not norms.ready(2)
    norms.append(1, 8.0)
    assert norms.ready(2)
    assert norms.last((1, 0), 2).tolist() == [[9.0, 8.0], [2.0, 3.0]]
    norms.clear()
    assert not norms.ready(1)
    with pytest.raises(RequestError, match=r"clients \[0\] have reported fewer than 1"):
        norms.last((0,), 1)


def test_norms_and_sequences_that_are_none_are_refused() -> None:
    for norm in (-1.0, float("nan"), float("inf")):
        with pytest.raises(RequestError, match="gradient norm"):
            NormSequences(1).append(0, norm)
    with pytest.raises(RequestError, match="at least one number"):
        time_warping_distance(np.empty(0), np.ones(2))
