"""The table of names of this package, kind by kind; reading it imports nothing."""

from typing import Final

__all__ = ["PARTS", "PROTOCOLS"]

# What a part of a kind must have, whoever brings it: kind -> module:protocol.
PROTOCOLS: Final[dict[str, str]] = {}

PARTS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "partition": {
        "domains": (
            "graphs.partition.domains:DomainsPartition",
            "several sets of graphs, each for clients of its own (Xie et al. 2021)",
        ),
        "gcfl": (
            "graphs.partition.gcfl:GcflPartition",
            "graphs: a stretch of the file for everybody, the rest at random (Xie et al. 2021)",
        ),
        "graph-size": (
            "graphs.partition.graph_size:GraphSizePartition",
            "graphs sorted by nodes, a block for everybody, a share exchanged (our choice)",
        ),
        "graph-structure": (
            "graphs.partition.graph_structure:GraphStructurePartition",
            "graphs sorted by density, a block for everybody, a share exchanged (our choice)",
        ),
        "louvain": (
            "graphs.partition.louvain:LouvainPartition",
            "nodes of one graph by Louvain communities, merged for clients (Zhang et al. 2021)",
        ),
    },
}
