"""An exchange: regions offer a vector each, the last one starts a collective, and all get the mean.

It is the barrier that collectives are in reality: an all-reduce cannot start before the slowest has arrived. Who
offers goes on at once; who needs the result waits for it, and that is a stall.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import simpy

from algorithms.worlds.replica import Replica
from channels.wan.network import Network, Reduction
from testbed.layout import FloatArray
from testbed.simulation import Process, Simulation

__all__ = ["Exchange", "Exchanges", "Key"]

Key: TypeAlias = tuple[str, int]  # what is exchanged, and for the how-manieth time
Mean: TypeAlias = npt.NDArray[np.float64]


class Exchange:
    """One all-reduce of the vectors that the regions offer.

    Attributes
    ----------
    send_step : the inner step after which it was offered; the same for all.
    done : happens when the last region has the result.
    reduction : when and in what it travelled; None before.
    step_s : the slowest region's mean time of an inner step before it offered [s].
    """

    def __init__(self, key: Key, send_step: int, done: simpy.Event) -> None:
        self.key = key
        self.send_step = send_step
        self.done = done
        self.reduction: Reduction | None = None
        self.step_s = 0.0
        self._is_used = False
        self._offers: dict[int, FloatArray] = {}
        self._bits: float | None = None
        self._mean: Mean | None = None

    @property
    def transfer_s(self) -> float:
        """How long it travelled, queueing left out [s]."""
        assert self.reduction is not None
        return self.reduction.end_s - self.reduction.start_s

    def claim(self) -> bool:
        """Return whether this is the first region to use the result: it draws the conclusions common to all."""
        first, self._is_used = not self._is_used, True
        return first

    @property
    def mean(self) -> Mean:
        """The mean of what was offered, (num_entries,) float64, summed in the order of the regions."""
        if self._mean is None:
            stacked = np.stack([self._offers[region] for region in sorted(self._offers)])
            self._mean = stacked.mean(axis=0, dtype=np.float64)
            self._offers.clear()
        return self._mean


class Exchanges:
    """The exchanges of a run.

    Parameters
    ----------
    members : returns the regions that take part in what has not started yet.
    """

    def __init__(self, simulation: Simulation, network: Network, members: Callable[[], list[Replica]]) -> None:
        self._simulation = simulation
        self._network = network
        self._members = members
        self._open: dict[Key, Exchange] = {}

    def offer(self, replica: Replica, key: Key, vector: FloatArray, bits: float) -> Exchange:
        """Offer a vector, `(num_entries,)` of `bits` when encoded, and return the exchange; takes no time.

        Raises
        ------
        RuntimeError : the regions do not agree on what they exchange: another step, or another size.
        """
        exchange = self._open.get(key)
        if exchange is None:
            done = self._simulation.event(f"the exchange {key[0]} {key[1]} of all regions")
            exchange = self._open[key] = Exchange(key, replica.step, done)
        if exchange.send_step != replica.step or exchange._bits not in (None, bits):
            raise RuntimeError(
                f"regions disagree on exchange {key}: {replica.entity} offers {bits:g} bits after step {replica.step}, "
                f"another {exchange._bits:g} bits after step {exchange.send_step}"
            )
        exchange._bits = bits
        exchange._offers[replica.region] = vector
        exchange.step_s = max(exchange.step_s, replica.lap_s())
        self._start_if_complete(exchange, replica.cause_id)
        return exchange

    def wait_for(self, replica: Replica, exchange: Exchange) -> Process:
        """Let a region wait until the exchange is done and return the mean; what it waits is recorded as a stall."""
        if not exchange.done.processed:
            asked_s = self._simulation.now_s
            yield exchange.done
            assert exchange.reduction is not None
            if self._simulation.now_s > asked_s:
                records = self._simulation.records
                records.span(replica.entity, "stall", asked_s, self._simulation.now_s, replica.cause_id)
                replica.cause_id = exchange.reduction.span_id
        return exchange.mean

    def go_on_without_the_gone(self, cause_id: int) -> None:
        """Start what had only been waiting for regions that have left for good."""
        for exchange in list(self._open.values()):
            self._start_if_complete(exchange, cause_id)

    def _start_if_complete(self, exchange: Exchange, cause_id: int) -> None:
        members = [replica.region for replica in self._members()]
        if members and set(members) <= exchange._offers.keys():
            del self._open[exchange.key]
            self._simulation.start(self._carry_out(exchange, members, cause_id), f"exchange {exchange.key}")

    def _carry_out(self, exchange: Exchange, members: list[int], cause_id: int) -> Process:
        assert exchange._bits is not None
        what = f"{exchange.key[0]} {exchange.key[1]}"
        exchange.reduction = yield from self._network.all_reduce(members, exchange._bits, cause_id, what)
        exchange.done.succeed()
