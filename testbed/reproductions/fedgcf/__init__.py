"""FedGCF (Gao et al., arXiv 2412.18845): domains by structure, all methods on three settings, which part earns what.

`docs/papers/fedgcf.md` has the set-up of each section, every deviation and the figures of a full run.
"""

from testbed.reproductions.fedgcf import ablations, domains, gcfl, methods
from testbed.reproductions.outline import Reproduction

__all__ = ["REPRODUCTION"]

REPRODUCTION = Reproduction(
    paper='Gao et al., "Federated Graph Learning with Adaptive Fusion of Structural and Node Characteristics", '
    "arXiv 2412.18845, 2024",
    sections=(domains.SECTION, *methods.SECTIONS, ablations.SECTION, gcfl.SECTION),
)
