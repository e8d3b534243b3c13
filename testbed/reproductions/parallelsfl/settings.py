"""The settings of the comparisons: how unequal labels and machines are."""

from collections.abc import Mapping
from typing import Any, Final

from testbed.experiments.scenario import Scenario
from testbed.reproductions.outline import Setting

__all__ = ["SETTINGS", "scenario_of"]

# name -> what differs from the shipped scenario. The paper's server has 80 devices and this one 20: `narrow` leaves
# each of them the share of the server's link that 80 would.
SETTINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "heterogeneous": {"data.partition": {"kind": "dirichlet", "alpha": 0.1}},
    "narrow": {
        "data.partition": {"kind": "dirichlet", "alpha": 0.1},
        "links.server_bit_per_s": "1 Mbit/s",
        "run.horizon_s": 600,
        "run.evaluation_interval_s": 10,
    },
    "moderate": {},
    "homogeneous": {
        "data.partition": {"kind": "iid"},
        "devices.slowdown": "none",
        "links.slowest_bit_per_s": "1.65 Mbit/s",
        "links.fastest_bit_per_s": "1.65 Mbit/s",
    },
}
_QUICK: Final[Mapping[str, Any]] = {
    "devices.count": 6,
    "model": {"kind": "mlp", "hidden": [16]},
    "cut": 3,
    "training.batch_size": 4,
    "run.horizon_s": 6.0,
    "run.evaluation_interval_s": 1.0,
    "devices.profile.flop_per_s": "10 MFLOP/s",
    "algorithm.parallelsfl.bottom_rate_bit_per_s": "0.1 Mbit/s",
}


def scenario_of(name: str, setting: Setting) -> Scenario:
    """Return the shipped scenario in one of `SETTINGS`; of a quick reproduction a tiny one."""
    scenario = Scenario.load("parallelsfl")
    for key, value in {**SETTINGS[name], **(_QUICK if setting.quick else {})}.items():
        scenario = scenario.set(key, value)
    return scenario
