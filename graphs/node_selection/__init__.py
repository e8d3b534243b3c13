"""Node selection: whose models make the common node model of FedGCF.

Read `rule.py` first: what a rule is given, what it returns, and the protocol `NodeSelection`. Then one rule a file:
`similar_paths.py` (the default, on `graphs.client_topology`), `betweenness.py`, `medoid.py`, `random_clients.py` and
`everybody.py`; the last two are controls.
"""

from graphs.node_selection.betweenness import Betweenness
from graphs.node_selection.everybody import Everybody
from graphs.node_selection.medoid import Medoid
from graphs.node_selection.random_clients import RandomClients
from graphs.node_selection.rule import NodeSelection, Selected
from graphs.node_selection.similar_paths import SimilarPaths

__all__ = ["Betweenness", "Everybody", "Medoid", "NodeSelection", "RandomClients", "Selected", "SimilarPaths"]
