"""The tables that methods for graphs add to the records of a run."""

from testbed.records import Schema

__all__ = ["CLIENT_CLUSTER", "CLIENT_SIMILARITY", "FUSION", "NODE_CLIENT", "NODE_PATH", "STRUCTURE_DISTANCE"]

CLIENT_CLUSTER = Schema.of(
    "client_cluster",
    "The clusters of clients, formed before training.",
    client=("int", "client = device id"),
    cluster=("int", "its cluster c(i), from 0"),
    domain=("str", "data set that its graphs are from"),
    num_graphs=("int", "its training graphs n_i"),
    described=("bool", "whether the server had its structural vector"),
    silhouette=("float", "of the clustering, -1 to 1; NaN where it has none"),
)

STRUCTURE_DISTANCE = Schema.of(
    "structure_distance",
    "How far the structural vectors of two clients are apart, for those that the server had.",
    first=("int", "client = device id, the smaller"),
    second=("int", "client = device id, the larger"),
    distance=("float", "by the measure of the structure part"),
)

FUSION = Schema.of(
    "fusion",
    "One row per version and cluster: what went into the model that its clients go on with.",
    version=("int", "number t of the version"),
    cluster=("int", "cluster c"),
    share=("float", "beta_c, of the structural model"),
    accuracy=("float", "mean validation accuracy in the cluster of the model before, weighted by graphs; NaN: of none"),
    num_active=("int", "members whose model arrived"),
    overlap=("int", "of those, in the node model: |S_node and C_c|"),
)

NODE_CLIENT = Schema.of(
    "node_client",
    "One row per version and client whose model is in the common node model.",
    version=("int", "number t of the version"),
    client=("int", "client = device id"),
    weight=("float", "share of its model in the node model"),
)

NODE_PATH = Schema.of(
    "node_path",
    "One row per client on a path by which the clients of the node model were chosen.",
    version=("int", "number t of the version"),
    path=("int", "number of the path, the best is 0"),
    place=("int", "place of the client on the path, from 0"),
    client=("int", "client = device id"),
    score=("float", "geometric mean of the similarities along the path, 0 to 1"),
)

CLIENT_SIMILARITY = Schema.of(
    "client_similarity",
    "How alike two clients' models were, for versions 1, 2, 4, 8 and so on.",
    version=("int", "number t of the version"),
    first=("int", "client = device id, the smaller"),
    second=("int", "client = device id, the larger"),
    similarity=("float", "q = (1 + cosine) / 2, 0 to 1"),
    is_edge=("bool", "whether the topology has this edge"),
)
