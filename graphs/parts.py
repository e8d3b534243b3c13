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
    "algorithm": {
        "cfl-oracle": (
            "graphs.methods.cfl_oracle:CflOracle",
            "fedavg within each data set, by one who knows them; a bound (clustered FL, Sattler et al. 2021)",
        ),
        "fedgcf": (
            "graphs.methods.fedgcf:FedGCF",
            "structural models of clusters and a node model, fused by a bandit (FedGCF, 2024, as rebuilt)",
        ),
        "centralised": (
            "graphs.methods.centralised:Centralised",
            "all samples in one place, an upper bound where there is one domain (textbook)",
        ),
        "fedstar": (
            "graphs.methods.fedstar:Fedstar",
            "FedAvg of what clients know of structure, features stay at home (Tan et al. 2023)",
        ),
        "gcfl": (
            "graphs.methods.gcfl:Gcfl",
            "averaging within clusters, split when updates pull apart (Xie et al. 2021)",
        ),
        "gcfl-plus": (
            "graphs.methods.gcfl_plus:GcflPlus",
            "GCFL whose clusters are cut by sequences of gradient norms (Xie et al. 2021)",
        ),
        "ifca": (
            "graphs.methods.ifca:Ifca",
            "several models go round, each client trains the one that fits it best (Ghosh et al. 2020)",
        ),
    },
    "dataset": {
        "digit-graphs": (
            "graphs.datasets.digit_graphs:DigitGraphs",
            "1797 digits as graphs of their bright pixels, 10 classes, always available (scikit-learn)",
        ),
        "graph-collection": (
            "graphs.datasets.collection:GraphCollection",
            "several sets of graphs, each with features and classes of its own (Xie et al. 2021)",
        ),
        "karate-club": (
            "graphs.datasets.karate_club:KarateClub",
            "one graph: 34 members of a club that split in two, always available (Zachary 1977)",
        ),
        "planetoid": (
            "graphs.datasets.planetoid:Planetoid",
            "one graph: papers of Cora or Citeseer from the data folder, by topic (Yang et al. 2016)",
        ),
        "tu-dataset": (
            "graphs.datasets.tu_dataset:TuDataset",
            "one set of labelled graphs from the data folder, such as PROTEINS (Morris et al. 2020)",
        ),
    },
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
