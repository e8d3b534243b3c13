"""Outer optimizers: how the mean of what the regions learned moves the global parameters.

Read `optimizer.py` first: the pseudo-gradient (old minus new), the protocol `OuterOptimizer` and the state of one
vector, `OuterState`, which its owner holds. `momentum.py` has `nesterov`, `momentum`, `sgd` and `average`;
`delayed_nesterov.py` the one for a server that is told of one region at a time.
"""

from algorithms.outer_optimizer.delayed_nesterov import DelayedNesterov
from algorithms.outer_optimizer.momentum import Average, HeavyBall, Nesterov, Sgd
from algorithms.outer_optimizer.optimizer import OuterOptimizer, OuterState

__all__ = ["Average", "DelayedNesterov", "HeavyBall", "Nesterov", "OuterOptimizer", "OuterState", "Sgd"]
