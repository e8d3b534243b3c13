"""CoCoDC (Zhu et al., arXiv 2504.17672): overlap with delay compensation and adaptive transmission.

Delay compensation estimates where the fresh global fragment would be after the tau local steps that passed while it
travelled, by a Taylor expansion with the Hessian approximated by lam g g^T (`algorithms/compensation`). Adaptive
transmission chooses which fragment goes next by how much it changed, and how often from what the network carries
(`algorithms/schedules`). The machinery is in `fragment_sync.py`.

The ablations are settings: no compensation (`compensation = "blend"`), no adaptive transmission
(`schedule = "apply-anchored"`), the carry alone (`compensation = "carry"`, lam = 0), the wrong sign.
"""

from typing import Annotated

from algorithms.compensation import Compensation, NormCurvature
from algorithms.cross_region.fragment_sync import FragmentSync
from algorithms.outer_optimizer import Nesterov, OuterOptimizer
from algorithms.schedules import AdaptiveTransmission, Schedule
from testbed.settings import component

__all__ = ["CoCoDC"]


class CoCoDC(FragmentSync):
    """CoCoDC: the fragment that changed most goes next, as often as the network carries, and is carried forward."""

    kind: str = "cocodc"
    outer_optimizer: Annotated[OuterOptimizer, component("outer-optimizer")] = Nesterov(learning_rate=0.4)  # moves G
    schedule: Annotated[Schedule, component("schedule")] = AdaptiveTransmission()  # when which fragment is sent
    compensation: Annotated[Compensation, component("compensation")] = NormCurvature()  # of the delay
