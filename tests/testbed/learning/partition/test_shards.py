import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.errors import RequestError
from testbed.learning.partition import ShardsPartition, label_histogram

FEW = settings(max_examples=40, deadline=None)


def rng_of(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def labels_of(class_sizes: list[int], seed: int = 0) -> np.ndarray:
    return rng_of(seed).permutation(np.repeat(np.arange(len(class_sizes)), class_sizes))


def deal(labels: np.ndarray, num_clients: int, shards_per_client: int, seed: int = 0) -> list[np.ndarray]:
    return ShardsPartition(shards_per_client=shards_per_client).deal(labels, num_clients, rng_of(seed))


@FEW
@given(
    class_sizes=st.lists(st.integers(0, 40), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) >= 60),
    num_clients=st.integers(1, 12),
    shards_per_client=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_nothing_is_lost_and_sizes_are_equal_up_to_one_sample_a_shard(
    class_sizes: list[int], num_clients: int, shards_per_client: int, seed: int
) -> None:
    labels = labels_of(class_sizes)
    shards = deal(labels, num_clients, shards_per_client, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate(shards)), np.arange(len(labels)))
    sizes = np.array([len(shard) for shard in shards])
    least = len(labels) // (num_clients * shards_per_client) * shards_per_client
    assert (sizes >= least).all()
    assert (sizes <= least + shards_per_client).all()


@FEW
@given(shards_per_client=st.integers(1, 4), seed=st.integers(0, 99))
def test_where_shards_fit_the_classes_a_client_holds_at_most_as_many_classes_as_shards(
    shards_per_client: int, seed: int
) -> None:
    # McMahan's setting in small: 10 classes, 20 clients, 2 s shards of every class.
    labels = labels_of([2 * shards_per_client * 6] * 10)
    counts = label_histogram(labels, deal(labels, 20, shards_per_client, seed), 10)
    assert ((counts > 0).sum(axis=1) <= shards_per_client).all()
    assert (counts % 6 == 0).all()
    assert (counts.sum(axis=1) == 6 * shards_per_client).all()


@FEW
@given(
    class_sizes=st.lists(st.integers(60, 90), min_size=2, max_size=8),
    shards_per_client=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_where_every_class_fills_a_shard_a_client_holds_at_most_twice_as_many_classes_as_shards(
    class_sizes: list[int], shards_per_client: int, seed: int
) -> None:
    labels = labels_of(class_sizes)
    counts = label_histogram(labels, deal(labels, 2 * len(class_sizes), shards_per_client, seed), len(class_sizes))
    assert ((counts > 0).sum(axis=1) <= 2 * shards_per_client).all()


def test_a_client_holds_a_class_as_often_as_two_of_its_shards_drawn_at_random_do() -> None:
    # 20 shards, two of every class: P(client 0 has none of class 0) = C(18, 2) / C(20, 2) = 153/190.
    labels, draws, rng = labels_of([20] * 10), 1000, rng_of(1)
    rule = ShardsPartition(shards_per_client=2)
    held = np.mean([(labels[rule.deal(labels, 10, rng)[0]] == 0).any() for _ in range(draws)])
    expected = 1 - 153 / 190
    assert abs(held - expected) < 4 * np.sqrt(expected * (1 - expected) / draws)


def test_shards_of_one_sample_deal_at_random() -> None:
    # As many shards as samples: a class of share 1/2 is hypergeometric, as under iid.
    labels, rng = labels_of([100, 100]), rng_of(2)
    rule = ShardsPartition(shards_per_client=20)
    held = np.array([(labels[rule.deal(labels, 10, rng)[0]] == 0).sum() for _ in range(200)])
    variance = 20 / 4 * (200 - 20) / 199
    assert abs(held.mean() - 10.0) < 4 * np.sqrt(variance / 200)
    assert abs(held.var(ddof=1) - variance) < 4 * variance * np.sqrt(2 / 199)


def test_more_shards_than_samples_are_refused() -> None:
    with pytest.raises(RequestError, match="5 samples cannot give each of 2 clients 3"):
        deal(np.array([0, 0, 1, 1, 1]), 2, 3)
