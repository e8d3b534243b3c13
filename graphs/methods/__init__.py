"""The methods of federated graph learning; like all others they are written in the verbs of a federation.

GCFL and GCFL+ split the clients into clusters, IFCA lets them choose among models, FedStar exchanges what is known of
structure, and `centralised` has all graphs in one place. The mathematics is next door in `graphs/`, as pure functions.
"""
