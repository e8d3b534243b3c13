from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.cluster_split import minimum_cut, should_split, split_similarity
from testbed.errors import RequestError

APART = np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.1], [-1.0, -0.1]])


def test_the_worked_example_is_cut_where_it_is_weakest() -> None:
    similarity = np.zeros((4, 4))
    for (i, j), value in {(0, 1): 1.9, (2, 3): 1.8, (0, 2): 0.2, (0, 3): 0.3, (1, 2): 0.25, (1, 3): 0.35}.items():
        similarity[i, j] = similarity[j, i] = value
    first, second = minimum_cut(similarity)
    assert (first, second) == ((0, 1), (2, 3))
    assert similarity[np.ix_(first, second)].sum() == pytest.approx(1.1)


@given(seed=st.integers(0, 2**32 - 1), members=st.integers(2, 7))
def test_no_other_cut_is_lighter(seed: int, members: int) -> None:
    weights = np.random.default_rng(seed).uniform(0, 2, (members, members))
    weights = weights + weights.T
    parts = minimum_cut(weights)
    assert sorted(parts[0] + parts[1]) == list(range(members))
    assert parts[0][0] == 0
    assert all(list(part) == sorted(part) for part in parts)
    least = min(
        weights[np.ix_(part, [v for v in range(members) if v not in part])].sum()
        for size in range(1, members)
        for part in combinations(range(members), size)
    )
    assert weights[np.ix_(*parts)].sum() == pytest.approx(least)


def test_clients_that_pull_apart_are_parted() -> None:
    assert minimum_cut(split_similarity(APART)) == ((0, 2), (1, 3))
    assert split_similarity(APART)[0, 1] == 0.0


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"eps1": 0.0}, False),  # never: FedAvg
        ({"eps2": 2.0}, False),
        ({"round_index": 20}, False),
        ({"first_round": 30}, False),
        ({"min_clients": 4}, False),
        ({"updates": APART[:2]}, False),
        ({"updates": np.abs(APART)}, False),
    ],
)
def test_a_cluster_is_split_when_its_mean_stands_still_and_members_still_pull(changes: dict, expected: bool) -> None:
    arguments = {"updates": APART, "eps1": 0.05, "eps2": 0.1, "round_index": 21}
    assert should_split(**(arguments | changes)) is expected


@pytest.mark.parametrize(
    "similarity", [np.ones((1, 1)), np.ones((2, 3)), np.full((2, 2), -0.5), np.full((2, 2), np.nan)]
)
def test_what_cannot_be_cut_is_refused(similarity: np.ndarray) -> None:
    with pytest.raises(RequestError, match="to split"):
        minimum_cut(similarity)
