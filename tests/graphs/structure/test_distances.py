import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graphs.cosine import cosine_similarity
from graphs.structure.distances import cosine_distances, euclidean_distances, jensen_shannon_bits, shares, z_scores

seeds = st.integers(0, 2**32 - 1)


def test_jensen_shannon_of_the_worked_example_is_half_a_bit() -> None:
    assert jensen_shannon_bits(np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]))[0, 1] == 0.5


@given(seed=seeds, num_bins=st.integers(2, 6))
def test_jensen_shannon_is_the_mean_divergence_from_the_middle_and_at_most_a_bit(seed: int, num_bins: int) -> None:
    p, q = np.random.default_rng(seed).dirichlet(np.ones(num_bins), 2)
    middle = (p + q) / 2
    expected = (np.sum(p * np.log2(p / middle)) + np.sum(q * np.log2(q / middle))) / 2
    np.testing.assert_allclose(jensen_shannon_bits(np.stack([p, q]))[0, 1], expected, rtol=1e-9, atol=1e-12)
    apart = jensen_shannon_bits(np.array([np.append(p, np.zeros(num_bins)), np.append(np.zeros(num_bins), q)]))
    np.testing.assert_allclose(apart[0, 1], 1.0, rtol=1e-12)


@given(seed=seeds)
def test_the_root_of_jensen_shannon_keeps_the_triangle_inequality(seed: int) -> None:
    root = np.sqrt(jensen_shannon_bits(np.random.default_rng(seed).dirichlet(np.full(4, 0.3), 5)))
    assert (root[:, None, :] <= root[:, :, None] + root[None, :, :] + 1e-9).all()


def test_noise_below_zero_counts_as_nothing_and_an_empty_histogram_as_uniform() -> None:
    assert shares(np.array([[-1.0, 1.0, 3.0], [-1.0, -2.0, 0.0]])).tolist() == [[0.0, 0.25, 0.75], [1 / 3] * 3]


@given(seed=seeds, scale=st.sampled_from([1e-200, 1e-3, 1.0, 1e200]))
def test_the_cosine_is_that_of_the_angle_whatever_the_lengths(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(4, 3))
    expected = [[np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b) for a in rows] for b in rows]
    scaled = cosine_similarity(rows * scale * rng.uniform(0.5, 2, (4, 1)))
    np.testing.assert_allclose(scaled, expected, rtol=0, atol=1e-11)
    assert np.array_equal(scaled, scaled.T)


def test_rows_of_zeros_are_like_each_other_and_at_right_angles_to_the_rest() -> None:
    rows = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    assert cosine_distances(rows).tolist() == [[0, 0, 1], [0, 0, 1], [1, 1, 0]]


def test_euclid_and_deviations_by_hand() -> None:
    assert euclidean_distances(np.array([[0.0, 0.0], [3.0, 4.0]])).tolist() == [[0.0, 5.0], [5.0, 0.0]]
    assert z_scores(np.array([[1.0, 7.0], [3.0, 7.0]])).tolist() == [[-1.0, 0.0], [1.0, 0.0]]
