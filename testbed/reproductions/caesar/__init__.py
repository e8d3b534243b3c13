"""Caesar (Yan et al., arXiv 2412.19989): traffic to one accuracy, waiting, recovery, and which part earns what.

`docs/papers/caesar.md` has the set-up of each section, every deviation and the figures of a full run.
"""

from testbed.reproductions.caesar import ablations, harder, methods, recovery, waiting
from testbed.reproductions.outline import Reproduction

__all__ = ["REPRODUCTION"]

REPRODUCTION = Reproduction(
    paper='Yan et al., "Caesar: A Low-deviation Compression Approach for Efficient Federated Learning", '
    "arXiv 2412.19989, 2024",
    sections=(
        methods.SECTION,
        harder.SECTION,
        waiting.SECTION,
        recovery.SECTION,
        ablations.SECTION,
        ablations.HARDER_SECTION,
    ),
)
