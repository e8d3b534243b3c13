"""Graph networks, each a part with `build_for_graphs(shape, torch_generator_seed) -> nn.Module`.

Reading order: `shape` (what a model must know of the data), `architecture` (the protocol), `skeleton` (a head for every
domain around shared convolutions), `gin` (the network of most methods), `gcn` (of nodes, or of graphs), `fedstar_gin`
(structure in a channel of its own). `dropout` is theirs all.
"""

from graphs.models.architecture import GraphArchitecture
from graphs.models.shape import GraphShape

__all__ = ["GraphArchitecture", "GraphShape"]
