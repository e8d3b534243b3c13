"""Example settings of the registered parts, from which the contract suites build every one of them.

A part without required settings is built from its name alone. Any other part fails its contracts, once it is
registered, until it has an example here; a second example is worth it where a setting leads another way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import ValidationError

from testbed import catalogue
from testbed.settings import component

__all__ = ["EXAMPLES", "Example", "examples"]

RADIO: dict[str, Any] = {"bandwidth_hz": "1 kHz", "power_w": 2, "noise_psd_w_per_hz": 1e-3}

# kind -> name -> tables, as they would stand in a scenario.
EXAMPLES: dict[str, dict[str, list[dict[str, Any]]]] = {
    "algorithm": {
        "air-fedavg": [{}, {"payload": "delta", "deadline_s": "2 min"}],
        "air-fedga": [{}, {"payload": "delta", "grouping": {"kind": "tier", "num_groups": 3}}],
        "fedavg": [{}, {"deadline_s": 60}],
    },
    "availability": {
        "bernoulli-blocks": [
            {"probability": 0.6, "block_s": 10},
            {"probability": 0, "block_s": 10},
            {"probability": 1, "block_s": 10},
        ],
    },
    "dataset": {
        "fashion-mnist": [{"num_train": 500, "num_test": 100}],
        "mnist": [{"num_train": 500, "num_test": 100}],
    },
    "device": {
        "custom": [
            {
                "flop_per_s": "1 GFLOP/s",
                "memory_bytes": "2 GB",
                "memory_bandwidth_bytes_per_s": "10 GB/s",
                "idle_w": 0.5,
                "compute_w": 2.5,
                "transmit_w": 1,
            }
        ],
    },
    "downlink": {"broadcast": [RADIO], "unicast": [RADIO]},
    "grouping": {
        "greedy-paper": [{}, {"xi": 0}, {"xi": 1, "planning": {"target_gap": 0.05}}],
        "greedy-refined": [{}, {"xi": 0}, {"xi": 1, "planning": {"target_gap": 0.05}}],
        "tier": [{"num_groups": 1}, {"num_groups": 3}],
    },
    "model": {"mlp": [{"hidden": [16]}, {"hidden": [17, 9]}]},
    "noise": {"per-symbol": [{"energy_j_per_use": "2 mJ"}], "total": [{"energy_j": 1}, {"energy_j": 0}]},
    "partition": {
        "dirichlet": [{"alpha": 0.3}, {"alpha": 5, "min_samples": 4}],
        "pathological": [{"classes_per_client": 1}, {"classes_per_client": 3}],
    },
    "path-loss": {"power-law": [{"gain_db_at_1_m": -40, "exponent": 4, "side_m": "50 m"}]},
    "power-control": {
        "air-fedavg-horizon": [{"fallback": "per-round"}, {"decay": 1, "average_fraction": 1}],
        "air-fedga": [{}, {"solver": "alternating"}, {"solver": "alternating", "start": "sigma-max/1000"}],
        "cotaf": [{}, {"min_amplitude": 0.5}],
        "regularized-inversion": [{}, {"average_fraction": 1, "power_gains": [1]}],
        "truncated-inversion": [{"power_gain_threshold": 0.1}, {"power_gain_threshold": 0}],
    },
    "slowdown": {"pareto": [{"shape": 1.2, "cap": 30}], "uniform": [{"low": 1, "high": 10}]},
}


@dataclass(frozen=True)
class Example:
    """One way to configure a registered part."""

    kind: str
    name: str
    settings: Mapping[str, Any]

    def build(self) -> Any:
        """Return the part as a scenario's table would make it."""
        try:
            return component(self.kind).read({"kind": self.name, **self.settings})
        except ValidationError as error:
            missing = [str(item["loc"][0]) for item in error.errors() if item["type"] == "missing"]
            if not missing:
                raise
        return pytest.fail(
            f"the {self.kind} {self.name!r} cannot be made without {', '.join(missing)}: give it an example in "
            "tests/examples.py, so that its contracts can be tested"
        )

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value}' for key, value in self.settings.items())})"


def examples(kind: str) -> list[Example]:
    """Return at least one example of every part of a kind that is registered, whoever brought it."""
    given = EXAMPLES.get(kind, {})
    return [Example(kind, name, table) for name in catalogue.entries(kind) for table in given.get(name, [{}])]
