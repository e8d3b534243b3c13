"""Several data sets, each for clients of its own."""

from typing import Annotated

import numpy as np
from pydantic import PositiveInt

from graphs.dealing import deal
from graphs.graph_set import GraphSet, IntArray
from graphs.partition.rule import GraphRule
from graphs.subset import subset
from testbed.errors import RequestError
from testbed.learning.partition.rule import Partition
from testbed.learning.stratified_draw import stratified_draw
from testbed.settings import component

__all__ = ["DomainsPartition"]


class DomainsPartition(GraphRule):
    """Every client holds graphs of one domain; the first clients of the first, the next of the second, and so on.

    Inside a domain the graphs are dealt by another rule. Our choice: with `graphs_per_client`, a domain is first cut to
    so many times its clients, drawn at random in the proportions of its classes; a domain with fewer stays whole.

    References
    ----------
    Xie et al., "Federated graph classification over non-IID graphs", NeurIPS 2021, section 5: one client a data set.
    """

    kind: str = "domains"
    # One number holds for all domains.
    clients_per_domain: PositiveInt | tuple[PositiveInt, ...] = 1  # clients of each domain, in the order of the domains
    # None: every graph is dealt.
    graphs_per_client: PositiveInt | None = None  # a domain is cut to so many times its clients
    within: Annotated[Partition, component("partition")] = "stratified"  # type: ignore[assignment]  # how a domain's graphs are dealt

    @property
    def subsamples(self) -> bool:
        """Whether graphs may be left over; see `GraphPartition.subsamples`."""
        return self.graphs_per_client is not None or getattr(self.within, "subsamples", False)

    def deal_graphs(self, graphs: GraphSet, num_clients: int, rng: np.random.Generator) -> list[IntArray]:
        """Return the deal; see `GraphPartition.deal_graphs`."""
        shards: list[IntArray] = []
        for domain, clients in enumerate(self._clients(graphs, num_clients)):
            members = np.flatnonzero(graphs.domain_of == domain)
            wanted = len(members) if self.graphs_per_client is None else self.graphs_per_client * clients
            if wanted < len(members):
                members = members[stratified_draw(graphs.labels[members], wanted, rng)]
            if len(members) < clients:
                raise RequestError(
                    f"partition domains: {graphs.domains[domain]} has {len(members)} graphs for {clients} clients"
                )
            shards += [members[shard] for shard in deal(subset(graphs, members), self.within, clients, rng)]
        return shards

    def _clients(self, graphs: GraphSet, num_clients: int) -> tuple[int, ...]:
        """Return how many clients each domain has."""
        given, domains = self.clients_per_domain, graphs.domains
        clients = (given,) * len(domains) if isinstance(given, int) else given
        if len(clients) != len(domains):
            raise RequestError(
                f"clients_per_domain = {list(clients)}: {graphs.name!r} has {len(domains)} domains "
                f"({', '.join(domains)})"
            )
        if sum(clients) != num_clients:
            counts = ", ".join(f"{name} {count}" for name, count in zip(domains, clients, strict=True))
            raise RequestError(
                f"partition domains: num_clients = {num_clients}, but the domains have {sum(clients)} "
                f"clients ({counts})"
            )
        return clients
