import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.fusion import fuse, mean_of, structural_means
from testbed.errors import RequestError

W = np.array([[1.0, 2.0], [3.0, 0.0], [-1.0, 4.0], [0.0, 1.0]])
N = np.array([10, 30, 20, 40])
CLUSTERS = np.array([0, 0, 1, 1])
seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    clusters = rng.permutation(np.arange(7) % rng.integers(1, 5))
    return rng.normal(size=(7, 5)), rng.integers(1, 50, 7), clusters, rng


def test_the_worked_example() -> None:
    structural = structural_means(W, N, CLUSTERS)
    np.testing.assert_allclose(structural, [[2.5, 0.5], [-1 / 3, 2.0]], rtol=1e-12)
    node = mean_of((1, 2), W, N)
    np.testing.assert_allclose(node, [1.4, 1.6], rtol=1e-12)
    fused = fuse(structural, node, np.array([0.7, 0.7]))
    np.testing.assert_allclose(fused, [[2.17, 0.83], [0.186667, 1.88]], rtol=0, atol=5e-7)
    np.testing.assert_allclose(mean_of(range(4), W, N), [0.8, 1.4], rtol=1e-12)


@given(seed=seeds)
def test_fused_models_keep_the_weighted_means_of_their_ingredients(seed: int) -> None:
    models, sizes, clusters, rng = drawn(seed)
    structural = structural_means(models, sizes, clusters)
    for c in range(len(structural)):
        members = clusters == c
        np.testing.assert_allclose(sizes[members] @ models[members] / sizes[members].sum(), structural[c], atol=1e-12)
    beta, average = rng.random(), mean_of(range(7), models, sizes)
    node = mean_of(rng.permutation(7)[:3].tolist(), models, sizes)
    received = fuse(structural, node, np.full(len(structural), beta))[clusters]
    np.testing.assert_allclose(sizes @ received / sizes.sum(), beta * average + (1 - beta) * node, atol=1e-12)


@given(seed=seeds, factor=st.floats(-3, 3))
def test_shifting_and_scaling_all_models_does_so_to_the_fused_ones(seed: int, factor: float) -> None:
    models, sizes, clusters, rng = drawn(seed)
    shift, shares = rng.normal(size=5), rng.random(clusters.max() + 1)

    def fused(ingredients: np.ndarray) -> np.ndarray:
        return fuse(structural_means(ingredients, sizes, clusters), mean_of((0, 3, 5), ingredients, sizes), shares)

    np.testing.assert_allclose(fused(factor * models + shift), factor * fused(models) + shift, rtol=0, atol=1e-9)


@given(seed=seeds)
def test_the_ends_of_the_ratio_are_the_models_themselves_and_one_cluster_of_all_is_fedavg(seed: int) -> None:
    models, sizes, clusters, rng = drawn(seed)
    structural, node = structural_means(models, sizes, clusters), mean_of((1, 2), models, sizes)
    np.testing.assert_array_equal(fuse(structural, node, np.ones(len(structural))), structural)
    np.testing.assert_array_equal(
        fuse(structural, node, np.zeros(len(structural))), np.tile(node, (len(structural), 1))
    )
    average = mean_of(range(7), models, sizes)
    alone = structural_means(models, sizes, np.zeros(7, dtype=np.int64))
    np.testing.assert_allclose(fuse(alone, average, rng.random(1)), alone, rtol=0, atol=1e-12)
    own = structural_means(models, sizes, np.arange(7))
    np.testing.assert_array_equal(own, models)


@given(seed=seeds)
def test_relabelling_clients_changes_no_cluster(seed: int) -> None:
    models, sizes, clusters, rng = drawn(seed)
    order = rng.permutation(7)
    turned = structural_means(models[order], sizes[order], clusters[order])
    np.testing.assert_allclose(turned, structural_means(models, sizes, clusters), rtol=0, atol=1e-12)


@pytest.mark.parametrize("shares", [[-0.1, 0.5], [0.5, 1.1], [np.nan, 0.5]])
def test_a_share_outside_the_unit_interval_is_refused(shares: list[float]) -> None:
    with pytest.raises(RequestError, match=r"must be in \[0, 1\]"):
        fuse(np.zeros((2, 3)), np.zeros(3), np.array(shares))


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(RequestError, match="as many shares"):
        fuse(np.zeros((2, 3)), np.zeros(3), np.array([0.5]))
    with pytest.raises(RequestError, match="not of the same clients"):
        structural_means(W, N[:3], CLUSTERS)
    with pytest.raises(RequestError, match="without a gap"):
        structural_means(W, N, np.array([0, 0, 2, 2]))
