"""Local SGD, or FedAvg between regions (Stich, ICLR 2019; McMahan et al., AISTATS 2017): average every H steps.

It is DiLoCo with an outer optimiser of learning rate 1 and no momentum: G <- mean_m th^m.
"""

from typing import Annotated

from algorithms.cross_region.rounds import Rounds
from algorithms.outer_optimizer.optimizer import OuterOptimizer
from testbed.settings import component

__all__ = ["LocalSGD"]


class LocalSGD(Rounds):
    """Local SGD: rounds of `sync_every` inner steps, then the replicas are averaged."""

    kind: str = "local-sgd"
    outer_optimizer: Annotated[OuterOptimizer, component("outer-optimizer")] = "average"  # type: ignore[assignment]  # how the global model moves
