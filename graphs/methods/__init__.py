"""Methods for federations whose clients hold graphs: who shares which model with whom.

Like all others they are written in the verbs of a federation; the mathematics is next door in `graphs/`, as pure
functions.

Read `fedgcf.py` first: FedGCF, round after round, with its ablations as settings. It is made of `graph_clients.py` (the
graphs of a run's clients), `client_clusters.py` (who is structurally alike), `fusing_server.py` (what the server does
with the models that arrive, without a clock) on `received.py`, `cluster_shares.py` and `node_choice.py`, and `rows.py`
and `fusion_rows.py` (what is recorded of it). Then the baselines: GCFL and GCFL+ split the clients into clusters, IFCA
lets them choose among models, FedStar exchanges what is known of structure; `centralised` has all graphs in one place
and `cfl_oracle` knows the true domains.
"""
