"""The contract of every partition that sees labels alone: each sample goes to exactly one client, and each has some.

Partitions of graphs and of nodes have a suite of their own.
"""

from typing import Any

import numpy as np
import pytest
from examples import Example, examples
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed import catalogue
from testbed.errors import RequestError
from testbed.learning.partition import Partition

MANY = settings(max_examples=25, deadline=None)


def sees_labels_alone(example: Example) -> bool:
    rule = catalogue.load("partition", example.name)
    return not (hasattr(rule, "deal_graphs") or hasattr(rule, "deal_nodes"))


@pytest.fixture(scope="module", params=filter(sees_labels_alone, examples("partition")), ids=str)
def rule(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


@st.composite
def labels_of_ten_classes(draw: st.DrawFn) -> np.ndarray:
    class_sizes = draw(st.lists(st.integers(30, 60), min_size=10, max_size=10))
    labels = np.repeat(np.arange(10), class_sizes)
    labels = np.random.default_rng(draw(st.integers(0, 1000))).permutation(labels)
    labels.flags.writeable = False  # a data set's labels are shared by all runs
    return labels


def deal(rule: Partition, labels: np.ndarray, num_clients: int, seed: int) -> list[np.ndarray]:
    return rule.deal(labels, num_clients, np.random.default_rng(seed))


@MANY
@given(labels=labels_of_ten_classes(), num_clients=st.integers(10, 14), seed=st.integers(0, 1000))
def test_a_deal_is_disjoint_covers_all_samples_and_leaves_no_client_without(
    rule: Partition, labels: np.ndarray, num_clients: int, seed: int
) -> None:
    shards = deal(rule, labels, num_clients, seed)
    assert len(shards) == num_clients
    assert all(shard.dtype == np.int64 and len(shard) > 0 for shard in shards)
    assert all((np.diff(shard) > 0).all() for shard in shards)
    np.testing.assert_array_equal(np.sort(np.concatenate(shards)), np.arange(len(labels)))


@MANY
@given(labels=labels_of_ten_classes(), num_clients=st.integers(10, 14), seed=st.integers(0, 1000))
def test_the_same_stream_deals_the_same_shards(
    rule: Partition, labels: np.ndarray, num_clients: int, seed: int
) -> None:
    first, second = (deal(rule, labels, num_clients, seed) for _ in range(2))
    assert [shard.tobytes() for shard in first] == [shard.tobytes() for shard in second]


def test_another_stream_deals_other_shards_unless_nothing_is_drawn(rule: Any) -> None:
    labels = np.arange(400) % 10
    first, second = (deal(rule, labels, 12, seed) for seed in (0, 1))
    drawn = [shard.tobytes() for shard in first] != [shard.tobytes() for shard in second]
    assert drawn == (rule.kind != "contiguous")


def test_windows_of_tokens_are_dealt_whole_or_refused_by_the_rules_that_go_by_classes(rule: Any) -> None:
    labels = np.arange(400 * 8).reshape(400, 8) % 10
    if rule.kind in ("dirichlet", "pathological", "shards", "stratified"):
        with pytest.raises(RequestError, match=f"partition {rule.kind} deals by the one label of a sample"):
            deal(rule, labels, 12, 0)
        return
    np.testing.assert_array_equal(np.sort(np.concatenate(deal(rule, labels, 12, 0))), np.arange(400))
