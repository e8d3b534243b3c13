"""CoCoDC (Zhu et al., arXiv 2504.17672): the closed forms of its cost model, five methods on a WAN, steps by delay.

`docs/papers/cocodc.md` has the set-up of each section, every deviation and the figures of a full run.
"""

from testbed.reproductions.cocodc import closed_forms, delays, forms, methods
from testbed.reproductions.outline import Reproduction

__all__ = ["REPRODUCTION"]

REPRODUCTION = Reproduction(
    paper='Zhu et al., "Cross-region Model Training with Communication-Computation Overlapping and Delay '
    'Compensation", arXiv 2504.17672, 2025',
    sections=(closed_forms.SECTION, methods.SECTION, delays.SECTION, forms.SECTION),
)
