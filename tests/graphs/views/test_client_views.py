"""Pictures of clients and fusions: every client and every share that was recorded is drawn, where it belongs."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.figure import Figure

from graphs.structure.distances import euclidean_distances
from graphs.views import plot_client_map, plot_client_paths, plot_fusion_shares
from graphs.views.client_map import principal_coordinates
from testbed.errors import RequestError
from testbed.experiments.result import RunResult
from testbed.layout import FloatArray
from testbed.views.palette import colour_of

CLUSTERS = [0, 0, 1, 1, 1]
DISTANCES = euclidean_distances(np.array([[0.0, 0], [0, 1], [4, 0], [4, 1], [5, 0]]))
PATHS = {0: [1, 0, 2], 1: [0, 2, 3]}
FIRSTS, SECONDS = (list(ends) for ends in zip(*combinations(range(5), 2), strict=True))


def pairs(**columns: list[float] | list[bool]) -> pa.Table:
    return pa.table({"first": FIRSTS, "second": SECONDS, **columns})


@pytest.fixture
def run() -> RunResult:
    clients = list(range(5))
    on_paths = [(path, place, client) for path, all_of in PATHS.items() for place, client in enumerate(all_of)]
    path, place, client = (list(column) for column in zip(*on_paths, strict=True))
    is_edge = [second - first == 1 for first, second in zip(FIRSTS, SECONDS, strict=True)]
    tables = {
        "client_cluster": pa.table(
            {"client": clients, "cluster": CLUSTERS, "domain": ["a"] * 4 + ["b"], "silhouette": [0.5] * 5}
        ),
        "structure_distance": pairs(distance=[float(DISTANCES[i, j]) for i, j in zip(FIRSTS, SECONDS, strict=True)]),
        "client_similarity": pairs(version=[4] * 10, similarity=[0.5 + 0.05 * k for k in range(10)], is_edge=is_edge),
        "node_client": pa.table({"version": [4, 4, 4, 4], "client": [0, 1, 2, 3]}),
        "node_path": pa.table({"version": [4] * 6, "path": path, "place": place, "client": client}),
        "fusion": pa.table(
            {
                "version": [1, 1, 2, 2],
                "cluster": [0, 1, 0, 1],
                "share": [0.5, 0.2, 1.0, 0.0],
                "accuracy": [0.1, float("nan"), 0.3, 0.4],
            }
        ),
    }
    scenario = {"scenario": {"name": "synthetic"}, "algorithm": {"kind": "fedgcf"}}
    return RunResult("id", scenario, 0, {"status": "done"}, tables)


def marks(figure: Figure) -> dict[str, tuple[float, float]]:
    """Return number -> place of every client that is drawn."""
    return {text.get_text(): text.get_position() for text in figure.axes[0].texts}


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


@given(arrays(np.float64, st.tuples(st.integers(2, 8), st.just(2)), elements=st.floats(-10, 10)))
def test_points_of_a_plane_have_their_distances_on_the_map(points: FloatArray) -> None:
    distances = euclidean_distances(points)
    found = principal_coordinates(distances)
    np.testing.assert_allclose(euclidean_distances(found.points), distances, atol=1e-5)
    assert found.shares.sum() == pytest.approx(1.0, abs=1e-6) or np.ptp(points, axis=0).max() < 1e-3
    assert found.shares[0] >= found.shares[1] >= 0
    variances = found.points.var(axis=0)
    assert variances[0] >= variances[1] - 1e-9


def test_a_map_has_every_client_once_at_distances_as_recorded_and_in_its_cluster_s_colour(run: RunResult) -> None:
    figure = plot_client_map(run)
    places = marks(figure)
    assert list(places) == [str(client) for client in range(5)]
    np.testing.assert_allclose(euclidean_distances(np.array(list(places.values()))), DISTANCES, atol=1e-9)
    colours = [line.get_color() for line in figure.axes[0].get_lines()]
    assert colours == [colour_of(cluster) for cluster in CLUSTERS]
    assert words(figure) == ["cluster 0 (2 clients)", "cluster 1 (3 clients)", "a", "b"]
    assert len({line.get_marker() for line in figure.axes[0].get_lines()}) == 2  # a shape for each domain


def test_a_client_without_a_vector_is_left_out_and_counted(run: RunResult) -> None:
    clusters = run.tables["client_cluster"].to_pydict()
    more = {name: [*values, {"client": 5, "cluster": 1, "domain": "a", "silhouette": 0.5}[name]]
            for name, values in clusters.items()}  # fmt: skip
    figure = plot_client_map(replace(run, tables={**run.tables, "client_cluster": pa.table(more)}))
    assert "5" not in marks(figure)
    assert any("1 without a vector" in text.get_text() for text in figure.texts)


def test_edges_and_chosen_paths_join_the_clients_that_were_recorded(run: RunResult) -> None:
    figure = plot_client_paths(run)
    places = marks(figure)
    corners = [
        [next(c for c, place in places.items() if np.allclose(place, point)) for point in line.get_xydata()]
        for line in figure.axes[0].get_lines()
        if len(line.get_xydata()) > 1
    ]
    edges = [["0", "1"], ["1", "2"], ["2", "3"], ["3", "4"]]
    assert corners == [*edges, ["0", "2", "3"], ["1", "0", "2"]]  # the best path last, on top
    rims = {
        c: line.get_markeredgewidth()
        for line in figure.axes[0].get_lines()
        if len(line.get_xydata()) == 1
        for c, place in places.items()
        if np.allclose(place, line.get_xydata()[0])
    }
    assert [c for c, width in rims.items() if width > 2] == ["0", "1", "2", "3"]


def test_a_round_without_paths_says_so(run: RunResult) -> None:
    figure = plot_client_paths(replace(run, tables={**run.tables, "node_path": run.tables["node_path"].slice(0, 0)}))
    assert any("no path was chosen" in text.get_text() for text in figure.texts)
    with pytest.raises(RequestError, match="version 3: recorded are 4"):
        plot_client_paths(run, version=3)


def test_shares_are_steps_that_hold_until_the_next_and_accuracy_stands_at_the_version_it_is_of(run: RunResult) -> None:
    figure = plot_fusion_shares(run)
    assert len(figure.axes) == 2
    steps, accuracy = figure.axes[0].get_lines()
    assert steps.get_xydata().tolist() == [[1, 0.5], [2, 1.0], [3, 1.0]]
    assert accuracy.get_xydata().tolist() == [[0, 0.1], [1, 0.3]]
    assert [axes.get_ylabel() for axes in figure.axes] == ["cluster 0\n2 clients", "cluster 1\n3 clients"]


@pytest.mark.parametrize("plot", [plot_client_map, plot_client_paths, plot_fusion_shares])
def test_a_run_without_clusters_is_refused_by_name(plot: object, run: RunResult) -> None:
    with pytest.raises(RequestError, match="nothing to draw: the run of fedgcf has no rows"):
        plot(replace(run, tables={}))  # type: ignore[operator]
