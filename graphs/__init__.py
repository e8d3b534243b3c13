"""Federated graph learning: data, partitions, structure, graph networks and the methods that use them.

It may use the worlds and parts of `algorithms`, never the reverse; cross-client edges are data with an owner and a
cost. `docs/graphs.md` is its page, `parts.py` the table of its names. Reading order:

1. `graph_set.py` and `node_set.py`, graphs in flat arrays; `datasets/` reads them, `partition/` and `dealing.py` deal
   them to clients, `heterogeneity.py` says how unequally.
2. `batch.py` and `models/`, the networks, and what of them travels; `graph_data.py` and `graph_dataset.py` are where a
   run meets both.
3. `structure/`, how graphs are built in a few numbers, and `clustering.py`, who is alike; `client_topology.py` and
   `node_selection/`, who learnt alike; `fusion.py` and `fusion_ratio/`, models put together. All of it is pure.
4. `methods/`, from `fedgcf.py` on: when it happens and what it costs. `views/` draws what they recorded.

Baselines have their mathematics beside it: `cluster_split.py` and `time_warping.py` (GCFL, GCFL+), `model_choice.py`
(IFCA).
"""
