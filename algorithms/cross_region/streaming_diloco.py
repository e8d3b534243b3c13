"""Streaming DiLoCo (Douillard et al., arXiv 2501.18512): fragments in turn, overlapped with training, then blended.

    th^m_p <- alpha th^m_p + (1 - alpha) G_p      at the step t_p + tau

Its own study: H = 100, tau = 1 by default and usable to about 10 with alpha = 0.5, outer learning rate 0.4. The
machinery is in `fragment_sync.py`.
"""

from typing import Annotated

from algorithms.compensation import Blend, Compensation
from algorithms.cross_region.fragment_sync import FragmentSync
from algorithms.outer_optimizer import Nesterov, OuterOptimizer
from algorithms.schedules import ApplyAnchored, Schedule
from testbed.settings import component

__all__ = ["StreamingDiLoCo"]


class StreamingDiLoCo(FragmentSync):
    """Streaming DiLoCo: each fragment has its turn once in `sync_every` steps and is blended with the local one."""

    kind: str = "streaming-diloco"
    outer_optimizer: Annotated[OuterOptimizer, component("outer-optimizer")] = Nesterov(learning_rate=0.4)  # moves G
    schedule: Annotated[Schedule, component("schedule")] = ApplyAnchored()  # when which fragment is sent
    compensation: Annotated[Compensation, component("compensation")] = Blend(alpha=0.5)  # of the delay
