"""Each measure against a second way to the same numbers: a search, networkx, or a closed form."""

from itertools import combinations
from typing import Any

import networkx as nx
import numpy as np
import pytest
from drawn_graphs import both_ways, complete, cycle, drawn, graph_set, path
from hypothesis import given, settings

from graphs.structure import AnonymousWalks, Degree, Graphlet, Spectral, Stats
from graphs.structure.anonymous_walks import walk_patterns
from graphs.structure.disjoint_union import DisjointUnion
from graphs.structure.graphlet_counts import GRAPHLETS, graphlet_counts
from graphs.structure.spectral import laplacian_eigenvalues

MANY = settings(max_examples=40, deadline=None)
KINDS = {  # edges and sorted degrees tell the connected graphs of 3 and 4 nodes apart
    (1, 1, 2): "path-3",
    (2, 2, 2): "triangle",
    (1, 1, 2, 2): "path-4",
    (1, 1, 1, 3): "star-4",
    (2, 2, 2, 2): "cycle-4",
    (1, 2, 2, 3): "paw",
    (2, 2, 3, 3): "diamond",
    (3, 3, 3, 3): "clique-4",
}


def union(*parts: Any) -> DisjointUnion:
    graphs = graph_set(*parts)
    return DisjointUnion.of(graphs, np.arange(len(graphs)))


def in_networkx(part: Any) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from(range(part[0]))
    graph.add_edges_from(part[1])
    return graph


def described(measure: Any, *parts: Any, seed: int = 0) -> np.ndarray:
    graphs = graph_set(*parts)
    return measure.describe(graphs, np.arange(len(graphs)), np.random.default_rng(seed))


@MANY
@given(first=drawn(), second=drawn())
def test_graphlets_are_those_that_a_search_over_all_subsets_finds(first: Any, second: Any) -> None:
    for counts, part in zip(graphlet_counts(union(first, second)), (first, second), strict=True):
        graph, found = in_networkx(part), dict.fromkeys(GRAPHLETS, 0)
        for size in (3, 4):
            for nodes in combinations(range(part[0]), size):
                sub = graph.subgraph(nodes)
                if nx.is_connected(sub):
                    found[KINDS[tuple(sorted(degree for _, degree in sub.degree))]] += 1
        assert counts.tolist() == list(found.values())


def test_graphlets_are_shares_among_three_nodes_and_among_four() -> None:
    paw = 4, both_ways([(0, 1), (1, 2), (0, 2), (2, 3)])
    expected = [2 / 3, 1 / 3, 0, 0, 0, 1, 0, 0]
    np.testing.assert_allclose(described(Graphlet(), paw), expected, rtol=0, atol=1e-12)
    assert described(Graphlet(), path(2)).tolist() == [0.0] * 8


@MANY
@given(part=drawn())
def test_eigenvalues_are_those_of_the_normalised_laplacian(part: Any) -> None:
    expected = np.linalg.eigvalsh(nx.normalized_laplacian_matrix(in_networkx(part)).toarray())
    np.testing.assert_allclose(laplacian_eigenvalues(union(path(3), part))[3:], expected, rtol=0, atol=1e-8)


def test_the_spectrum_of_a_complete_graph_fills_two_bins_and_its_heat_trace_is_closed() -> None:
    histogram = described(Spectral(), complete(5))  # once 0, four times 5 / 4
    assert histogram[0] == pytest.approx(0.2)
    assert histogram[12] == pytest.approx(0.8)
    times = np.logspace(-1, 1, 10)
    trace = described(Spectral(form="heat-trace"), complete(5))
    np.testing.assert_allclose(trace, 0.2 + 0.8 * np.exp(-1.25 * times), rtol=1e-9)


@MANY
@given(part=drawn())
def test_the_statistics_are_those_of_networkx(part: Any) -> None:
    graph, size = in_networkx(part), part[0]
    lengths = [d for _, reached in nx.all_pairs_shortest_path_length(graph) for d in reached.values() if d > 0]
    degrees = [degree for _, degree in graph.degree]
    ends = {graph.degree[v] for v in graph if graph.degree[v]}
    expected = [
        np.mean(degrees),
        nx.density(graph),
        nx.average_clustering(graph),
        nx.transitivity(graph),
        nx.degree_pearson_correlation_coefficient(graph) if len(ends) > 1 else 0.0,
        np.mean(lengths) if lengths else 0.0,
    ]
    assert size == graph.number_of_nodes()
    np.testing.assert_allclose(described(Stats(), part), expected, rtol=0, atol=1e-9)


def test_the_degree_histogram_keeps_isolated_nodes_and_gathers_hubs() -> None:
    star = 6, both_ways([(0, v) for v in range(1, 5)])
    np.testing.assert_allclose(described(Degree(num_bins=3), star), [1 / 6, 4 / 6, 1 / 6])


def test_walks_of_so_many_steps_have_as_many_patterns_as_bell_has() -> None:
    assert [len(walk_patterns(length)) for length in (2, 3, 4, 5, 6, 7)] == [2, 5, 15, 52, 203, 877]


def test_walks_on_a_triangle_come_back_or_go_on_with_even_odds_and_isolated_nodes_have_their_own_bin() -> None:
    measure = AnonymousWalks(walk_length=2, num_walks=10_000)
    shares = described(measure, cycle(3))  # 0 1 0, 0 1 2, stuck; standard error 0.005
    np.testing.assert_allclose(shares, [0.5, 0.5, 0.0], rtol=0, atol=0.02)
    half = described(measure, (4, [(0, 1), (1, 0)]))
    np.testing.assert_allclose(half, [0.5, 0.0, 0.5], rtol=0, atol=0.02)


def test_walks_on_a_cycle_have_the_probabilities_of_an_exact_count() -> None:
    # On a long cycle each step goes left or right: 4 steps make 16 equally likely walks.
    expected: dict[tuple[int, ...], float] = {}
    for turns in np.ndindex(2, 2, 2, 2):
        places = np.concatenate([[0], np.cumsum(2 * np.array(turns) - 1)]).tolist()
        names = {place: name for name, place in enumerate(dict.fromkeys(places))}
        pattern = tuple(names[place] for place in places)
        expected[pattern] = expected.get(pattern, 0) + 1 / 16
    shares = described(AnonymousWalks(num_walks=10_000), cycle(12))
    exact = [expected.get(pattern, 0.0) for pattern in walk_patterns(4)]
    np.testing.assert_allclose(shares, [*exact, 0.0], rtol=0, atol=0.02)
