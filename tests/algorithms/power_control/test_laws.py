"""The laws for authors find what is wrong with a rule, and nothing where nothing is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from algorithms.power_control import ChannelState, Plan, SignalStatistics, ZeroForcingInversion, check_power_control


class Wrong:
    """Zero forcing with something wrong in what it returns."""

    requires_payload = None
    plans = "round"
    signal_model = "any"

    def __init__(self, spoil: Callable[..., Plan]) -> None:
        self.spoil = spoil

    def plan(self, channel: ChannelState, statistics: SignalStatistics, weights: np.ndarray) -> Plan:
        return self.spoil(ZeroForcingInversion().plan(channel, statistics, weights), weights)


def set_one(array: np.ndarray, value: Any) -> np.ndarray:
    return np.concatenate([[value], array[1:]]).astype(array.dtype)


LUCK = np.random.default_rng(0)


def spoil_weights(plan: Plan, weights: np.ndarray) -> Plan:
    weights *= 0.5
    return plan


WRONG: dict[str, tuple[str, Callable[..., Plan]]] = {
    "one gain too many": ("gains and active must be", lambda p, w: replace(p, gains=np.append(p.gains, 0.0))),
    "a mask of numbers": ("gains and active must be", lambda p, w: replace(p, active=np.ones(len(w)))),
    "nobody": ("false for everybody", lambda p, w: replace(p, active=np.zeros(len(w), dtype=bool))),
    "negative": ("gains must be at least 0", lambda p, w: replace(p, gains=set_one(p.gains, -1.0))),
    "not a number": ("gains must be at least 0", lambda p, w: replace(p, gains=set_one(p.gains, np.nan))),
    "loud silence": (
        "sends nothing",
        lambda p, w: replace(p, active=set_one(p.active, len(w) == 1), gains=set_one(p.gains, 1e-9)),
    ),
    "infinite scale": ("receive_scale must be", lambda p, w: replace(p, receive_scale=np.inf)),
    "negative error": ("predicted_squared_error must be", lambda p, w: replace(p, predicted_squared_error=-1.0)),
    "too loud": ("over its budget of", lambda p, w: replace(p, gains=p.gains * (1 + 1e-6))),
    "luck": ("planned differently", lambda p, w: replace(p, receive_scale=float(LUCK.random()))),
    "greed": ("changed its arguments", spoil_weights),
}


@pytest.mark.parametrize(("message", "spoil"), WRONG.values(), ids=WRONG)
def test_a_rule_that_breaks_a_law_is_refused_with_the_law_and_the_draw(
    message: str, spoil: Callable[..., Plan]
) -> None:
    with pytest.raises(ValueError, match=rf"^Wrong, draw \d+ of seed 3: .*{message}"):
        check_power_control(Wrong(spoil), seed=3)


def test_a_rule_that_breaks_none_passes() -> None:
    check_power_control(Wrong(lambda plan, weights: plan))


def test_a_rule_of_which_nothing_is_asked_is_not_planned() -> None:
    def never(plan: Plan, weights: np.ndarray) -> Plan:
        raise AssertionError("planned")

    check_power_control(Wrong(never), num_draws=0)
