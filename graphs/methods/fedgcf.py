"""FedGCF: every client goes on with a fusion of its cluster's structural model and a common node model.

Gao, Liu, Xu, Wang and Huang, arXiv 2412.18845 (2024), of which only the abstract and third parties' summaries could be
read; what they leave open is our choice, part by part:

    s_i                                structural vector, uploaded once; k-means makes the clusters C_c
    W_struct^c = sum n_i W_i / sum n_i over C_c          W_node = the same over S_node
    W_c        = beta_c W_struct^c + (1 - beta_c) W_node

Each round every client that is asked (all, or a `selection`) measures the model it received on its validation graphs,
trains it and uploads it once, with n_i and the accuracy (8 bytes); only what the model exchanges travels. The server
chooses S_node and beta_c (`fusing_server.py`) and fuses (`fuse = "server"`), or sends both models and beta_c (4 bytes)
and the client fuses.

No decision that takes time depends on trained values: all uploads are equally long, and so are all models sent down.
"""

import math
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import PositiveInt, model_validator

from algorithms.grouping.single import SingleGroup
from algorithms.selection.context import Selection
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.round import Base, RoundTurn
from algorithms.worlds.scheduler import Scheduler
from graphs.clustering import Clustering
from graphs.fusion_ratio import Fixed, FusionRatio
from graphs.methods.client_clusters import cluster_by_structure, shuffled
from graphs.methods.cluster_shares import ClusterShares, RatioPer
from graphs.methods.fusing_server import FusingServer
from graphs.methods.fusion_rows import FusionRows, record_clusters
from graphs.methods.graph_clients import GraphClients, graph_clients
from graphs.methods.node_choice import NodeChoice, Similarity
from graphs.methods.received import Received
from graphs.node_selection import NodeSelection
from graphs.structure import StructureVector
from testbed.errors import RequestError
from testbed.layout import FloatArray
from testbed.settings import FlopPerSecond, Part, component
from testbed.simulation import Process
from testbed.streams import Purpose

__all__ = ["FedGCF"]

FLOAT32_BITS = 32
UPLOAD_EXTRA_BITS = 64.0  # n_i and the accuracy


