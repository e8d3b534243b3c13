"""AirWAN: a wireless and network emulation testbed for distributed learning.

    from testbed import Scenario
    result = Scenario.load("air-fedga").run(seed=0)

Reading order: `simulation.py` (the clock), `streams.py` (the luck), `records.py` (the rows), then `channels`,
`algorithms/over_the_air/air_fedga.py` and `experiments/scenario.py`. Importing this package is light; what needs torch
is imported when first asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from testbed.experiments.result import RunResult
    from testbed.experiments.scenario import Scenario
    from testbed.learning.datasets.dataset import Dataset

__all__ = ["Dataset", "RunResult", "Scenario"]

_HOMES = {
    "Dataset": "testbed.learning.datasets.dataset",
    "RunResult": "testbed.experiments.result",
    "Scenario": "testbed.experiments.scenario",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'testbed' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
