"""Rules that deal whole graphs, or the nodes of one graph, by more than labels.

`rule.py` has the two protocols. Graphs: `graph_structure` and `graph_size` (both by `quantile_blocks`), `gcfl`, and
`domains` for several data sets. Nodes: `louvain`. The rules of `testbed.learning.partition`, which see labels alone,
serve graphs of one domain and nodes as well; `graphs.dealing.deal` takes any of them.
"""