class FedGCF(Part):
    """Structural models of clusters and a common node model, fused for each cluster."""

    reads_trained_values: ClassVar[bool] = False
    has_own_models: ClassVar[bool] = True  # so each client must be tested on samples of its own

    kind: str = "fedgcf"
    structure: Annotated[StructureVector, component("structure")] = "rwse-dse"  # type: ignore[assignment]  # what a client tells of its graphs
    clustering: Literal["structure", "random", "domains"] = "structure"  # whom clusters are made of; two are controls
    num_clusters: PositiveInt | Literal["auto"] = "auto"  # k; auto: as many as the silhouette shows
    node_selection: Annotated[NodeSelection, component("node-selection")] = "similar-paths"  # type: ignore[assignment]  # whose models make the node model
    node_every: PositiveInt = 1  # rounds from one choice of these clients to the next
    similarity: Similarity = "updates"  # of what clients learnt: new minus received, or the models themselves
    fusion_ratio: Annotated[FusionRatio, component("fusion-ratio")] = "bandit"  # type: ignore[assignment]  # what share the structural model has
    ratio_per: RatioPer = "cluster"  # whether every cluster has a share of its own, or all have one
    fuse: Literal["server", "client"] = "server"  # who fuses; a client needs two models sent down
    selection: Annotated[Selection, component("selection")] = "all"  # type: ignore[assignment]  # whom a round asks
    access: Literal["tdma", "ofdma"] = "ofdma"  # uploads one after another, or side by side in equal shares of the band
    server_flop_per_s: FlopPerSecond | None = None  # speed of the server [FLOP/s]; None: its work takes no time

    @model_validator(mode="after")
    def _check_clusters(self) -> Self:
        if self.clustering == "domains" and self.num_clusters != "auto":
            raise ValueError(f"num_clusters = {self.num_clusters}: with clustering = 'domains' there is one per domain")
        return self

    def start(self, fed: Federation) -> None:
        """Put all clients in one group, cluster them and serve it."""
        clients = graph_clients(fed.workload, self.kind)
        if self.num_clusters != "auto" and self.num_clusters > len(clients):
            raise RequestError(f"num_clusters = {self.num_clusters}: {len(clients)} clients make at most as many")
        if not self._validates(fed) and not isinstance(self.fusion_ratio, Fixed):
            reason = "learns from validation accuracy, and some client has no graphs to validate with"
            advice = "choose a larger data.client_split.validation, or fixed"
            raise RequestError(f"fusion_ratio = {getattr(self.fusion_ratio, 'kind', '')!r}: it {reason}; {advice}")
        for group in fed.form_groups(SingleGroup()):
            fed.simulation.start(self.serve(fed, group, clients), "all clients")

    def serve(self, fed: Federation, group: Group, clients: GraphClients) -> Process:
        """Cluster once, then one round after another."""
        clustering: Clustering = yield from self._cluster(fed, group, clients)
        stream, server_flop_per_s = fed.simulation.stream, self.server_flop_per_s or math.inf
        shares = ClusterShares(self.fusion_ratio, self.ratio_per, clustering.labels, stream(Purpose.SELECTION))
        choice = NodeChoice(self.node_selection, self.similarity, self.node_every)
        server = FusingServer(clustering.labels, fed.server.vector, shares, choice)
        rows = FusionRows(fed.simulation.records, clustering.labels, group.data_sizes)
        scheduler = Scheduler(fed, self.selection)
        while fed.serves(group):
            base = yield from self._broadcast(fed, group, scheduler)
            results = yield from fed.train(base, validates=self._validates(fed))
            turn = yield from fed.take_turn(results)
            with turn:
                if turn.clients:
                    models = yield from fed.upload(turn, self.access, UPLOAD_EXTRA_BITS)
            scheduler.end_round(turn)
            if not turn.delivered:
                continue
            flop = 2.0 * len(models) ** 2 * fed.workload.num_entries  # cosines of all pairs
            turn.span_id = yield from fed.compute_at_server(group, flop, server_flop_per_s, turn.span_id)
            received = self._received(base, turn, np.stack(models), clustering)
            # (SELECTION, round) is the luck of who is asked
            fused = server.take_in(received, stream(Purpose.SELECTION, server.num_rounds, 0))
            of_cluster = list(fused.models)  # one array a cluster: clients who share it are sent it together
            fed.server.assign(turn, {c: of_cluster[clustering.labels[c]] for c in group.members})
            rows.write(fed.server.version, turn.delivered, fused)

    def _validates(self, fed: Federation) -> bool:
        """Return whether every client has graphs to validate with: then it does, whoever uses the accuracy."""
        splits = fed.workload.splits
        return splits is not None and all(len(graphs) for graphs in splits.validation)

    def _cluster(self, fed: Federation, group: Group, clients: GraphClients) -> Process:
        """Return the clusters of the clients, who describe their graphs unless the domains are known; record them."""
        described: tuple[int, ...] = ()
        clustering = Clustering(clients.domain_clusters)
        if self.clustering != "domains":
            number = None if self.num_clusters == "auto" else self.num_clusters
            by_structure = cluster_by_structure(fed, group, clients, self.structure, number, self.access)
            clustering, described = yield from by_structure
        if self.clustering == "random":
            clustering = shuffled(clustering, fed.simulation.stream(Purpose.GROUPING, 2))
        record_clusters(fed.simulation.records, clients, clustering, described)
        return clustering

    def _broadcast(self, fed: Federation, group: Group, scheduler: Scheduler) -> Process:
        """Send those who are asked the fused model, or both of its parts and the share; return the `Base`."""
        num_models, extra_bits = (1, 0.0) if self.fuse == "server" else (2, float(FLOAT32_BITS))
        sending = fed.broadcast(
            group, scheduler.choose, models=fed.server.models, num_models=num_models, extra_bits=extra_bits
        )
        return (yield from sending)

    def _received(self, base: Base, turn: RoundTurn, models: FloatArray, clustering: Clustering) -> Received:
        """Return what the server has after a round's uploads."""
        clients, labels = tuple(turn.delivered), clustering.labels
        there = [member for member in turn.trained if member.client in clients]
        accuracies = np.array([math.nan if m.validation is None else m.validation_accuracy for m in there])
        model_bits = FLOAT32_BITS * models.shape[1]
        down_bits = model_bits if self.fuse == "server" else 2 * model_bits + FLOAT32_BITS
        bits = np.bincount(labels[list(base.arrivals)], minlength=clustering.num_clusters) * down_bits
        bits = bits + np.bincount(labels[list(clients)], minlength=len(bits)) * (model_bits + UPLOAD_EXTRA_BITS)
        starts = np.stack([base.vector_of(client) for client in clients])
        return Received(clients, base.group.data_sizes[turn.delivered], models, starts, accuracies, bits / 8)
