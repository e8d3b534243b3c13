"""CFL-oracle: FedAvg within each data set, by somebody who knows which client's graphs are from which.

    W_c = sum n_i W_i / sum n_i          over the clients whose graphs are from domain c

Our choice, as the bound for methods that must find the clusters (clustered federated learning: Sattler, Müller and
Samek, IEEE TNNLS 2021; Xie et al., NeurIPS 2021). Traffic is that of FedAvg. A domain from which nothing arrived keeps
its model, the initial one at first. Where there is one domain it is FedAvg. No decision reads trained values.
"""

from typing import Annotated, ClassVar, Literal

import numpy as np

from algorithms.aggregation.weighted_mean import weighted_mean
from algorithms.grouping.single import SingleGroup
from algorithms.selection.context import Selection
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.scheduler import Scheduler
from graphs.clustering import Clustering
from graphs.graph_set import IntArray
from graphs.methods.fusion_rows import record_clusters
from graphs.methods.graph_clients import graph_clients
from testbed.layout import FloatArray
from testbed.settings import Part, component
from testbed.simulation import Process

__all__ = ["CflOracle"]


class CflOracle(Part):
    """One model for each data set that the clients' graphs are from."""

    reads_trained_values: ClassVar[bool] = False
    has_own_models: ClassVar[bool] = True  # so each client must be tested on samples of its own

    kind: str = "cfl-oracle"
    selection: Annotated[Selection, component("selection")] = "all"  # type: ignore[assignment]  # whom a round asks
    access: Literal["tdma", "ofdma"] = "ofdma"  # uploads one after another, or side by side in equal shares of the band

    def start(self, fed: Federation) -> None:
        """Put all clients in one group and serve it."""
        clients = graph_clients(fed.workload, self.kind)
        clusters = clients.domain_clusters
        record_clusters(fed.simulation.records, clients, Clustering(clusters))
        for group in fed.form_groups(SingleGroup()):
            fed.simulation.start(self.serve(fed, group, clusters), "all clients")

    def serve(self, fed: Federation, group: Group, clusters: IntArray) -> Process:
        """One round after another; `clusters` : (M,) the domain of each client, from 0 on."""
        means: dict[int, FloatArray] = dict.fromkeys(clusters.tolist(), fed.server.vector)  # an array a domain
        scheduler = Scheduler(fed, self.selection)
        while fed.serves(group):
            base = yield from fed.broadcast(group, scheduler.choose, models=fed.server.models)
            results = yield from fed.train(base)
            turn = yield from fed.take_turn(results)
            with turn:
                if turn.clients:
                    models = yield from fed.upload(turn, self.access)
            scheduler.end_round(turn)
            if not turn.delivered:
                continue
            domains = clusters[turn.delivered]
            for domain in np.unique(domains).tolist():
                rows = np.flatnonzero(domains == domain)
                weights = group.weights([turn.delivered[row] for row in rows])
                means[domain] = weighted_mean([models[row] for row in rows], weights)
            fed.server.assign(turn, {client: means[clusters[client]] for client in group.members})
