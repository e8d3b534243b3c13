"""All-reduces: who sends what to whom, in which steps.

`plan` has the shape of an answer; `ring` (its order in `ring_order`), `tree`, `star` and `hierarchical` give it. A
collective knows nothing of the clock: `channels.wan.network` plays its plan.
"""

__all__ = ["hierarchical", "plan", "ring", "ring_order", "star", "tree"]
