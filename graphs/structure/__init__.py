"""Structure: how the edges of a client's graphs are told in one vector of a few numbers, and how far such vectors are.

Read `vector.py` first: the protocol `StructureVector` and what all kinds share. Then `disjoint_union.py`, the form in
which many graphs are walked at once, and one measure a file: `encodings.py` (`rwse-dse`, the default, on
`return_probabilities.py`), `degree.py`, `spectral.py`, `graphlets.py` on `graphlet_counts.py`, `anonymous_walks.py` and
`statistics.py`. `distances.py` compares vectors, `principal_component.py` orders graphs by them;
`attribute_agreement.py` compares features instead of edges.

Edges are read without direction, each once; an edge of a node to itself is left out.
"""

from graphs.structure.anonymous_walks import AnonymousWalks
from graphs.structure.attribute_agreement import AgreementDifference, agreement_difference, attribute_agreement
from graphs.structure.degree import Degree
from graphs.structure.encodings import Dse, Rwse, RwseDse
from graphs.structure.graphlets import Graphlet
from graphs.structure.spectral import Spectral
from graphs.structure.statistics import Stats
from graphs.structure.vector import StructureVector

__all__ = [
    "AgreementDifference",
    "AnonymousWalks",
    "Degree",
    "Dse",
    "Graphlet",
    "Rwse",
    "RwseDse",
    "Spectral",
    "Stats",
    "StructureVector",
    "agreement_difference",
    "attribute_agreement",
]
