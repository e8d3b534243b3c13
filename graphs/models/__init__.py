"""Graph networks, each a part with `build_for_graphs(shape, torch_generator_seed) -> nn.Module`.

Reading order: `shape` (what a model must know of the data), `architecture` (the protocol), `gin` (the network of most
methods).
"""

from graphs.models.architecture import GraphArchitecture
from graphs.models.shape import GraphShape

__all__ = ["GraphArchitecture", "GraphShape"]
