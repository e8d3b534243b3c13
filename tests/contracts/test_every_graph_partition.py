"""The contract of every partition of graphs or nodes: one client each, some for everybody, one domain a client."""

from typing import Any

import numpy as np
import pytest
from examples import Example, examples
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_file_set, random_node_set, relabelled

from graphs.dealing import deal
from graphs.graph_set import GraphSet
from testbed import catalogue
from testbed.errors import RequestError

MANY = settings(max_examples=20, deadline=None)
RULES = [(catalogue.load("partition", example.name), example) for example in examples("partition")]
OF_GRAPHS = [example for part, example in RULES if hasattr(part, "deal_graphs")]
OF_NODES = [example for part, example in RULES if hasattr(part, "deal_nodes")]
OF_LABELS = [example for part, example in RULES if example not in OF_GRAPHS + OF_NODES]

every_rule_of_graphs = pytest.mark.parametrize("example", OF_GRAPHS, ids=str)
every_rule_of_nodes = pytest.mark.parametrize("example", OF_NODES, ids=str)
every_rule_of_labels = pytest.mark.parametrize("example", OF_LABELS, ids=str)
sizes = st.lists(st.integers(12, 40), min_size=3, max_size=3)
seeds = st.integers(0, 1000)


def fitting(example: Example, sizes: list[int], num_clients: int, seed: int = 0) -> tuple[Any, GraphSet, int]:
    """Return the rule, graphs that it serves, and for how many clients."""
    rule = example.build()
    if example.name != "domains":
        return rule, random_file_set(sizes[:1], seed), num_clients
    clients = rule.clients_per_domain
    return rule, random_file_set(sizes, seed), 3 * clients if isinstance(clients, int) else sum(clients)


@every_rule_of_graphs
@MANY
@given(sizes=sizes, num_clients=st.integers(1, 12), seed=seeds)
def test_a_deal_of_graphs_is_disjoint_of_one_domain_a_client_and_covers_all_unless_it_says_otherwise(
    example: Example, sizes: list[int], num_clients: int, seed: int
) -> None:
    rule, graphs, clients = fitting(example, sizes, num_clients, seed)
    shards = deal(graphs, rule, clients, np.random.default_rng(seed))
    assert len(shards) == clients
    assert all(shard.dtype == np.int64 and len(shard) > 0 for shard in shards)
    assert all((np.diff(shard) > 0).all() for shard in shards)
    assert all(len(set(graphs.domain_of[shard])) == 1 for shard in shards)
    dealt = np.sort(np.concatenate(shards))
    assert (np.diff(dealt) > 0).all()
    assert 0 <= dealt[0] <= dealt[-1] < len(graphs)
    assert rule.subsamples or len(dealt) == len(graphs)


@every_rule_of_graphs
def test_the_same_stream_deals_the_same_graphs_and_another_deals_others_unless_nothing_is_drawn(
    example: Example,
) -> None:
    rule, graphs, clients = fitting(example, [43, 30, 20], 5)
    first, again, other = (
        [shard.tobytes() for shard in deal(graphs, rule, clients, np.random.default_rng(seed))] for seed in (0, 0, 1)
    )
    assert first == again
    one_client_has_all = example.name == "domains" and not example.settings
    sorted_and_no_more = "'mix': 0}" in str(example) or example.settings.get("mix") == 0
    if not sorted_and_no_more:  # or only graphs of equal score change places, if there are any
        assert (first != other) == (not one_client_has_all)


@every_rule_of_graphs
def test_how_the_nodes_of_a_graph_are_numbered_does_not_matter(example: Example) -> None:
    rule, graphs, clients = fitting(example, [40, 30, 20], 5)
    twin = relabelled(graphs, np.random.default_rng(7))
    first, second = (deal(each, rule, clients, np.random.default_rng(3)) for each in (graphs, twin))
    assert [shard.tolist() for shard in first] == [shard.tolist() for shard in second]


@every_rule_of_graphs
def test_a_deal_to_more_clients_than_graphs_is_refused(example: Example) -> None:
    rule, graphs, clients = fitting(example, [1, 1, 1], 2)
    if clients <= len(graphs):
        return
    with pytest.raises(RequestError, match=r"graphs for|cannot give each"):
        deal(graphs, rule, clients, np.random.default_rng(0))


@pytest.mark.parametrize("example", OF_GRAPHS + OF_NODES, ids=str)
def test_samples_that_are_no_graphs_are_refused(example: Example) -> None:
    with pytest.raises(RequestError, match=rf"partition {example.name} looks at .* this data set has none"):
        example.build().deal(np.arange(40) % 2, 4, np.random.default_rng(0))


@every_rule_of_graphs
def test_the_nodes_of_one_graph_are_refused(example: Example) -> None:
    with pytest.raises(RequestError, match=rf"partition {example.name} deals graphs, .* use louvain or iid"):
        deal(random_node_set(40), example.build(), 3, np.random.default_rng(0))


@pytest.mark.parametrize(
    "example", [example for example in OF_GRAPHS + OF_LABELS if example.name != "domains"], ids=str
)
def test_graphs_of_several_domains_are_refused_with_the_rule_that_serves(example: Example) -> None:
    with pytest.raises(RequestError, match='kind = "domains", within = '):
        deal(random_file_set([20, 20]), example.build(), 2, np.random.default_rng(0))


@every_rule_of_nodes
@MANY
@given(num_nodes=st.integers(60, 120), num_clients=st.integers(1, 4), seed=seeds)
def test_a_deal_of_nodes_is_disjoint_and_covers_all(
    example: Example, num_nodes: int, num_clients: int, seed: int
) -> None:
    nodes = random_node_set(num_nodes, seed)
    shards = deal(nodes, example.build(), num_clients, np.random.default_rng(seed))
    assert len(shards) == num_clients
    assert all(shard.dtype == np.int64 and (np.diff(shard) > 0).all() and len(shard) for shard in shards)
    np.testing.assert_array_equal(np.sort(np.concatenate(shards)), np.arange(num_nodes))


@every_rule_of_nodes
def test_the_same_stream_deals_the_same_nodes_and_graphs_are_refused(example: Example) -> None:
    rule, nodes = example.build(), random_node_set(100)
    first, again = (deal(nodes, rule, 5, np.random.default_rng(2)) for _ in range(2))
    assert [shard.tobytes() for shard in first] == [shard.tobytes() for shard in again]
    with pytest.raises(RequestError, match=rf"partition {example.name} deals the nodes of one, .* use stratified"):
        deal(random_file_set([20]), rule, 3, np.random.default_rng(0))


@every_rule_of_labels
def test_rules_that_see_labels_alone_deal_graphs_and_nodes(example: Example) -> None:
    rule = example.build()
    for data in (random_file_set([200], num_classes=10), random_node_set(200, num_classes=10)):
        shards = deal(data, rule, 10, np.random.default_rng(0))
        np.testing.assert_array_equal(np.sort(np.concatenate(shards)), np.arange(len(data)))
