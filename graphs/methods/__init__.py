"""Methods for federations whose clients hold graphs: who shares which model with whom.

Read `fedgcf.py` first: FedGCF, round after round, with its ablations as settings. It is made of `graph_clients.py` (the
graphs of a run's clients), `client_clusters.py` (who is structurally alike), `fusing_server.py` (what the server does
with the models that arrive, without a clock) on `received.py`, `cluster_shares.py` and `node_choice.py`, and `rows.py`
and `fusion_rows.py` (what is recorded of it). Then `cfl_oracle.py`, the bound for every method that clusters clients.
"""

from graphs.methods.cfl_oracle import CflOracle
from graphs.methods.fedgcf import FedGCF

__all__ = ["CflOracle", "FedGCF"]
