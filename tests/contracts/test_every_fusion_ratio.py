"""The contract of every fusion ratio: shares in [0, 1], each cluster on its own, and only learning moves on."""

from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.fusion_ratio import FusionRatio
from testbed.errors import RequestError

MANY = settings(max_examples=25, deadline=None)
accuracies = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@pytest.fixture(scope="module", params=examples("fusion-ratio"), ids=str)
def rule(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


def played(rule: FusionRatio, accuracies: list[float], seed: int = 0, traffic_bytes: float = 8.0) -> list[float]:
    shares = rule.start(1, np.random.default_rng(seed))
    answers = []
    for accuracy in accuracies:
        answers.append(shares.play(0))
        shares.learn(0, accuracy, traffic_bytes)
    return [*answers, shares.play(0)]


@MANY
@given(accuracies=accuracies, seed=st.integers(0, 1000))
def test_every_share_is_in_the_unit_interval_and_the_same_history_gives_the_same_shares(
    rule: FusionRatio, accuracies: list[float], seed: int
) -> None:
    shares = played(rule, accuracies, seed)
    assert all(type(share) is float and 0 <= share <= 1 for share in shares)
    assert played(rule, accuracies, seed) == shares


@MANY
@given(accuracies=accuracies)
def test_asking_does_not_move_on(rule: FusionRatio, accuracies: list[float]) -> None:
    expected = played(rule, accuracies)
    shares = rule.start(1, np.random.default_rng(0))
    for accuracy, share in zip(accuracies, expected, strict=False):
        assert [shares.play(0) for _ in range(3)] == [share] * 3
        shares.learn(0, accuracy, 8.0)


@MANY
@given(accuracies=accuracies)
def test_the_unit_of_traffic_does_not_matter(rule: FusionRatio, accuracies: list[float]) -> None:
    assert played(rule, accuracies, traffic_bytes=8.0) == played(rule, accuracies, traffic_bytes=8192.0)


def test_clusters_begin_alike_and_what_one_learns_changes_no_other(rule: FusionRatio) -> None:
    shares = rule.start(3, np.random.default_rng(0))
    first = shares.play(1)
    assert shares.play(0) == shares.play(2) == first
    for _ in range(4):
        shares.learn(0, 0.5, 1.0)
    assert shares.play(1) == shares.play(2) == first


@pytest.mark.parametrize("accuracy", [-0.1, 1.1, float("nan")])
def test_an_accuracy_that_is_none_is_refused(rule: FusionRatio, accuracy: float) -> None:
    with pytest.raises(RequestError, match=r"learns from an accuracy in \[0, 1\]"):
        rule.start(1, np.random.default_rng(0)).learn(0, accuracy, 1.0)


@pytest.mark.parametrize("traffic", [-1.0, float("inf"), float("nan")])
def test_traffic_that_is_none_is_refused(rule: FusionRatio, traffic: float) -> None:
    with pytest.raises(RequestError, match="traffic_bytes"):
        rule.start(1, np.random.default_rng(0)).learn(0, 0.5, traffic)


def test_a_run_without_clusters_is_refused(rule: FusionRatio) -> None:
    with pytest.raises(RequestError, match="at least one cluster"):
        rule.start(0, np.random.default_rng(0))
