"""The table of names of this package, kind by kind; reading it imports nothing."""

from typing import Final

__all__ = ["PARTS", "PROTOCOLS"]

# What a part of a kind must have, whoever brings it: kind -> module:protocol.
PROTOCOLS: Final[dict[str, str]] = {
    "fusion-ratio": "graphs.fusion_ratio.ratio:FusionRatio",
    "node-selection": "graphs.node_selection.rule:NodeSelection",
    "structure": "graphs.structure.vector:StructureVector",
}

PARTS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "fusion-ratio": {
        "bandit": (
            "graphs.fusion_ratio.bandit:Bandit",
            "an upper-confidence bandit a cluster, on validation improvement (FedGCF, 2024, as rebuilt)",
        ),
        "epsilon-greedy": (
            "graphs.fusion_ratio.epsilon_greedy:EpsilonGreedy",
            "the best share so far, now and then another (textbook)",
        ),
        "fixed": ("graphs.fusion_ratio.fixed:Fixed", "the same share always, a control (our choice)"),
    },
    "node-selection": {
        "all": ("graphs.node_selection.everybody:Everybody", "everybody, a control (our choice)"),
        "betweenness": (
            "graphs.node_selection.betweenness:Betweenness",
            "those through whom most paths of similar models lead (our choice)",
        ),
        "medoid": (
            "graphs.node_selection.medoid:Medoid",
            "the client most like all others, its nearest (our choice)",
        ),
        "random": (
            "graphs.node_selection.random_clients:RandomClients",
            "a fraction at random (our choice)",
        ),
        "similar-paths": (
            "graphs.node_selection.similar_paths:SimilarPaths",
            "those on the best paths of similar models across clusters (FedGCF, 2024, as rebuilt)",
        ),
    },
    "structure": {
        "anonymous-walks": (
            "graphs.structure.anonymous_walks:AnonymousWalks",
            "patterns of random walks, sampled (Ivanov and Burnaev, ICML 2018; GCFL, 2021)",
        ),
        "degree": ("graphs.structure.degree:Degree", "histogram of degrees (textbook)"),
        "dse": ("graphs.structure.encodings:Dse", "degrees as one of sixteen (FedStar, 2023)"),
        "graphlet": ("graphs.structure.graphlets:Graphlet", "shares of the subgraphs of 3 and 4 nodes (textbook)"),
        "rwse": ("graphs.structure.encodings:Rwse", "return probabilities of random walks (FedStar, 2023)"),
        "rwse-dse": (
            "graphs.structure.encodings:RwseDse",
            "return probabilities of random walks, and degrees (FedStar, 2023; FedGCF, 2024)",
        ),
        "spectral": (
            "graphs.structure.spectral:Spectral",
            "eigenvalues of the normalised Laplacian, or heat traces (textbook)",
        ),
        "stats": ("graphs.structure.statistics:Stats", "six textbook numbers, z-scored over clients (textbook)"),
    },
}
