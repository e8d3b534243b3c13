import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from graphs.datasets.digit_graphs import DigitGraphs, pixel_graphs

FEW = settings(max_examples=30, deadline=None)


def test_a_digit_is_the_graph_of_its_bright_pixels() -> None:
    graphs, (pixels, labels) = DigitGraphs().read(None), load_digits(return_X_y=True)
    assert len(graphs) == 1797
    assert graphs.num_classes == (10,)
    np.testing.assert_array_equal(graphs.labels, labels)
    np.testing.assert_array_equal(graphs.num_nodes, (pixels > 7).sum(axis=1))
    np.testing.assert_array_equal(graphs.features_of(5)[:, 0] * 16, pixels[5][pixels[5] > 7])
    assert (pixels > 7).sum(axis=1).min() == 13
    assert (graphs.features[0] > 7 / 16).all()
    assert (graphs.features[0] <= 1).all()
    assert DigitGraphs().read(None) is graphs


@FEW
@given(rows=st.integers(1, 6), columns=st.integers(1, 6), seed=st.integers(0, 999))
def test_pixels_that_touch_are_joined_as_squares_a_king_reaches(rows: int, columns: int, seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 10, (3, rows, columns)).astype(float)
    num_nodes, num_edges, edges, intensities = pixel_graphs(images, 4)
    first_edge, first_node = np.cumsum(num_edges) - num_edges, np.cumsum(num_nodes) - num_nodes
    for image in range(3):
        kept = [(r, c) for r in range(rows) for c in range(columns) if images[image, r, c] > 4]
        if not kept:
            kept = [divmod(int(images[image].argmax()), columns)]
        assert num_nodes[image] == len(kept)
        found = edges[:, first_edge[image] : first_edge[image] + num_edges[image]].T.tolist()
        near = [
            [one, other]
            for one, (r, c) in enumerate(kept)
            for other, (s, t) in enumerate(kept)
            if max(abs(r - s), abs(c - t)) == 1
        ]
        assert found == near
        own = intensities[first_node[image] : first_node[image] + len(kept)]
        assert own.tolist() == [images[image][pixel] for pixel in kept]


def test_a_full_image_is_the_grid_of_networkx_with_its_diagonals() -> None:
    _, (num_edges,), edges, _ = pixel_graphs(np.ones((1, 8, 8)), 0)
    grid = nx.strong_product(nx.path_graph(8), nx.path_graph(8))
    assert num_edges == 2 * grid.number_of_edges() == 2 * 210
    assert nx.is_isomorphic(nx.Graph(edges.T.tolist()), grid)


def test_an_image_without_bright_pixel_keeps_its_first_brightest() -> None:
    num_nodes, num_edges, _, intensities = pixel_graphs(np.array([[[0.0, 3.0], [3.0, 1.0]]]), 7)
    assert (num_nodes.tolist(), num_edges.tolist(), intensities.tolist()) == ([1], [0], [3])
