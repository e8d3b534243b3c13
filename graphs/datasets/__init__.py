"""Data sets of graphs, each a part with `read(data_dir)`.

To classify graphs: `digit-graphs` is always there; `tu-dataset` and `graph-collection` (several sets, a domain each)
are read from a data folder. To classify the nodes of one graph: `karate-club` is always there, `planetoid` is read
from a data folder. Nothing is written, and nothing is downloaded unless a scenario says where to.

Reading order: `digit_graphs`; `tu_dataset` with its two file formats, `tu_archive` and `plain_text`, which meet in
`raw_graphs` and `node_features`; `collection`; `karate_club`, `planetoid`.
"""
