"""Air-FedGA (Ma et al., IPDPS 2025): Table III, the sweeps of xi and of N, the aggregation error, the main result.

`docs/papers/air-fedga.md` has the set-up of each section, every deviation and the figures of a full run.
"""

from testbed.reproductions.air_fedga import errors, groups, main_result, scalability, similarity
from testbed.reproductions.outline import Reproduction

__all__ = ["REPRODUCTION"]

REPRODUCTION = Reproduction(
    paper='Ma et al., "Air-FedGA: A Grouping Asynchronous Federated Learning Mechanism Exploiting Over-The-Air '
    'Computation", IPDPS 2025',
    sections=(groups.SECTION, similarity.SECTION, scalability.SECTION, errors.SECTION, main_result.SECTION),
)
