"""The odds of tiers: probabilities by accuracy, and credits that cannot be overspent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.selection.tier_odds import TierOdds, tier_probabilities

ACCURACIES = st.lists(st.floats(0, 1), min_size=1, max_size=8).map(np.array)


@given(ACCURACIES, st.sampled_from(["accuracy", "rank"]))
def test_they_sum_to_one_and_a_lower_accuracy_never_has_the_lower_probability(
    accuracies: np.ndarray, odds: str
) -> None:
    probabilities = tier_probabilities(accuracies, odds)  # type: ignore[arg-type]
    assert probabilities.sum() == pytest.approx(1.0)
    assert (probabilities >= 0).all()
    assert (np.diff(probabilities[np.argsort(accuracies, kind="stable")]) <= 1e-15).all()


def test_they_are_proportional_to_one_minus_accuracy() -> None:
    probabilities = tier_probabilities(np.array([0.2, 0.6, 1.0]), "accuracy")
    np.testing.assert_allclose(probabilities, [2 / 3, 1 / 3, 0.0])


def test_ranks_ignore_how_far_accuracies_lie_apart() -> None:
    expected = [1 / 6, 3 / 6, 2 / 6]
    for accuracies in ([0.9, 0.1, 0.2], [0.503, 0.501, 0.502]):
        np.testing.assert_allclose(tier_probabilities(np.array(accuracies), "rank"), expected)


def test_tiers_that_are_all_perfect_are_equally_likely() -> None:
    np.testing.assert_array_equal(tier_probabilities(np.ones(4), "accuracy"), 0.25)


@pytest.mark.parametrize("accuracies", [[], [0.5, np.nan], [1.5], [-0.1]])
def test_what_is_no_accuracy_is_refused(accuracies: list[float]) -> None:
    with pytest.raises(ValueError, match="accuracies"):
        tier_probabilities(np.array(accuracies), "accuracy")


def test_draws_follow_the_probabilities_among_the_candidates() -> None:
    """Four standard errors of 4,000 draws."""
    odds = TierOdds(np.array([0.5, 0.3, 0.2]), (1, 1, 1))
    rng = np.random.default_rng(0)
    for tiers, expected in {(0, 1, 2): [0.5, 0.3, 0.2], (0, 2): [5 / 7, 0.0, 2 / 7]}.items():
        counts = np.bincount([odds.draw(tiers, rng) for _ in range(4000)], minlength=3)
        spread = 4 * np.sqrt(4000 * np.array(expected) * (1 - np.array(expected)))
        assert (np.abs(counts - 4000 * np.array(expected)) <= spread).all()


def test_a_credit_is_spent_once_and_a_tier_without_is_neither_choosable_nor_drawn() -> None:
    odds = TierOdds.even(2, credits=1)
    spent = odds.spend(1)
    assert (odds.credits, spent.credits) == ((1, 1), (1, 0))
    assert spent.choosable((0, 1)) == (0,)
    assert {spent.draw((0,), np.random.default_rng(seed)) for seed in range(20)} == {0}
    with pytest.raises(ValueError, match="no credit"):
        spent.spend(1)
    with pytest.raises(ValueError, match="with credits"):
        spent.draw((0, 1), np.random.default_rng(0))
