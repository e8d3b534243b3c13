"""The table of names of this package, kind by kind; reading it imports nothing."""

from typing import Final

__all__ = ["PARTS", "PROTOCOLS"]

# What a part of a kind must have, whoever brings it: kind -> module:protocol.
PROTOCOLS: Final[dict[str, str]] = {}

PARTS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "dataset": {
        "digit-graphs": (
            "graphs.datasets.digit_graphs:DigitGraphs",
            "1797 handwritten digits as graphs of their bright pixels, 10 classes, always available (scikit-learn)",
        ),
        "graph-collection": (
            "graphs.datasets.collection:GraphCollection",
            "several sets of graphs, each with features and classes of its own (Xie et al. 2021)",
        ),
        "tu-dataset": (
            "graphs.datasets.tu_dataset:TuDataset",
            "one set of labelled graphs from the data folder, such as PROTEINS (Morris et al. 2020)",
        ),
    },
    "model": {
        "gin": (
            "graphs.models.gin:Gin",
            "a graph isomorphism network, its convolutions exchanged (Xu et al. 2019; GCFL 2021)",
        ),
    },
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
