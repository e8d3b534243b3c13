import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.power_control.average_power import amplitudes, multipliers


def states(seed: int, tight: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return numerators, denominators, caps and budgets; `tight` is the budget over what the caps alone would spend."""
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 6)), int(rng.integers(1, 30)))
    p, u, caps = np.exp(2.0 * rng.normal(size=(3, *shape)))
    return p, u, caps, tight * np.sum(np.minimum(p / u, caps) ** 2, axis=1)


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 0.999))
def test_a_tight_budget_is_spent_exactly(seed: int, tight: float) -> None:
    p, u, caps, budgets = states(seed, tight)
    multiplier = multipliers(p, u, caps, budgets)
    assert np.all(multiplier > 0)
    np.testing.assert_allclose(np.sum(amplitudes(p, u, caps, multiplier) ** 2, axis=1), budgets, rtol=1e-11)


@given(st.integers(0, 2**32 - 1), st.floats(1.0, 10.0))
def test_a_slack_budget_costs_nothing(seed: int, slack: float) -> None:
    p, u, caps, budgets = states(seed, slack)
    assert not multipliers(p, u, caps, budgets).any()


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.9))
def test_a_larger_budget_has_a_smaller_price(seed: int, tight: float) -> None:
    p, u, caps, budgets = states(seed, tight)
    assert np.all(multipliers(p, u, caps, 1.05 * budgets) < multipliers(p, u, caps, budgets))


def test_without_caps_and_in_one_state_the_price_is_a_quotient() -> None:
    # p / (u + lambda) = sqrt(budget): lambda = p / sqrt(budget) - u.
    rng = np.random.default_rng(0)
    p, u, budgets = 10.0 + rng.uniform(size=5), rng.uniform(size=5), rng.uniform(size=5)
    found = multipliers(p[:, None], u[:, None], np.full((5, 1), 1e9), budgets)
    np.testing.assert_allclose(found, p / np.sqrt(budgets) - u, rtol=1e-9)


def test_a_number_that_is_none_is_refused() -> None:
    one = np.ones((1, 1))
    with pytest.raises(RuntimeError, match="did not settle"):
        multipliers(one, one, one, np.array([np.nan]))
