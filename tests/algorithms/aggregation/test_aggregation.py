"""Laws of the weighted mean and of mixing: they are the formulas, however the vectors are cut into pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.aggregation import mixing
from algorithms.aggregation import weighted_mean as averaging
from algorithms.aggregation.mixing import mixed
from algorithms.aggregation.weighted_mean import weighted_mean


@given(num_entries=st.integers(1, 50), num_vectors=st.integers(1, 5), block=st.integers(1, 64), seed=st.integers(0, 99))
def test_the_weighted_mean_is_the_formula_in_pieces_of_any_size(
    num_entries: int, num_vectors: int, block: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = list(rng.standard_normal((num_vectors, num_entries), dtype=np.float32))
    weights = rng.uniform(0.1, 1.0, num_vectors)
    expected = sum(w * v.astype(np.float64) for w, v in zip(weights, vectors, strict=True)) / weights.sum()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(averaging, "_BLOCK", block)
        found = weighted_mean(vectors, weights)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    assert found.dtype == np.float64


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_an_entry_that_is_not_finite_is_refused_whatever_its_weight(bad: float, weight: float) -> None:
    vectors = np.ones((2, 5))
    vectors[1, 3] = bad
    with pytest.raises(ValueError, match="not finite"):
        weighted_mean(vectors, np.array([1.0, weight]))


@given(num_entries=st.integers(1, 40), block=st.integers(1, 16), seed=st.integers(0, 99), weight=st.floats(0.01, 1.0))
def test_mixing_is_the_formula_in_pieces_of_any_size(num_entries: int, block: int, seed: int, weight: float) -> None:
    rng = np.random.default_rng(seed)
    current, base = rng.standard_normal((2, num_entries), dtype=np.float32)
    arrived = rng.standard_normal(num_entries)
    before = [vector.copy() for vector in (current, arrived, base)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixing, "_BLOCK", block)
        found = mixed(current, arrived, base, weight)
    expected = (1.0 - weight) * current.astype(np.float64) + weight * arrived
    assert found.vector.tobytes() == expected.astype(np.float32).tobytes()
    assert found.progress_norm == pytest.approx(weight * np.linalg.norm(arrived - base), rel=1e-12)
    pulled = current.astype(np.float64) - base
    assert found.pull_back_norm == pytest.approx(weight * np.linalg.norm(pulled), rel=1e-12)
    for vector, was in zip((current, arrived, base), before, strict=True):
        np.testing.assert_array_equal(vector, was)


def test_a_base_that_is_current_pulls_nothing_back() -> None:
    current = np.array([1.0, 2.0], dtype=np.float32)
    assert mixed(current, np.array([3.0, 4.0]), current, 0.5).pull_back_norm == 0.0
