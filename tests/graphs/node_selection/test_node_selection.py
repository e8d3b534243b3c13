import numpy as np
import pytest

from graphs.node_selection import Betweenness, Everybody, Medoid, RandomClients, Selected, SimilarPaths
from graphs.node_selection.rule import most

Q = np.array(
    [
        [1.00, 0.90, 0.60, 0.55, 0.50],
        [0.90, 1.00, 0.85, 0.58, 0.52],
        [0.60, 0.85, 1.00, 0.80, 0.57],
        [0.55, 0.58, 0.80, 1.00, 0.75],
        [0.50, 0.52, 0.57, 0.75, 1.00],
    ]
)
CLUSTERS = np.array([0, 0, 0, 1, 1])
SIZES = np.ones(5, dtype=np.int64)


def chosen(rule, similarity=Q, clusters=CLUSTERS, seed=0) -> Selected:
    return rule.select(similarity, clusters, np.ones(len(clusters), dtype=np.int64), np.random.default_rng(seed))


def test_the_worked_example_ranks_five_paths_and_takes_the_first() -> None:
    ranked = SimilarPaths().candidates(Q, CLUSTERS)
    assert [path.clients for path in ranked] == [(0, 1, 2, 3), (1, 2, 3), (0, 1, 2, 3, 4), (1, 2, 3, 4), (2, 3, 4)]
    scores = [0.849018, 0.824621, 0.823101, 0.798957, 0.774597]
    np.testing.assert_allclose([path.score for path in ranked], scores, rtol=0, atol=5e-7)
    selected = chosen(SimilarPaths())
    assert selected.clients == (0, 1, 2, 3)
    assert selected.paths == ((0, 1, 2, 3),)
    assert selected.overlap(CLUSTERS) == (3, 1)


def test_paths_are_taken_until_there_are_enough() -> None:
    everybody = chosen(SimilarPaths(fraction=1.0))
    assert everybody.clients == (0, 1, 2, 3, 4)
    assert everybody.paths == ((0, 1, 2, 3), (1, 2, 3), (0, 1, 2, 3, 4))


def test_with_one_cluster_any_ends_do() -> None:
    paths = {path.clients for path in SimilarPaths().candidates(Q, np.zeros(5, dtype=np.int64))}
    assert (0, 1, 2) in paths
    assert (0, 1, 2) not in {path.clients for path in SimilarPaths().candidates(Q, CLUSTERS)}


def test_without_a_candidate_those_of_largest_mean_similarity_go() -> None:
    assert chosen(SimilarPaths(), np.ones((4, 4)), np.arange(4)) == Selected((0, 1))
    chain = np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.8], [0.1, 0.8, 1.0]])
    assert chosen(SimilarPaths(), chain, np.array([0, 1, 1])).paths == ((0, 1, 2),)
    assert chosen(SimilarPaths(), chain, np.array([0, 1, 0])) == Selected((0, 1))  # 0-1-2 crosses no cluster


def test_betweenness_takes_those_in_the_middle_of_the_chain() -> None:
    assert chosen(Betweenness(fraction=0.2)).clients == (2,)  # in 0-1-2-3-4 through 1: 3, 2: 4, 3: 3 paths
    assert chosen(Betweenness(fraction=0.6)).clients == (1, 2, 3)


def test_the_medoid_comes_with_its_nearest() -> None:
    # Mean similarities: .6375 .7125 .705 .67 .585
    assert chosen(Medoid(fraction=0.2)).clients == (1,)
    assert chosen(Medoid(fraction=0.4)).clients == (0, 1)
    assert chosen(Medoid(fraction=0.5)).clients == (0, 1, 2)


def test_random_takes_every_client_equally_often() -> None:
    draws = 600
    counts = np.zeros(5)
    for seed in range(draws):
        clients = chosen(RandomClients(fraction=0.4), seed=seed).clients
        assert len(clients) == 2
        counts[list(clients)] += 1
    # Expected 240, standard error sqrt(600 .4 .6) = 12.
    np.testing.assert_allclose(counts, 240, rtol=0, atol=48)


def test_all_takes_all() -> None:
    assert chosen(Everybody()).clients == (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("fraction", "clients", "size"), [(0.5, 5, 3), (0.1, 30, 3), (0.3, 10, 3), (1.0, 7, 7), (0.01, 3, 1)]
)
def test_the_fraction_is_rounded_up_and_not_by_an_error_of_the_last_digit(
    fraction: float, clients: int, size: int
) -> None:
    assert RandomClients(fraction=fraction).size(clients) == size


def test_of_equals_the_first_go() -> None:
    assert most([1.0, 2.0, 1.0, 2.0, 1.0], 3) == (0, 1, 3)
