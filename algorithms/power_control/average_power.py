"""Average power caps: how far amplitudes must fall so that their energy, summed over states, fits.

Minimising a sum of squares over states k (fades, or rounds) of one member, under a cap on each state's amplitude and
on the sum of their energies, gives amplitudes

    G_k = min(p_k / (u_k + lambda), cap_k)    sum_k G_k^2 <= budget    lambda >= 0, zero if the budget is slack
"""

import numpy as np

from testbed.layout import FloatArray

__all__ = ["amplitudes", "multipliers"]

_MAX_STEPS = 200
_TOLERANCE = 1e-13


def amplitudes(
    numerators: FloatArray, denominators: FloatArray, caps: FloatArray, multiplier: FloatArray
) -> FloatArray:
    """Return min(p / (u + lambda), cap), (num_members, num_states), for one `multiplier : (num_members,)` a member.

    >>> amplitudes(np.array([[2.0, 9.0]]), np.array([[1.0, 1.0]]), np.array([[3.0, 3.0]]), np.array([1.0])).tolist()
    [[1.0, 3.0]]
    """
    return np.asarray(np.minimum(numerators / (denominators + multiplier[:, None]), caps))


def multipliers(numerators: FloatArray, denominators: FloatArray, caps: FloatArray, budgets: FloatArray) -> FloatArray:
    """Return the least lambda >= 0 with which each member keeps its budget, (num_members,).

    Newton's method on 1 / sqrt(spent), which is nearly linear in lambda, kept inside a shrinking bracket.

    Parameters
    ----------
    numerators, denominators, caps : (num_members, num_states) p > 0, u > 0, cap > 0.
    budgets : (num_members,) > 0.

    Raises
    ------
    RuntimeError : it did not settle.

    >>> multipliers(np.array([[6.0]]), np.array([[1.0]]), np.array([[9.0]]), np.array([4.0])).tolist()
    [2.0]
    """
    low = np.zeros(len(budgets))
    high = np.sqrt(np.sum(numerators**2, axis=1) / budgets)  # there p / lambda alone would fit
    guess = low
    for _ in range(_MAX_STEPS):
        wide = denominators + guess[:, None]
        free = numerators / wide
        spent = np.sum(np.minimum(free, caps) ** 2, axis=1)
        # A slack budget needs no multiplier: its guess is zero and stays there.
        fits = spent <= budgets * (1.0 + _TOLERANCE)
        high, low = np.where(fits, np.minimum(guess, high), high), np.where(fits, low, guess)
        slope = np.sum(np.where(free < caps, free, 0.0) ** 2 / wide, axis=1)
        step = np.zeros(len(budgets))
        np.divide(spent * (np.sqrt(spent / budgets) - 1.0), slope, out=step, where=slope > 0)
        newton = guess + step
        inside = (slope > 0) & (newton > low) & (newton < high)
        following = np.where(inside, newton, 0.5 * (low + high))
        settled = fits & ((guess == 0.0) | (spent >= budgets * (1.0 - _TOLERANCE)) | (high - low <= _TOLERANCE * high))
        if settled.all():
            return guess
        guess = np.where(settled, guess, following)
    raise RuntimeError(f"the multipliers of average power caps did not settle within {_MAX_STEPS} steps: {guess}")
