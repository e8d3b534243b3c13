"""The first principal component: the direction, its sign, and that it orders graphs by structure alone."""

import numpy as np
import pytest
from drawn_graphs import complete, cycle, graph_set, path
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph_set, relabelled

from graphs.partition.graph_structure import GraphStructurePartition
from graphs.structure import RwseDse
from graphs.structure.principal_component import first_principal_component
from testbed.errors import RequestError

MANY = settings(max_examples=40, deadline=None)
LUCK = np.random.default_rng(0)


def vectors_of(seed: int, num_graphs: int, width: int) -> np.ndarray:
    """Return vectors whose first entries vary most, so that the first direction is well apart from the second."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(num_graphs, width)) @ np.diag(2.0 ** -np.arange(width)) + rng.normal(size=width)


@MANY
@given(seed=st.integers(0, 10_000), num_graphs=st.integers(20, 60), width=st.integers(1, 8))
def test_scores_are_those_of_the_singular_value_decomposition_up_to_their_sign(
    seed: int, num_graphs: int, width: int
) -> None:
    vectors = vectors_of(seed, num_graphs, width)
    left, values, right = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    sign = np.sign(right[0][np.abs(right[0]).argmax()])
    np.testing.assert_allclose(first_principal_component(vectors), sign * left[:, 0] * values[0], atol=1e-7)


@MANY
@given(seed=st.integers(0, 10_000), shift=st.floats(-5, 5))
def test_no_direction_has_more_variance_and_shifting_all_changes_nothing(seed: int, shift: float) -> None:
    vectors = vectors_of(seed, 30, 5)
    scores = first_principal_component(vectors)
    others = np.random.default_rng(seed + 1).normal(size=(5, 20))
    others /= np.linalg.norm(others, axis=0)
    assert (scores.var() >= (vectors @ others).var(axis=0) - 1e-9).all()
    np.testing.assert_allclose(first_principal_component(vectors + shift), scores, atol=1e-8)


def test_the_largest_entry_of_the_direction_is_positive_the_first_of_equals() -> None:
    along = np.array([1.0, -2.0, 5.0])[:, None]
    mean = along.mean()
    for direction, sign in (([0.6, 0.8], 1), ([0.6, -0.8], -1), ([-0.8, 0.6], -1), ([0.5**0.5, -(0.5**0.5)], 1)):
        scores = first_principal_component(along * np.array(direction))
        np.testing.assert_allclose(scores, sign * (along[:, 0] - mean), atol=1e-8)


def test_entries_that_rounding_alone_tells_apart_are_equals() -> None:
    for along in np.random.default_rng(1).normal(size=(50, 6)):
        for direction in ([1.0, -1.0], [1.0, -1.0, -1.0, 1.0], [-1.0, 1.0, 1.0]):
            scores = first_principal_component(np.outer(along, direction))
            assert scores @ (along - along.mean()) * direction[0] > 0


def test_vectors_that_are_all_the_same_have_no_order() -> None:
    assert first_principal_component(np.full((4, 3), 0.1)).tolist() == [0.0] * 4
    assert first_principal_component(np.ones((1, 3))).tolist() == [0.0]


@pytest.mark.parametrize("vectors", [np.empty((0, 3)), np.array([[0.0, np.nan]]), np.ones(3)])
def test_what_is_no_vectors_is_refused(vectors: np.ndarray) -> None:
    with pytest.raises(RequestError, match="at least one"):
        first_principal_component(vectors)


@pytest.mark.parametrize("seed", range(5))
def test_numbering_the_nodes_otherwise_deals_the_same_graphs(seed: int) -> None:
    graphs = random_graph_set([60], seed=seed)
    rule = GraphStructurePartition(score="principal-component")
    one, other = (rule.deal_graphs(each, 4, np.random.default_rng(3)) for each in (graphs, relabelled(graphs, LUCK)))
    assert [shard.tolist() for shard in one] == [shard.tolist() for shard in other]


def test_kinds_of_graphs_fall_into_blocks_and_equal_ones_have_one_score() -> None:
    kinds = [cycle(6), complete(5), path(2), complete(7), cycle(6), path(2)] * 4
    graphs = graph_set(*kinds)
    shards = GraphStructurePartition(score="principal-component", mix=0).deal_graphs(graphs, 3, LUCK)
    found = [{kinds[graph][0] for graph in shard} for shard in shards]
    assert sorted(found, key=min) == [{2}, {5, 7}, {6}]
    scores = first_principal_component(RwseDse().describe_each(graphs, np.arange(24), LUCK))
    assert len(np.unique(scores)) == 4
