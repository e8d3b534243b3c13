from typing import Any

import numpy as np
import pytest

from algorithms.power_control import (
    AirFedgaPowerControl,
    ChannelState,
    SignalStatistics,
    ZeroForcingInversion,
)
from algorithms.power_control.plan import check_transmission

RIGHT: dict[str, Any] = {
    "amplitudes": np.array([1.0, 2.0]),
    "energy_budgets_j": np.array([10.0, 10.0]),
    "noise_energy_j": 1.0,
    "norms": np.array([1.0, 0.0]),
    "weights": np.array([0.25, 0.75]),
}


def check(**changes: Any) -> None:
    values = {**RIGHT, **changes}
    channel = ChannelState(values["amplitudes"], values["energy_budgets_j"], values["noise_energy_j"])
    check_transmission(channel, SignalStatistics(values["norms"], 1.0, 0.0, 4), values["weights"])


def test_statistics_are_the_euclidean_norms_and_their_maximum_in_double_precision() -> None:
    # In single precision 1 + 2^-24 is 1: the small entry would be lost.
    statistics = SignalStatistics.of(np.array([[3.0, 4.0, 0.0], [1.0, 2.0**-12, 0.0]], dtype=np.float32))
    assert statistics.norms.tolist() == [5.0, np.sqrt(1 + 2.0**-24)]
    assert statistics.bound == 5.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": np.array([0.25, 0.7])}, "sum to 1"),
        ({"weights": np.array([1.25, -0.25])}, "weights must be positive"),
        ({"weights": np.array([0.0, 1.0])}, "weights must be positive"),
        ({"weights": np.array([])}, "shape"),
        ({"amplitudes": np.array([1.0, 0.0])}, "amplitudes must be positive"),
        ({"amplitudes": np.array([1.0])}, "shape"),
        ({"energy_budgets_j": np.array([1.0, np.inf])}, "energy_budgets_j must be positive and finite"),
        ({"norms": np.array([1.0, np.nan])}, "norms must be finite"),
        ({"noise_energy_j": -1.0}, "noise_energy_j must be at least 0"),
    ],
)
def test_a_transmission_without_a_plan_is_refused(changes: dict[str, Any], message: str) -> None:
    check()
    with pytest.raises(ValueError, match=message):
        check(**changes)


@pytest.mark.parametrize("rule", [AirFedgaPowerControl(), ZeroForcingInversion()])
def test_every_rule_refuses_weights_that_do_not_sum_to_one(rule: Any) -> None:
    channel = ChannelState(RIGHT["amplitudes"], RIGHT["energy_budgets_j"], 1.0)
    with pytest.raises(ValueError, match="sum to 1"):
        rule.plan(channel, SignalStatistics.of(np.eye(2)), np.array([0.5, 0.6]))
