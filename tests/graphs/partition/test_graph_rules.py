from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from random_graphs import random_file_set

from graphs.datasets.tu_dataset import TuDataset
from graphs.graph_set import GraphSet
from graphs.heterogeneity import heterogeneity
from graphs.partition.domains import DomainsPartition
from graphs.partition.gcfl import GcflPartition
from graphs.partition.graph_size import GraphSizePartition
from graphs.partition.graph_structure import GraphStructurePartition
from graphs.partition.quantile_blocks import quantile_blocks
from testbed.errors import RequestError
from testbed.learning.partition import DirichletPartition, IidPartition

MANY = settings(max_examples=40, deadline=None)


def rng_of(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def density(graphs: GraphSet) -> np.ndarray:
    possible = graphs.num_nodes * (graphs.num_nodes - 1)
    return np.array([m / p if p else 0.0 for m, p in zip(graphs.num_edges, possible, strict=True)])


@MANY
@given(scores=st.lists(st.integers(0, 5), min_size=1, max_size=60), data=st.data())
def test_blocks_without_exchange_are_sorted_equal_in_size_and_exchange_keeps_the_sizes(
    scores: list[int], data: st.DataObject
) -> None:
    values, clients = np.array(scores), data.draw(st.integers(1, len(scores)))
    blocks = quantile_blocks(values, 0.0, clients, rng_of())
    assert all(values[a].max() <= values[b].min() for a, b in pairwise(blocks))
    assert max(map(len, blocks)) - min(map(len, blocks)) <= 1
    mixed = quantile_blocks(values, data.draw(st.floats(0, 1)), clients, rng_of())
    assert list(map(len, mixed)) == list(map(len, blocks))
    np.testing.assert_array_equal(np.sort(np.concatenate(mixed)), np.arange(len(scores)))


def test_a_client_keeps_what_it_does_not_exchange_and_its_share_of_the_pool() -> None:
    # 4 clients of 250: 200 stay, and of the 50 that come a quarter is its own on average.
    shares = [
        len(np.intersect1d(shard, np.arange(250 * client, 250 * (client + 1)))) - 200
        for seed in range(20)
        for client, shard in enumerate(quantile_blocks(np.arange(1000), 0.2, 4, rng_of(seed)))
    ]
    assert min(shares) >= 0
    # Hypergeometric: 50 of 200, 50 of them its own; variance 50/4 * 3/4 * 150/199.
    assert abs(np.mean(shares) - 12.5) < 4 * np.sqrt(50 * 3 / 16 * 150 / 199 / len(shares))


def test_full_exchange_deals_at_random() -> None:
    scores = np.arange(400)
    means = [scores[shard].mean() for s in range(50) for shard in quantile_blocks(scores, 1.0, 4, rng_of(s))[:1]]
    # The mean of 100 of 0..399 without replacement.
    deviation = np.sqrt((400**2 - 1) / 12 / 100 * 300 / 399)
    assert abs(np.mean(means) - 199.5) < 4 * deviation / np.sqrt(50)


def test_graphs_of_one_score_are_dealt_at_random_and_not_by_label() -> None:
    labels = np.repeat([0, 1], 100)
    blocks = quantile_blocks(np.zeros(200), 0.0, 2, rng_of())
    ones = labels[blocks[0]].sum()
    assert abs(ones - 50) < 4 * np.sqrt(100 / 4 * 100 / 199)


def test_structure_sorts_by_density_or_mean_degree_and_size_by_nodes() -> None:
    graphs = random_file_set([60], seed=4)
    rules_and_scores = [
        (GraphStructurePartition(mix=0), density(graphs)),
        (GraphStructurePartition(mix=0, score="mean-degree"), graphs.num_edges / graphs.num_nodes),
        (GraphSizePartition(), graphs.num_nodes),
    ]
    for rule, scores in rules_and_scores:
        shards = rule.deal_graphs(graphs, 5, rng_of())
        assert all(scores[a].max() <= scores[b].min() for a, b in pairwise(shards))
        assert scores[shards[0]].mean() < scores[shards[-1]].mean()


def test_a_stretch_of_the_file_for_everybody_and_the_rest_at_random() -> None:
    graphs = random_file_set([100])
    shards = GcflPartition(chunk_size=20).deal_graphs(graphs, 4, rng_of())
    assert all(shard[:20].tolist() == list(range(20 * i, 20 * i + 20)) for i, shard in enumerate(shards))
    assert sum(len(shard) - 20 for shard in shards) == 20
    # Where the stretches take (nearly) all, there are 100 // 3 each and one graph is left.
    assert sorted(map(len, GcflPartition().deal_graphs(graphs, 3, rng_of()))) == [33, 33, 34]
    assert list(map(len, GcflPartition().deal_graphs(graphs, 4, rng_of()))) == [25] * 4


@pytest.mark.parametrize("data_dir", ["tudatasets"], indirect=True)
def test_stretches_of_proteins_are_all_of_the_first_class_so_clients_are_as_alike_as_by_chance(data_dir: Path) -> None:
    graphs = TuDataset(name="PROTEINS").read(data_dir)
    shards = GcflPartition().deal_graphs(graphs, 10, rng_of())
    assert all((graphs.labels[shard[:50]] == 0).all() for shard in shards)
    iid = IidPartition().deal(graphs.labels, 10, rng_of())
    stretches, chance = (heterogeneity(graphs, deal).means()["label_js_bits"] for deal in (shards, iid))
    assert stretches < 2 * chance


def test_where_the_stretches_take_everything_a_client_has_one_class() -> None:
    graphs = random_file_set([100])  # 50 of each class, sorted
    found = heterogeneity(graphs, GcflPartition().deal_graphs(graphs, 4, rng_of()))
    # (1, 0) against (1/2, 1/2): H(3/4, 1/4) - 1/2 bit.
    np.testing.assert_allclose(found.label_js_bits, 1.5 - 0.75 * np.log2(3))


def test_the_first_clients_have_the_first_domain() -> None:
    graphs = random_file_set([12, 30, 20])
    shards = DomainsPartition(clients_per_domain=(1, 3, 2)).deal_graphs(graphs, 6, rng_of())
    assert [int(graphs.domain_of[shard[0]]) for shard in shards] == [0, 1, 1, 1, 2, 2]
    assert list(map(len, shards)) == [12, 10, 10, 10, 10, 10]


def test_a_domain_is_cut_to_so_many_graphs_a_client_in_the_proportions_of_its_classes() -> None:
    graphs = random_file_set([90, 60, 8])
    rule = DomainsPartition(clients_per_domain=2, graphs_per_client=10)
    assert rule.subsamples
    shards = rule.deal_graphs(graphs, 6, rng_of())
    assert list(map(len, shards)) == [10, 10, 10, 10, 4, 4]
    assert [int(graphs.labels[shard].sum()) for shard in shards] == [5, 5, 5, 5, 2, 2]


def test_another_rule_deals_inside_a_domain_as_it_would_alone() -> None:
    graphs = random_file_set([40, 30])
    rule = DomainsPartition(clients_per_domain=2, within=GraphSizePartition())
    shards = rule.deal_graphs(graphs, 4, rng_of())
    for first, second in (shards[:2], shards[2:]):
        assert graphs.num_nodes[first].max() <= graphs.num_nodes[second].min()
    skewed = DomainsPartition(clients_per_domain=2, within=DirichletPartition(alpha=0.2))
    assert len(skewed.deal_graphs(graphs, 4, rng_of())) == 4


def test_one_domain_for_one_client_is_the_whole_set() -> None:
    graphs = random_file_set([15])
    (shard,) = DomainsPartition().deal_graphs(graphs, 1, rng_of())
    assert shard.tolist() == list(range(15))


@pytest.mark.parametrize(
    ("rule", "clients", "reason"),
    [
        (DomainsPartition(), 4, r"num_clients = 4, but the domains have 2 clients \(domain-0 1, domain-1 1\)"),
        (DomainsPartition(clients_per_domain=(1, 2, 3)), 6, "'random' has 2 domains"),
        (DomainsPartition(clients_per_domain=(1, 5)), 6, "domain-1 has 4 graphs for 5 clients"),
    ],
)
def test_clients_that_do_not_fit_the_domains_are_refused(rule: DomainsPartition, clients: int, reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        rule.deal_graphs(random_file_set([20, 4]), clients, rng_of())


@pytest.mark.parametrize("clients_per_domain", [0, -1, [1, 0], 1.5])
def test_a_domain_has_at_least_one_client(clients_per_domain: object) -> None:
    with pytest.raises(ValidationError):
        DomainsPartition.model_validate({"clients_per_domain": clients_per_domain})
