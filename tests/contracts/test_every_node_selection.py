"""The contract of every node selection: some of the clients, at least one, by what it is given and its stream alone."""

from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.client_topology import client_similarity
from graphs.node_selection import NodeSelection, RandomClients, Selected
from testbed.errors import RequestError

MANY = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module", params=examples("node-selection"), ids=str)
def rule(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


def clients(seed: int, num_clients: int, num_clusters: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Similarities of random updates (no ties), clusters without a gap, and data sizes."""
    rng = np.random.default_rng(seed)
    clusters = rng.permutation(np.arange(num_clients) % min(num_clusters, num_clients))
    return client_similarity(rng.normal(size=(num_clients, 7))), clusters, rng.integers(1, 9, num_clients)


def chosen(rule: NodeSelection, given: tuple[np.ndarray, ...], seed: int = 0) -> Selected:
    similarity, clusters, data_sizes = given
    return rule.select(similarity, clusters, data_sizes, np.random.default_rng(seed))


@MANY
@given(seed=seeds, num_clients=st.integers(1, 9), num_clusters=st.integers(1, 4))
def test_the_chosen_are_clients_ascending_at_least_one_and_asking_twice_changes_nothing(
    rule: NodeSelection, seed: int, num_clients: int, num_clusters: int
) -> None:
    given = clients(seed, num_clients, num_clusters)
    before = [array.tobytes() for array in given]
    selected = chosen(rule, given)
    assert selected.clients
    assert list(selected.clients) == sorted(set(selected.clients))
    assert set(selected.clients) <= set(range(num_clients))
    assert all(type(client) is int for client in selected.clients)
    assert chosen(rule, given) == selected
    assert [array.tobytes() for array in given] == before


@MANY
@given(seed=seeds, num_clients=st.integers(2, 9), num_clusters=st.integers(1, 4))
def test_paths_lead_through_the_chosen_and_have_a_score_each_in_descending_order(
    rule: NodeSelection, seed: int, num_clients: int, num_clusters: int
) -> None:
    given = clients(seed, num_clients, num_clusters)
    selected = chosen(rule, given)
    assert len(selected.paths) == len(selected.scores)
    assert all(first >= second - 1e-12 for first, second in zip(selected.scores, selected.scores[1:], strict=False))
    if selected.paths:
        assert {client for path in selected.paths for client in path} == set(selected.clients)
    overlap = selected.overlap(given[1])
    assert sum(overlap) == len(selected.clients)
    assert len(overlap) == given[1].max() + 1


@MANY
@given(seed=seeds, num_clients=st.integers(3, 9), num_clusters=st.integers(1, 4), data=st.data())  # two always tie
def test_relabelling_clients_relabels_the_choice(
    rule: NodeSelection, seed: int, num_clients: int, num_clusters: int, data: st.DataObject
) -> None:
    if isinstance(rule, RandomClients):
        return  # it draws places, not clients
    given = clients(seed, num_clients, num_clusters)
    order = data.draw(st.permutations(range(num_clients)))
    similarity, clusters, data_sizes = given
    turned = chosen(rule, (similarity[np.ix_(order, order)], clusters[order], data_sizes[order]))
    assert {order[client] for client in turned.clients} == set(chosen(rule, given).clients)


def test_identical_clients_are_no_obstacle(rule: NodeSelection) -> None:
    selected = chosen(rule, (np.ones((6, 6)), np.arange(6) % 2, np.ones(6, dtype=np.int64)))
    assert selected.clients


def test_arrays_of_different_clients_are_refused(rule: NodeSelection) -> None:
    with pytest.raises(RequestError, match="not of the same clients"):
        chosen(rule, (np.ones((3, 3)), np.zeros(2, dtype=np.int64), np.ones(3, dtype=np.int64)))
