import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from graphs.splits import GRAPH_SPLIT, NODE_SPLIT, SplitFractions, part_sizes, split_client, split_shards
from graphs.stratified_draw import stratified_draw
from testbed.errors import RequestError

MANY = settings(max_examples=80, deadline=None)

labels_of_a_client = st.lists(st.integers(0, 4), min_size=1, max_size=120).map(np.array)


@st.composite
def fractions(draw: st.DrawFn) -> SplitFractions:
    train = draw(st.integers(1, 100))
    validation = draw(st.integers(0, 100 - train))
    return SplitFractions(train=train / 100, validation=validation / 100, test=(100 - train - validation) / 100)


@MANY
@given(labels=labels_of_a_client, shares=fractions(), seed=st.integers(0, 99))
def test_the_parts_are_sorted_disjoint_and_all_that_a_client_holds(
    labels: np.ndarray, shares: SplitFractions, seed: int
) -> None:
    members = np.arange(len(labels)) * 3 + 7
    split = split_client(members, labels, shares, np.random.default_rng(seed))
    parts = (split.train, split.validation, split.test)
    assert all((np.diff(part) > 0).all() for part in parts)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), members)
    assert tuple(map(len, parts)) == part_sizes(len(labels), shares)


@MANY
@given(num_samples=st.integers(1, 500), shares=fractions())
def test_a_part_has_its_share_up_to_one_sample_and_at_least_one_where_there_are_three(
    num_samples: int, shares: SplitFractions
) -> None:
    sizes = part_sizes(num_samples, shares)
    wanted = (shares.train, shares.validation, shares.test)
    assert sum(sizes) == num_samples
    assert sizes[0] >= 1
    assert all((size > 0) == (share > 0) for size, share in zip(sizes, wanted, strict=True)) or num_samples < 3
    assert all(abs(size - num_samples * share) <= 2 for size, share in zip(sizes[1:], wanted[1:], strict=True))


@pytest.mark.parametrize(
    ("num_samples", "shares", "sizes"),
    [
        (100, GRAPH_SPLIT, (80, 10, 10)),
        (110, SplitFractions(train=0.6, validation=0.1, test=0.3), (66, 11, 33)),
        (271, NODE_SPLIT, (55, 108, 108)),
        (4, NODE_SPLIT, (1, 1, 2)),
        (3, GRAPH_SPLIT, (1, 1, 1)),
        (2, GRAPH_SPLIT, (1, 0, 1)),
        (1, NODE_SPLIT, (1, 0, 0)),
        (2, SplitFractions(train=0.5, validation=0.5, test=0), (1, 1, 0)),
        (1, SplitFractions(train=0.5, validation=0.5, test=0), (1, 0, 0)),
        (5, SplitFractions(train=1, validation=0, test=0), (5, 0, 0)),
        (3, SplitFractions(train=0.01, validation=0.98, test=0.01), (1, 1, 1)),
    ],
)
def test_sizes_of_the_parts(num_samples: int, shares: SplitFractions, sizes: tuple[int, int, int]) -> None:
    assert part_sizes(num_samples, shares) == sizes


@MANY
@given(labels=labels_of_a_client, seed=st.integers(0, 99), data=st.data())
def test_a_draw_gives_every_class_its_share_rounded_up_or_down(
    labels: np.ndarray, seed: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, len(labels)))
    drawn = stratified_draw(labels, count, np.random.default_rng(seed))
    assert len(drawn) == count
    assert (np.diff(drawn) > 0).all()
    for label in np.unique(labels):
        share = count * (labels == label).sum() / len(labels)
        assert np.floor(share + 1e-9) <= (labels[drawn] == label).sum() <= np.ceil(share - 1e-9)


def test_every_sample_is_drawn_equally_often() -> None:
    # 3 of 10: each with probability 0.3, whatever its class.
    labels, rng, draws = np.array([0] * 7 + [1] * 2 + [2]), np.random.default_rng(5), 4000
    drawn = np.bincount(np.concatenate([stratified_draw(labels, 3, rng) for _ in range(draws)]), minlength=10)
    assert (abs(drawn / draws - 0.3) < 4 * np.sqrt(0.3 * 0.7 / draws)).all()


def test_more_than_there_are_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="count = 4: must be 0 to the number of samples, 3"):
        stratified_draw(np.zeros(3, np.int64), 4, np.random.default_rng(0))


def test_a_client_of_one_class_is_split_like_any_other() -> None:
    split = split_client(np.arange(10), np.zeros(10, np.int64), GRAPH_SPLIT, np.random.default_rng(0))
    assert [len(part) for part in (split.train, split.validation, split.test)] == [8, 1, 1]


def test_a_split_depends_on_the_clients_own_stream_alone() -> None:
    labels = np.arange(60) % 3
    shards = [np.arange(0, 30), np.arange(30, 60)]
    streams = [np.random.default_rng(seed) for seed in (1, 2)]
    both = split_shards(labels, shards, GRAPH_SPLIT, streams)
    alone = split_client(shards[1], labels[shards[1]], GRAPH_SPLIT, np.random.default_rng(2))
    assert both[1].test.tolist() == alone.test.tolist()
    turned = split_shards(labels, shards[::-1], GRAPH_SPLIT, [np.random.default_rng(seed) for seed in (2, 1)])
    assert [split.train.tolist() for split in turned[::-1]] == [split.train.tolist() for split in both]


@pytest.mark.parametrize("table", [{"train": 0.7}, {"train": 0, "validation": 0.5, "test": 0.5}, {"test": 0.3}])
def test_shares_that_do_not_sum_to_one_or_leave_nothing_to_train_on_are_refused(table: dict[str, float]) -> None:
    with pytest.raises((ValidationError, RequestError), match="must sum to 1, with something to train on"):
        SplitFractions(**table)


def test_a_client_that_holds_nothing_is_refused() -> None:
    with pytest.raises(RequestError, match="nothing to split"):
        split_client(np.empty(0, np.int64), np.empty(0, np.int64), GRAPH_SPLIT, np.random.default_rng(0))
