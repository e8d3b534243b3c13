"""A deal in columns is what the lists of arrays were, and costs a large population a few numbers a client."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.errors import RequestError
from testbed.learning.partition import (
    ContiguousPartition,
    Deal,
    DirichletPartition,
    IidPartition,
    IntArray,
    PathologicalPartition,
    QuantitySkewPartition,
    ShardsPartition,
    StratifiedPartition,
    label_distance,
    label_histogram,
    sizes_of,
)

MANY = settings(max_examples=25, deadline=None)


@MANY
@given(owners=st.lists(st.integers(0, 5), min_size=1, max_size=60))
def test_each_client_has_the_samples_it_owns_in_order(owners: list[int]) -> None:
    deal = Deal(np.array(owners), 7)
    eager = [np.flatnonzero(np.array(owners) == client) for client in range(7)]
    assert [shard.tolist() for shard in deal] == [shard.tolist() for shard in eager]
    assert [deal[client].tolist() for client in range(-7, 7)] == 2 * [shard.tolist() for shard in eager]
    assert [shard.tolist() for shard in deal[2:]] == [shard.tolist() for shard in eager[2:]]
    assert deal.sizes.tolist() == sizes_of(eager).tolist() == [len(shard) for shard in eager]
    for outside in (7, -8):
        with pytest.raises(IndexError):
            deal[outside]


def test_nobody_can_change_what_another_run_was_dealt() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Deal(np.array([0, 1, 0]), 2)[0][0] = 1


# -- two paths, one answer: every rule as lists of arrays, written out -------------------------------------------------


def listed(rule: object, labels: IntArray, num_clients: int, rng: np.random.Generator) -> list[IntArray]:
    num_samples = len(labels)
    if isinstance(rule, ContiguousPartition):
        return np.array_split(np.arange(num_samples), num_clients)
    if isinstance(rule, IidPartition):
        return [np.sort(shard) for shard in np.array_split(rng.permutation(num_samples), num_clients)]
    if isinstance(rule, DirichletPartition):
        classes = [rng.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
        cuts = rule._draw_cuts(np.array([len(members) for members in classes]), num_clients, rng)
        pieces = [np.split(members, cut) for members, cut in zip(classes, cuts, strict=True)]
        return [np.sort(np.concatenate(shard)) for shard in zip(*pieces, strict=True)]
    if isinstance(rule, PathologicalPartition):
        classes = [rng.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
        shares: list[list[IntArray]] = [[] for _ in range(num_clients)]
        for members, clients in zip(classes, rule._holders(len(classes), num_clients), strict=True):
            for client, piece in zip(clients, np.array_split(members, len(clients)), strict=True):
                shares[client].append(piece)
        return [np.sort(np.concatenate(share)) for share in shares]
    if isinstance(rule, QuantitySkewPartition):
        assert rule.sigma == 0.0  # then it is iid, from its second draw on
        rng.standard_normal(num_clients)
        ends = np.rint((num_samples - num_clients) * np.arange(1, num_clients + 1) / num_clients).astype(int)
        ends += np.arange(1, num_clients + 1)
        return [np.sort(shard) for shard in np.split(rng.permutation(num_samples), ends[:-1])]
    shuffled = rng.permutation(num_samples)
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    if isinstance(rule, StratifiedPartition):
        return [np.sort(by_class[seat::num_clients]) for seat in rng.permutation(num_clients).tolist()]
    assert isinstance(rule, ShardsPartition)
    shards = np.array_split(by_class, num_clients * rule.shards_per_client)
    hands = rng.permutation(len(shards)).reshape(num_clients, rule.shards_per_client)
    return [np.sort(np.concatenate([shards[shard] for shard in hand])) for hand in hands.tolist()]


@pytest.mark.parametrize(
    "rule",
    [
        ContiguousPartition(),
        IidPartition(),
        DirichletPartition(alpha=2.0),
        PathologicalPartition(classes_per_client=3),
        QuantitySkewPartition(sigma=0.0),
        ShardsPartition(shards_per_client=2),
        StratifiedPartition(),
    ],
    ids=lambda rule: rule.kind,
)
@pytest.mark.parametrize("num_clients", [7, 10])
def test_every_rule_deals_what_it_deals_as_a_list_of_arrays(rule: object, num_clients: int) -> None:
    labels = np.random.default_rng(2).integers(10, size=413)
    lazy = rule.deal(labels, num_clients, np.random.default_rng(1))  # type: ignore[attr-defined]
    eager = listed(rule, labels, num_clients, np.random.default_rng(1))
    assert [shard.tobytes() for shard in lazy] == [shard.astype(np.int64).tobytes() for shard in eager]
    counts = [np.bincount(labels[shard], minlength=10) for shard in eager]
    np.testing.assert_array_equal(label_histogram(labels, lazy, 10), counts)
    np.testing.assert_array_equal(label_histogram(labels, eager, 10), counts)


def test_label_distances_do_not_depend_on_the_blocks_in_which_they_are_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    histograms = np.random.default_rng(0).integers(1, 9, (50, 10))
    whole = label_distance(histograms)
    monkeypatch.setattr("testbed.learning.partition.label_mix._BLOCK_ROWS", 7)
    assert label_distance(histograms).tobytes() == whole.tobytes()


def test_a_registered_client_costs_a_deal_less_than_a_hundred_bytes() -> None:
    labels, num_clients = np.zeros(200_000, dtype=np.int64), 200_000
    tracemalloc.start()
    try:
        deal = IidPartition().deal(labels, num_clients, np.random.default_rng(0))
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(deal) == num_clients
    assert kept / num_clients < 30  # three columns of 8 bytes
    assert most / num_clients < 100


@pytest.mark.parametrize("rule", [IidPartition(), StratifiedPartition(), ContiguousPartition()], ids=lambda r: r.kind)
def test_more_clients_than_samples_are_refused(rule: object) -> None:
    with pytest.raises(RequestError, match="9 samples cannot give each of 10 clients 1"):
        rule.deal(np.zeros(9, dtype=np.int64), 10, np.random.default_rng(0))  # type: ignore[attr-defined]
