"""The contract of every structure vector: of the graphs alone, whatever their nodes are called; distances are such."""

from typing import Any

import numpy as np
import pytest
from drawn_graphs import complete, drawn, graph_set, path, relabelled
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.graph_set import GraphSet
from graphs.structure import StructureVector
from testbed.errors import RequestError

MANY = settings(max_examples=20, deadline=None)
sets = st.lists(drawn(), min_size=1, max_size=5)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module", params=examples("structure"), ids=str)
def measure(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


def described(measure: StructureVector, graphs: GraphSet, members: Any = None, seed: int = 0) -> np.ndarray:
    ids = np.arange(len(graphs)) if members is None else np.array(members, dtype=np.int64)
    return measure.describe(graphs, ids, np.random.default_rng(seed))


def draws(measure: StructureVector) -> bool:
    """Whether it samples: 400 walks a graph, so that a share has a deviation of at most 0.025."""
    rng = np.random.default_rng(0)
    measure.describe(graph_set(complete(3), path(4)), np.array([0, 1]), rng)
    return bool(rng.bit_generator.state != np.random.default_rng(0).bit_generator.state)


def tolerance(measure: StructureVector) -> float:
    # The difference of two samples: five deviations, as many bins and examples are compared.
    return 5 * 0.025 * 2**0.5 if draws(measure) else 1e-9


@MANY
@given(parts=sets, seed=seeds)
def test_the_vector_has_its_length_is_finite_and_comes_again_from_the_same_stream(
    measure: StructureVector, parts: Any, seed: int
) -> None:
    graphs = graph_set(*parts)
    vector = described(measure, graphs, seed=seed)
    assert vector.shape == (measure.num_values,)
    assert np.isfinite(vector).all()
    assert described(measure, graphs, seed=seed).tobytes() == vector.tobytes()


@MANY
@given(parts=sets, data=st.data())
def test_neither_the_names_of_nodes_nor_the_order_of_graphs_matter(
    measure: StructureVector, parts: Any, data: st.DataObject
) -> None:
    renamed = [relabelled(part, data.draw(st.permutations(range(part[0])))) for part in parts]
    order = data.draw(st.permutations(range(len(parts))))
    expected = described(measure, graph_set(*parts))
    for other in (described(measure, graph_set(*renamed), seed=1), described(measure, graph_set(*parts), order, 1)):
        np.testing.assert_allclose(other, expected, rtol=0, atol=tolerance(measure))


@MANY
@given(parts=sets, times=st.integers(1, 3))
def test_directions_repetitions_and_loops_do_not_matter(measure: StructureVector, parts: Any, times: int) -> None:
    written = [(size, [(u, v) for u, v in edges if u < v] * times + [(0, 0)]) for size, edges in parts]
    expected = described(measure, graph_set(*parts))
    np.testing.assert_allclose(described(measure, graph_set(*written)), expected, rtol=0, atol=tolerance(measure))


@MANY
@given(parts=st.lists(drawn(), min_size=2, max_size=5))
def test_a_client_is_the_mean_of_its_graphs_and_its_cost_their_sum(measure: StructureVector, parts: Any) -> None:
    graphs = graph_set(*parts)
    members = np.arange(len(graphs))
    each = measure.describe_each(graphs, members, np.random.default_rng(0))
    assert each.shape == (len(graphs), measure.num_values)
    np.testing.assert_allclose(described(measure, graphs), each.mean(axis=0), rtol=1e-12, atol=1e-12)
    costs = [measure.flop(graphs, members[[graph]]) for graph in members]
    assert min(costs) >= 0
    assert measure.flop(graphs, members) == pytest.approx(sum(costs))


@MANY
@given(clients=st.lists(sets, min_size=2, max_size=5), data=st.data())
def test_distances_are_symmetric_zero_for_equals_and_go_with_the_clients(
    measure: StructureVector, clients: Any, data: st.DataObject
) -> None:
    vectors = np.stack([described(measure, graph_set(*parts)) for parts in [*clients, clients[0]]])
    distances = measure.distances(vectors)
    assert distances.shape == (len(vectors), len(vectors))
    assert (distances >= 0).all()
    assert not np.diag(distances).any()
    assert distances[0, -1] == pytest.approx(0, abs=1e-7)
    np.testing.assert_allclose(distances, distances.T, rtol=0, atol=1e-12)
    points = measure.points(vectors)
    assert len(points) == len(vectors)
    assert np.isfinite(points).all()
    order = data.draw(st.permutations(range(len(vectors))))
    np.testing.assert_allclose(measure.distances(vectors[order]), distances[np.ix_(order, order)], rtol=0, atol=1e-9)
    np.testing.assert_allclose(measure.points(vectors[order]), points[order], rtol=0, atol=1e-9)


def test_unlike_graphs_have_unlike_vectors(measure: StructureVector) -> None:
    vectors = np.stack([described(measure, graph_set(part)) for part in (path(6), complete(6))])
    assert measure.distances(vectors)[0, 1] > 0.1


@pytest.mark.parametrize("size", [1, 3])
def test_graphs_without_edges_have_a_vector(measure: StructureVector, size: int) -> None:
    vectors = np.stack([described(measure, graph_set((size, []))), described(measure, graph_set((size, []), path(3)))])
    assert np.isfinite(vectors).all()
    assert np.isfinite(measure.distances(vectors)).all()


def test_a_client_without_graphs_or_with_ones_that_do_not_exist_is_refused(measure: StructureVector) -> None:
    graphs = graph_set(path(3), path(4))
    with pytest.raises(RequestError, match="a client without graphs has no structure"):
        described(measure, graphs, [])
    for wrong in (-1, 2):
        with pytest.raises(RequestError, match=f"no graph {wrong}: there are 0 to 1"):
            described(measure, graphs, [0, wrong])


def test_gaussian_noise_is_added_once_a_client_and_has_the_deviation_asked_for(measure: Any) -> None:
    graphs = graph_set(path(5), complete(4))
    noisy, rng = measure.model_copy(update={"sigma": 3.0}), np.random.default_rng(7)
    members = np.arange(2)
    noise = np.stack([noisy.describe(graphs, members, rng) for _ in range(400)]) - described(measure, graphs)
    draws = noise.size  # 400 times the values: of the deviation the relative standard error is 1 / sqrt(2 draws)
    assert noise.std() == pytest.approx(3.0, rel=4 / (2 * draws) ** 0.5)
    assert noise.mean() == pytest.approx(0.0, abs=4 * 3.0 / draws**0.5)
