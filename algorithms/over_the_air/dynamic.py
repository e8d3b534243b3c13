"""Dynamic: each round asks the few clients that are worth the energy they would need; the others stay idle.

Sun, Zhou, Niu and Gunduz, "Dynamic scheduling for over-the-air federated edge learning with energy constraints", IEEE
JSAC 2022, as a baseline of Air-FedGA (Ma et al., IPDPS 2025, section V): synchronous aggregation over the air by a
dynamically chosen subset S_t that alone trains, weights d_i / D_S, the estimate replaces the model. The round itself is
in `synchronous.py`, the schedule with its virtual energy queues in `selection/energy_aware.py`.

Deviations, our choice: the rule is the buildable form of the paper's schedule, which predicts energies from the last
known norms; power control and payload are those of Air-FedAvg, so that a comparison isolates whom a round asks.

The laws are tested in `tests/algorithms/over_the_air/test_dynamic.py`.
"""

from typing import Annotated

from algorithms.over_the_air.synchronous import SynchronousRounds
from algorithms.selection.context import Selection
from testbed.settings import component

__all__ = ["Dynamic"]


class Dynamic(SynchronousRounds):
    """Energy-aware scheduling of synchronous rounds over the air."""

    kind: str = "dynamic"
    selection: Annotated[Selection, component("selection")] = "energy-aware"  # type: ignore[assignment]  # whom a round asks
