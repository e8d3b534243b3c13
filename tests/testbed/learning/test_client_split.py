"""Laws of a client's own split: disjoint, covering, of the sizes asked for, in the proportions of its classes."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from testbed.errors import RequestError
from testbed.learning.client_split import NODE_SPLIT, SplitFractions, part_sizes, split_client, split_shards
from testbed.learning.held_out import ClientSplits

HALF = SplitFractions(train=0.5, validation=0.25, test=0.25)
NO_VALIDATION = SplitFractions(train=0.7, validation=0, test=0.3)


@st.composite
def fractions(draw: st.DrawFn) -> SplitFractions:
    parts = [draw(st.integers(1, 20)), draw(st.integers(0, 20)), draw(st.integers(1, 20))]
    train, validation, test = (part / sum(parts) for part in parts)
    return SplitFractions(train=train, validation=validation, test=test)


def streams(seed: int) -> Callable[[int], np.random.Generator]:
    return lambda client: np.random.default_rng([seed, client])


@given(st.integers(0, 200), fractions())
def test_the_sizes_add_up_and_training_comes_first_then_testing(num_samples: int, asked: SplitFractions) -> None:
    train, validation, test = part_sizes(num_samples, asked)
    assert train + validation + test == num_samples
    assert min(train, validation, test) >= 0
    assert (train >= 1) == (num_samples >= 1)
    assert (test >= 1) == (num_samples >= 2)
    if num_samples >= 3:
        assert (validation >= 1) == (asked.validation > 0)
    else:
        assert validation == 0


@given(st.integers(30, 500), fractions())
def test_with_enough_samples_a_part_is_its_share_rounded(num_samples: int, asked: SplitFractions) -> None:
    assume(min(asked.train, asked.validation, asked.test) * num_samples >= 2)
    _, validation, test = part_sizes(num_samples, asked)
    assert validation == round(num_samples * asked.validation)
    assert test == round(num_samples * asked.test)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=80), fractions(), st.integers(0, 2**32))
def test_the_parts_of_a_client_are_disjoint_cover_what_it_was_dealt_and_keep_its_mix(
    values: list[int], asked: SplitFractions, seed: int
) -> None:
    labels = np.zeros(200, np.int64)
    members = np.sort(np.random.default_rng(seed).choice(200, len(values), replace=False))
    labels[members] = values
    parts = split_client(members, labels[members], asked, np.random.default_rng(seed))
    assert tuple(map(len, parts)) == part_sizes(len(values), asked)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), members)
    assert all((np.diff(part) > 0).all() for part in parts)
    held_out = np.concatenate(parts[1:])
    for label in set(values):  # held out together: the share rounded; each of the two: that once more
        share = len(held_out) * values.count(label) / len(values)
        assert abs(int((labels[held_out] == label).sum()) - share) < 1 + 1e-9
        test_share = len(parts[2]) * int((labels[held_out] == label).sum()) / len(held_out)
        assert abs(int((labels[parts[2]] == label).sum()) - test_share) < 1 + 1e-9


def test_one_class_alone_is_split_too() -> None:
    members = np.arange(10, 30)
    train, validation, test = split_client(members, np.ones(20, np.int64), HALF, np.random.default_rng(0))
    assert (len(train), len(validation), len(test)) == (10, 5, 5)


def test_a_clients_split_depends_on_its_own_stream_and_samples_alone() -> None:
    labels = np.arange(60) % 3
    shards = [np.arange(0, 20), np.arange(20, 40), np.arange(40, 60)]
    all_three = split_shards(labels, shards, HALF, streams(1))
    others = split_shards(labels, [np.arange(0, 7), shards[1]], HALF, streams(1))
    other_luck = split_shards(labels, shards, HALF, streams(2))
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(all_three, part)[1], getattr(others, part)[1])
    assert not np.array_equal(all_three.test[1], other_luck.test[1])


def test_a_client_with_one_sample_is_refused_by_number() -> None:
    with pytest.raises(RequestError, match=r"client 1 was dealt 1 sample .* at least two"):
        split_shards(np.zeros(9, np.int64), [np.arange(8), np.array([8])], HALF, streams(0))
    with pytest.raises(RequestError, match="without samples"):
        split_client(np.empty(0, np.int64), np.empty(0, np.int64), HALF, np.random.default_rng(0))


@pytest.mark.parametrize(
    "shares",
    [
        {"train": 0.8, "validation": 0.1, "test": 0.2},
        {"train": 0.0, "validation": 0.5, "test": 0.5},
        {"train": 0.5, "validation": 0.5, "test": 0.0},
    ],
)
def test_shares_that_do_not_sum_to_one_or_leave_nothing_to_train_or_test_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="must sum to 1"):
        SplitFractions(**shares)


def test_without_validation_nobody_validates_and_the_usual_splits_are_those_of_the_literature() -> None:
    assert part_sizes(10, NO_VALIDATION) == (7, 0, 3)
    assert part_sizes(100, SplitFractions()) == (80, 10, 10)
    assert part_sizes(100, NODE_SPLIT) == (20, 40, 40)
    assert math.isclose(NODE_SPLIT.train + NODE_SPLIT.validation + NODE_SPLIT.test, 1.0)


def test_every_client_has_three_parts_and_something_to_train_and_to_test() -> None:
    some, none = (np.arange(2),), (np.empty(0, np.int64),)
    ClientSplits(some, none, some)
    with pytest.raises(ValueError, match="three parts"):
        ClientSplits(some, (), some)
    with pytest.raises(ValueError, match=r"clients \[0\] have nothing to train"):
        ClientSplits(none, some, some)
    with pytest.raises(ValueError, match=r"clients \[0\] have nothing to test"):
        ClientSplits(some, some, none)
