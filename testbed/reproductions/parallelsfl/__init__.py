"""ParallelSFL (Liao et al., MobiCom 2024): traffic, time and accuracy against its baselines, and which part earns what.

`docs/papers/parallelsfl.md` has the set-up of each section, every deviation and what is known of the paper.
"""

from testbed.reproductions.outline import Reproduction
from testbed.reproductions.parallelsfl import ablations, methods

__all__ = ["REPRODUCTION"]

REPRODUCTION = Reproduction(
    paper='Liao et al., "ParallelSFL: A Novel Split Federated Learning Framework Tackling Heterogeneity Issues", '
    "MobiCom 2024",
    sections=(*methods.SECTIONS, ablations.SECTION),
)
