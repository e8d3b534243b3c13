"""FedSA: everybody trains and uploads alone; the server aggregates whenever K local models have arrived.

Ma, Xu, Huang, Chen, Xu and Huang, "FedSA: A Semi-Asynchronous Federated Learning Mechanism in Heterogeneous Edge
Computing", IEEE JSAC 2021:

    w_t = (1 - sum_i alpha_i) w_(t-1) + sum_i alpha_i w^i ,        alpha_i = d_i / D ,    i among the K ,

and the new model goes to those K only; all others go on with what they have. Deviations: the paper chooses K from its
bound, here it is a setting. It also gives each worker a learning rate inversely proportional to how often it takes
part; that is left out, since all jobs of a run share one optimiser. Our choice: the uplink is one contended resource,
first come first served; once fewer than K clients are left, the server waits for those.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import simpy
from pydantic import PositiveInt

from algorithms.grouping.single import SingleGroup
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.round import Arrival
from testbed.errors import RequestError
from testbed.settings import Part
from testbed.simulation import Process

__all__ = ["Fedsa"]


@dataclass
class _Counter:
    """Where arrivals wait for one another: `aggregated` fires when they have gone into the model."""

    everybody: Group
    num_at_work: int  # clients that will still deliver, those who wait here included
    aggregated: simpy.Event
    arrivals: list[Arrival] = field(default_factory=list)


class Fedsa(Part):
    """Semi-asynchronous federated learning: K models to an aggregation."""

    kind: str = "fedsa"
    reads_trained_values: ClassVar[bool] = False

    num_arrivals: PositiveInt = 5  # K, our choice: the paper's optimum depends on constants it does not give

    def start(self, fed: Federation) -> None:
        """Serve every client in a process of its own.

        Raises
        ------
        RequestError : K is larger than the number of clients.
        """
        (everybody,) = fed.form_groups(SingleGroup())
        num_clients = len(everybody.members)
        if self.num_arrivals > num_clients:
            raise RequestError(f"fedsa: num_arrivals = {self.num_arrivals}, but there are {num_clients} clients")
        counter = _Counter(everybody, num_clients, self._next_aggregation(fed))
        for client in everybody.members:
            fed.simulation.start(self.serve(fed, counter, everybody.only(client)), f"client {client}")

    def serve(self, fed: Federation, counter: _Counter, alone: Group) -> Process:
        """One client's life: receive, train, upload, wait for the K-th, again."""
        while fed.serves(alone):
            base = yield from fed.broadcast(alone)
            results = yield from fed.train(base)
            turn = yield from fed.take_turn(results)
            with turn:
                if not turn.clients:
                    continue
                models = yield from fed.upload(turn, "tdma")
            if turn.delivered:
                counter.arrivals.append(Arrival(turn.clients[0], base, models[0], turn.span_id, fed.simulation.now_s))
                aggregated = counter.aggregated
                self._aggregate_if_complete(fed, counter)
                yield from fed.await_server(alone, aggregated, turn.span_id)
        counter.num_at_work -= 1
        self._aggregate_if_complete(fed, counter)

    def _aggregate_if_complete(self, fed: Federation, counter: _Counter) -> None:
        arrivals = counter.arrivals
        if arrivals and len(arrivals) >= min(self.num_arrivals, counter.num_at_work):
            fed.server.mix_arrivals(counter.everybody, arrivals)
            counter.arrivals = []
            counter.aggregated.succeed()
            counter.aggregated = self._next_aggregation(fed)

    def _next_aggregation(self, fed: Federation) -> simpy.Event:
        return fed.simulation.event(f"the arrival of {self.num_arrivals} models at the server")
