"""The table of names of this package, kind by kind; reading it imports nothing."""

from typing import Final

__all__ = ["PARTS", "PROTOCOLS"]

# What a part of a kind must have, whoever brings it: kind -> module:protocol.
PROTOCOLS: Final[dict[str, str]] = {}

PARTS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "model": {
        "fedstar-gin": (
            "graphs.models.fedstar_gin:FedStarGin",
            "a network of features beside one of structure, the latter exchanged (FedStar 2023)",
        ),
        "gcn": (
            "graphs.models.gcn:Gcn",
            "a graph convolutional network, of nodes or of graphs (Kipf and Welling 2017)",
        ),
        "gin": (
            "graphs.models.gin:Gin",
            "a graph isomorphism network, its convolutions exchanged (Xu et al. 2019; GCFL 2021)",
        ),
    },
}
