"""Federated graph learning: data, partitions, structure, graph networks and the methods that use them.

Empty in this version. The package marks the place and its rule: it may use the worlds and parts of `algorithms`, never
the reverse; cross-client edges are data with an owner and a cost.
"""
