from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_graphs import random_node_set

from graphs.datasets.karate_club import KarateClub
from graphs.datasets.planetoid import Planetoid
from graphs.node_set import NodeSet
from graphs.partition.louvain import LouvainPartition, louvain_communities, merge_communities
from graphs.subgraphs import edges_between_clients, lost_edge_fraction
from testbed.errors import RequestError
from testbed.learning.partition import IidPartition


def cliques(num_cliques: int, size: int) -> NodeSet:
    """Return complete graphs in a row, neighbours joined by one edge."""
    inside = [
        (size * block + one, size * block + other)
        for block in range(num_cliques)
        for one in range(size)
        for other in range(size)
        if one != other
    ]
    between = [(size * block - 1, size * block) for block in range(1, num_cliques)]
    edges = np.array([*inside, *between, *(pair[::-1] for pair in between)]).T
    nodes = num_cliques * size
    return NodeSet(
        name="cliques",
        edges=edges,
        features=np.ones((nodes, 1), np.float32),
        labels=np.zeros(nodes, np.int64),
        num_classes=1,
    )


@pytest.mark.parametrize("seed", range(3))
def test_communities_of_cliques_are_the_cliques(seed: int) -> None:
    found = louvain_communities(cliques(6, 5), 1.0, seed)
    assert sorted(community.tolist() for community in found) == [list(range(5 * i, 5 * i + 5)) for i in range(6)]
    shards = LouvainPartition().deal_nodes(cliques(6, 5), 3, np.random.default_rng(seed))
    assert list(map(len, shards)) == [10, 10, 10]
    counts = edges_between_clients(cliques(6, 5), shards)
    assert np.trace(counts) >= 6 * 10


@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=40), num_clients=st.integers(1, 12))
def test_merged_communities_are_all_nodes_in_sizes_no_further_apart_than_the_largest_community(
    sizes: list[int], num_clients: int
) -> None:
    communities = np.split(np.random.default_rng(0).permutation(sum(sizes)), np.cumsum(sizes)[:-1])
    clients = merge_communities(communities, num_clients) if num_clients <= len(sizes) else None
    if clients is None:
        return
    np.testing.assert_array_equal(np.sort(np.concatenate(clients)), np.arange(sum(sizes)))
    held = np.array([len(client) for client in clients])
    assert held.min() > 0
    assert held.max() - held.min() <= max(sizes)
    # Each community lies with one client.
    client_of = np.empty(sum(sizes), int)
    for number, client in enumerate(clients):
        client_of[client] = number
    assert all(len(set(client_of[community])) == 1 for community in communities)


def test_isolated_nodes_are_dealt_too() -> None:
    nodes = random_node_set(61, seed=1)
    assert nodes.degrees[60] == 0
    shards = LouvainPartition().deal_nodes(nodes, 4, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(np.concatenate(shards)), np.arange(61))


def test_fewer_communities_than_clients_are_refused() -> None:
    with pytest.raises(
        RequestError, match=r"'cliques' has 4 communities for 5 clients; use a larger resolution than 1"
    ):
        LouvainPartition().deal_nodes(cliques(4, 5), 5, np.random.default_rng(0))
    with pytest.raises(RequestError, match="20 samples cannot give each of 21 clients 1"):
        LouvainPartition().deal_nodes(cliques(4, 5), 21, np.random.default_rng(0))


def test_a_larger_resolution_finds_more_communities() -> None:
    club = KarateClub().read(None)
    few, many = (louvain_communities(club, resolution, 0) for resolution in (0.5, 3.0))
    assert len(few) < len(many)


@pytest.mark.parametrize("data_dir", ["planetoid"], indirect=True)
@pytest.mark.parametrize(
    ("num_clients", "largest", "others", "lost"), [(10, 390, 257.6, 0.118), (5, 541.6, 541.6, 0.104)]
)
def test_cora_falls_apart_as_measured(
    data_dir: Path, num_clients: int, largest: float, others: float, lost: float
) -> None:
    # Measured with another version of networkx, which finds 103 communities: sizes and edge loss within 1 %.
    cora = Planetoid().read(data_dir)
    communities = louvain_communities(cora, 1.0, seed=0)
    assert abs(len(communities) - 103) <= 2
    shards = merge_communities(communities, num_clients)
    sizes = sorted(map(len, shards), reverse=True)
    assert sizes[0] == pytest.approx(largest, rel=0.01)
    assert all(size == pytest.approx(others, rel=0.01) for size in sizes[1:])
    assert lost_edge_fraction(edges_between_clients(cora, shards)) == pytest.approx(lost, abs=0.01)


@pytest.mark.parametrize("data_dir", ["planetoid"], indirect=True)
def test_communities_lose_far_fewer_edges_than_nodes_at_random(data_dir: Path) -> None:
    cora = Planetoid().read(data_dir)
    close = LouvainPartition().deal_nodes(cora, 10, np.random.default_rng(1))
    random = IidPartition().deal(cora.labels, 10, np.random.default_rng(1))
    lost = [lost_edge_fraction(edges_between_clients(cora, shards)) for shards in (close, random)]
    assert lost[0] < 0.2
    # A pair of nodes at random is of two clients with probability 1 - (1/10 - 1/2708) / (1 - 1/2708).
    assert abs(lost[1] - 0.9) < 4 * np.sqrt(0.09 / 5278)
