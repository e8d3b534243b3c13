"""DiLoCo (Douillard et al., arXiv 2311.08105): H local steps, one blocking exchange, one outer step.

The outer optimiser is Nesterov's with learning rate 0.7 and momentum 0.9, as in the paper and in public code; the inner
optimiser is the scenario's. The round itself is in `rounds.py`.
"""

from typing import Annotated

from algorithms.cross_region.rounds import Rounds
from algorithms.outer_optimizer.optimizer import OuterOptimizer
from testbed.settings import component

__all__ = ["DiLoCo"]


class DiLoCo(Rounds):
    """DiLoCo: rounds of `sync_every` inner steps, then one blocking exchange and one outer step."""

    kind: str = "diloco"
    outer_optimizer: Annotated[OuterOptimizer, component("outer-optimizer")] = "nesterov"  # type: ignore[assignment]  # how the global model moves
