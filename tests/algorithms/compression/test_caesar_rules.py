"""Laws of the three rules of Caesar: who is sent how much, who sends how much, and who trains on what batch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.compression.batch_sizes import batch_sizes
from algorithms.compression.dequantiser import dequantise, gated_mean
from algorithms.compression.importance import importance, label_divergences, rank_fractions
from algorithms.compression.staleness_fraction import staleness_fractions
from channels.codecs.uniform import UniformCodec

SOME = settings(max_examples=50, deadline=None)
fractions = st.floats(0, 0.99)


# -- by staleness ------------------------------------------------------------------------------------------------------


@SOME
@given(rounds=st.integers(1, 500), largest=st.floats(0.01, 0.99))
def test_less_is_compressed_the_staler_the_copy_from_nearly_the_largest_fraction_to_nothing(
    rounds: int, largest: float
) -> None:
    found = staleness_fractions(np.arange(1, rounds + 1), rounds, largest)
    assert (np.diff(found) <= 0).all()
    assert ((found >= 0) & ((found < largest) | (found == 0))).all()
    assert found[-1] == 0.0


def test_the_first_round_and_whoever_was_never_there_get_everything() -> None:
    assert staleness_fractions(np.array([1, 1]), 1, 0.6).tolist() == [0.0, 0.0]
    assert staleness_fractions(np.array([7, 2]), 7, 0.6)[0] == 0.0


@SOME
@given(staleness=st.integers(1, 20), later=st.integers(1, 1000))
def test_the_same_staleness_counts_less_the_longer_the_run(staleness: int, later: int) -> None:
    one = np.array([staleness])
    (early,), (late,) = (staleness_fractions(one, t, 0.6) for t in (staleness + 1, staleness + 1 + later))
    assert early < late < 0.6


@SOME
@given(rounds=st.integers(1, 300), window=st.integers(1, 50), levels=st.integers(1, 10))
def test_a_window_makes_old_copies_useless_and_levels_only_round_down(rounds: int, window: int, levels: int) -> None:
    staleness = np.arange(1, rounds + 1)
    plain, short = (staleness_fractions(staleness, rounds, 0.6, window=w) for w in (None, window))
    assert (short <= plain + 1e-12).all() and not short[staleness >= window].any()
    rounded = staleness_fractions(staleness, rounds, 0.6, num_levels=levels)
    assert (rounded <= plain + 1e-12).all() and (plain - rounded < 0.6 / levels + 1e-12).all()
    assert len(np.unique(rounded)) <= levels


@pytest.mark.parametrize(("staleness", "rounds"), [(0, 3), (4, 3), (1, 0)])
def test_a_staleness_that_cannot_be_is_refused(staleness: int, rounds: int) -> None:
    with pytest.raises(ValueError, match="staleness"):
        staleness_fractions(np.array([staleness]), rounds, 0.6)


# -- by importance -----------------------------------------------------------------------------------------------------


@SOME
@given(seed=st.integers(0, 999), clients=st.integers(1, 20))
def test_divergences_are_not_negative_and_nothing_for_clients_that_are_alike(seed: int, clients: int) -> None:
    rng = np.random.default_rng(seed)
    assert (label_divergences(rng.integers(1, 50, size=(clients, 5))) >= 0).all()
    alike = np.outer(rng.integers(1, 9, size=clients), rng.integers(0, 9, size=5) + np.eye(5, dtype=int)[0])
    np.testing.assert_allclose(label_divergences(alike), 0.0, atol=1e-12)


@pytest.mark.parametrize("num_classes", [2, 5, 10])
def test_one_class_among_k_uniform_ones_diverges_by_the_logarithm_of_k(num_classes: int) -> None:
    np.testing.assert_allclose(label_divergences(7 * np.eye(num_classes, dtype=int)), np.log(num_classes))


def test_equal_clients_with_the_mean_mix_are_all_of_importance_one() -> None:
    assert importance(np.full(4, 30), label_divergences(np.full((4, 10), 3)), 0.5).tolist() == [1.0] * 4


@SOME
@given(seed=st.integers(0, 999), omega=st.floats(0, 1))
def test_importance_is_a_share_that_grows_with_volume_and_falls_with_skew(seed: int, omega: float) -> None:
    rng = np.random.default_rng(seed)
    sizes, skews = rng.integers(1, 100, size=9), rng.random(9)
    values = importance(sizes, skews, omega)
    assert ((values >= 0) & (values <= 1 + 1e-12)).all()
    by_size = importance(np.sort(sizes), np.full(9, 0.5), omega)
    by_skew = importance(np.full(9, 20), np.sort(skews), omega)
    assert (np.diff(by_size) >= 0).all() and (np.diff(by_skew) <= 1e-12).all()


@SOME
@given(seed=st.integers(0, 999), clients=st.integers(1, 50), low=st.floats(0, 0.5), span=st.floats(0, 0.4))
def test_fractions_by_rank_have_the_mean_of_the_formula_and_fall_with_the_value(
    seed: int, clients: int, low: float, span: float
) -> None:
    values = np.random.default_rng(seed).random(clients)
    found = rank_fractions(values, low, low + span)
    assert found.mean() == pytest.approx(low + span * (clients + 1) / (2 * clients))
    assert ((found >= low) & (found <= low + span + 1e-12)).all()
    assert (np.diff(found[np.argsort(values)]) <= 1e-12).all()
    assert len(set(rank_fractions(np.full(clients, 0.3), low, low + span).tolist())) == 1


# -- batches -----------------------------------------------------------------------------------------------------------


@SOME
@given(seed=st.integers(0, 999), clients=st.integers(1, 12))
def test_nobody_who_is_not_clipped_is_late_or_early_by_a_sample_and_the_soonest_has_the_largest_batch(
    seed: int, clients: int
) -> None:
    rng = np.random.default_rng(seed)
    transfers_s, sample_s = rng.uniform(0.1, 3, clients), rng.uniform(0.01, 0.1, clients)
    found = batch_sizes(transfers_s, sample_s, 64, 8, np.full(clients, 100))
    finish_s, target_s = transfers_s + sample_s * found, (transfers_s + 64 * sample_s).min()
    assert found[np.argmin(transfers_s + 64 * sample_s)] == 64
    assert ((found >= 8) & (found <= 64)).all()
    free = (found > 8) & (found < 64)
    assert (target_s - finish_s[free] >= -1e-6).all()
    assert (target_s - finish_s[free] < sample_s[free]).all()


def test_equal_devices_with_equal_links_have_equal_full_batches() -> None:
    assert batch_sizes(np.full(3, 1.3), np.full(3, 0.1), 32, 4, np.full(3, 40)).tolist() == [32, 32, 32]


def test_who_cannot_be_there_in_time_has_the_smallest_batch_and_nobody_more_than_it_has() -> None:
    found = batch_sizes(np.array([0.0, 50.0, 0.0]), np.full(3, 0.1), 32, 8, np.array([90, 90, 3]))
    assert found.tolist() == [32, 8, 3]
    assert batch_sizes(np.zeros(2), np.array([1.0, 9.0]), 4, 8, np.array([90, 90])).tolist() == [4, 4]


# -- the dequantiser ---------------------------------------------------------------------------------------------------


def in_bits(vector: np.ndarray, num_bits: int) -> np.ndarray:
    codec = UniformCodec(num_bits=num_bits)
    return codec.decode(codec.encode(vector, [slice(0, len(vector))])).astype(np.float64)


@SOME
@given(seed=st.integers(0, 999), num_bits=st.sampled_from([2, 4, 8, 16]))
def test_a_model_that_comes_back_as_it_was_sent_is_the_servers_own_in_full_precision(seed: int, num_bits: int) -> None:
    own = np.random.default_rng(seed).normal(size=50).astype(np.float32)
    sent = in_bits(own, num_bits)
    mean = gated_mean([sent, sent], [sent, sent], own, [num_bits, num_bits], [slice(0, 20), slice(20, 50)])
    np.testing.assert_array_equal(mean, own)


@SOME
@given(seed=st.integers(0, 999))
def test_levels_that_are_an_affine_map_of_the_values_are_mapped_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    own, moved = rng.normal(size=30), rng.normal(size=30) + 5.0
    found, _ = dequantise(3 * moved - 7, 3 * own - 7, own, 16)
    np.testing.assert_allclose(found, moved, atol=1e-3)


def test_in_full_precision_it_is_the_plain_mean() -> None:
    rng = np.random.default_rng(0)
    own, models = rng.normal(size=6), rng.normal(size=(4, 6))
    mean = gated_mean(list(models), [own] * 4, own, [32] * 4, [slice(0, 6)])
    np.testing.assert_allclose(mean, models.mean(axis=0), atol=1e-8)


def test_an_entry_further_off_than_a_level_and_training_together_does_not_count() -> None:
    own = np.array([0.0, 1.0, -1.0, 0.5])
    high, low = own + np.array([0.1, 0.0, 0.0, 0.0]), np.array([0.0, 1.0, -1.0, -1.0])
    mean = gated_mean([high, low], [own, in_bits(own, 8)], own, [32, 8], [slice(0, 4)])
    # Entry 3 is 1.5 off, the step is 1 / 127 and training moved nothing by more than 0.1; entry 0 came back as sent.
    np.testing.assert_allclose(mean, [0.05, 1.0, -1.0, 0.5], atol=1e-8)


def test_a_constant_tensor_moves_by_what_came_back() -> None:
    found, step = dequantise(np.full(3, 0.9), np.full(3, 0.5), np.full(3, 0.5), 8)
    np.testing.assert_allclose(found, 0.9)
    assert step == pytest.approx(0.9 / 127)
