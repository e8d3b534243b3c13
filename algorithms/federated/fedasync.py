"""FedAsync: every client trains and uploads on its own; each arrival is mixed in at once, the less the staler it is.

Xie, Koyejo and Gupta, "Asynchronous Federated Optimization", OPT 2020:

    w_t = (1 - a_t) w_(t-1) + a_t w^i ,        a_t = a s(tau)

with s the staleness discount (`aggregation/staleness.py`) and w^i the result of local steps on

    F_i(w) + rho / 2 ||w - w_base||^2 ,

w_base the model the client received. a_t is computed anew from a at every arrival. Deviations, our choice: rho = 0
unless it is set, as in Air-FedGA's comparison (Ma et al., IPDPS 2025); all clients train all the time, as there, unless
`concurrency` says how many do; the uplink is one contended resource, an upload is 32 bits per parameter at the Shannon
rate of the whole band.
"""

from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from algorithms.aggregation.staleness import Discount, staleness_discount
from algorithms.grouping.single import SingleGroup
from algorithms.grouping.singleton import SingletonGroups
from algorithms.worlds.concurrency import serve_all, serve_some
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from testbed.settings import Part
from testbed.simulation import Process

__all__ = ["Fedasync"]


class Fedasync(Part):
    """Asynchronous federated optimisation, one client at a time."""

    kind: str = "fedasync"
    reads_trained_values: ClassVar[bool] = False

    mixing_weight: Annotated[float, Field(gt=0, le=1)] = 0.6  # a [paper]
    discount: Discount = "polynomial"  # how the weight falls with staleness
    exponent: PositiveFloat = 0.5  # p [paper, polynomial]
    hinge_after: NonNegativeInt = 4  # b of the hinge [paper: 4 or 10]
    proximal_weight: NonNegativeFloat = 0.0  # rho, which the paper has above 0
    concurrency: PositiveInt | None = None  # M_c, clients that train at any time; none: all of them

    def start(self, fed: Federation) -> None:
        """Serve every client in a process of its own, or so many at any time.

        Raises
        ------
        RequestError : M_c is larger than the number of clients.
        """
        visit = partial(self.serve, fed)
        if self.concurrency is None:
            serve_all(fed, fed.form_groups(SingletonGroups()), visit)
        else:
            (everybody,) = fed.form_groups(SingleGroup())
            serve_some(fed, everybody, self.concurrency, visit)

    def serve(self, fed: Federation, group: Group) -> Process:
        """One client's turn: receive, train, upload, be mixed in."""
        base = yield from fed.broadcast(group)
        results = yield from fed.train(base, proximal_weight=self.proximal_weight)
        turn = yield from fed.take_turn(results)
        with turn:
            if not turn.clients:
                return
            models = yield from fed.upload(turn, "tdma")
            if turn.delivered:
                staleness = fed.server.version - base.version
                discount = staleness_discount(staleness, self.discount, self.exponent, self.hinge_after)
                fed.server.mix(turn, models[0], weight=self.mixing_weight * discount)
