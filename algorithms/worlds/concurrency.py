"""Who trains at any time, in methods that serve clients one by one: everybody, or so many at random.

    serve_all(fed, groups, visit)                       each group is visited again and again
    serve_some(fed, everybody, concurrency, visit)      M_c members at any time, each for one visit

A visit is a process given the group of one client: it receives, trains, uploads, and its model enters the server's.
Who is visited is training in the sense of FedBuff (Nguyen et al., AISTATS 2022): when its update has arrived, another
is sampled at random among those who are not. Our choice: it is sampled among those who are there, so that an absent
client is given no place; while nobody else is there a place is empty, until the first comes back.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import numpy as np

from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from testbed.errors import RequestError
from testbed.simulation import Process
from testbed.streams import Purpose

__all__ = ["Visit", "serve_all", "serve_some"]

Visit: TypeAlias = Callable[[Group], Process]

# Where chance decides who is there, a look draws a tile of eight: looks at an eighth cost what asking everybody costs.
_LOOKS_AT_ONCE: Final = 64
_SHARE_LOOKED_AT: Final = 8


def serve_all(fed: Federation, groups: Iterable[Group], visit: Visit) -> None:
    """Start a process for each of `groups`, each of one client, that visits it as long as it will be there."""

    def serve(group: Group) -> Process:
        while fed.serves(group):
            yield from visit(group)

    for group in groups:
        fed.simulation.start(serve(group), f"client {group.members[0]}")


def serve_some(fed: Federation, everybody: Group, concurrency: int, visit: Visit) -> None:
    """Start the processes that keep `concurrency` members of `everybody` training.

    The k-th choice is drawn from the stream (SELECTION, k). With as many places as members everything is as with
    `serve_all`, as long as nobody is away.

    Raises
    ------
    RequestError : more places than members.
    """
    most = len(everybody.members)
    if concurrency > most:
        raise RequestError(f"algorithm.concurrency = {concurrency}: must be at most the number of clients, {most}")
    places = _Places(fed, everybody, visit)
    first = [places.choose() for _ in range(concurrency)]
    for place, client in enumerate(sorted(first, key=lambda client: most if client is None else client)):
        fed.simulation.start(places.serve(client), f"place {place}")


class _Places:
    """The members of whom so many train, and the choice of the next."""

    def __init__(self, fed: Federation, everybody: Group, visit: Visit) -> None:
        self._fed = fed
        self._everybody = everybody
        self._visit = visit
        self._is_training = np.zeros(len(everybody.members), dtype=np.bool_)
        self._num_training = 0
        self._num_choices = 0

    def serve(self, client: int | None) -> Process:
        """One place: visit `client`, then another, and so on; None: nobody is there yet."""
        while not self._fed.simulation.finished:
            if client is None:
                idle = np.flatnonzero(~self._is_training).tolist()
                if not (yield from self._fed.await_return(self._everybody, idle)):
                    return  # whoever still trains has a place of its own
            else:
                yield from self._visit(self._everybody.only(client))
                self._is_training[client] = False
                self._num_training -= 1
            client = self.choose()

    def choose(self) -> int | None:
        """Return one of those who are there and do not train, at random, who does from now on; None: there is none."""
        rng = self._fed.simulation.stream(Purpose.SELECTION, self._num_choices)
        client = self._look_around(rng)
        if client is None:
            here = self._fed.those_here(np.flatnonzero(~self._is_training).tolist())
            client = here[int(rng.integers(len(here)))] if here else None
        if client is not None:
            self._num_choices += 1
            self._num_training += 1
            self._is_training[client] = True
        return client

    def _look_around(self, rng: np.random.Generator) -> int | None:
        """Return the first of some random clients who can be chosen; None if there is none among them.

        The first is as likely to be any of those who can be chosen, so whoever then asks all may stop at one.
        """
        num_clients = len(self._is_training)
        if 2 * self._num_training > num_clients:
            return None
        for _ in range(num_clients // (_SHARE_LOOKED_AT * _LOOKS_AT_ONCE)):
            for client in rng.integers(num_clients, size=_LOOKS_AT_ONCE).tolist():
                if not self._is_training[client] and self._fed.those_here((client,)):
                    return int(client)
        return None
