"""Networks of the tests: what they share in building one, driving it and reading its records."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from channels.wan.network import Network, Reduction
from channels.wan.settings import NetworkSettings
from testbed.records import NO_CAUSE
from testbed.simulation import Process, Simulation

__all__ = ["Wires", "links", "uniform"]


def uniform(capacity_bit_per_s: float = 100.0, delay_s: float = 0.5, **more: Any) -> dict[str, Any]:
    """Return the table of a topology whose pairs are all alike."""
    return {"kind": "uniform", "capacity_bit_per_s": capacity_bit_per_s, "delay_s": delay_s, **more}


def links(regions: Sequence[str], *entries: tuple[str, str, float, float], **more: Any) -> dict[str, Any]:
    """Return the table of a topology of links (one, other, capacity, delay), each both ways."""
    table = [{"between": e[:2], "capacity_bit_per_s": e[2], "delay_s": e[3], **more} for e in entries]
    return {"kind": "links", "regions": list(regions), "links": table}


class Wires:
    """A network on a clock of its own, and what was asked of it."""

    def __init__(
        self,
        topology: dict[str, Any],
        num_regions: int,
        *,
        seed: int = 0,
        horizon_s: float = math.inf,
        data_dir: Path | None = None,
        **network: Any,
    ) -> None:
        self.simulation = Simulation(seed, horizon_s)
        settings = NetworkSettings.model_validate({"topology": topology, **network})
        self.network = Network(self.simulation, settings, num_regions, data_dir)
        self._waiting: list[Any] = []

    def ask(self, at_s: float, question: Callable[[], Process], name: str = "asker") -> list[Any]:
        """Ask for something at a time; the answer stands in the list returned, once the run is over."""
        answers: list[Any] = []

        def asker() -> Process:
            yield self.simulation.env.timeout(at_s)
            answers.append((yield from question()))

        self._waiting.append(self.simulation.start(asker(), name))
        return answers

    def transfer(self, at_s: float, source: int, target: int, bits: float, what: str = "") -> list[Any]:
        """Ask for a transfer at a time."""
        return self.ask(at_s, lambda: self.network.transfer(source, target, bits, NO_CAUSE, what), what or "asker")

    def all_reduce(self, at_s: float, members: Sequence[int], bits: float, what: str = "") -> list[Any]:
        """Ask for an all-reduce at a time."""
        return self.ask(at_s, lambda: self.network.all_reduce(members, bits, NO_CAUSE, what), what or "asker")

    def run(self) -> str:
        """Run until every question is answered or the horizon is reached, and settle the accounts."""

        def referee() -> Process:
            yield self.simulation.env.all_of(self._waiting)
            self.simulation.finish("answered")

        self.simulation.start(referee(), "referee")
        reason = self.simulation.run()
        self.network.close(self.simulation.now_s)
        return reason

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of a table."""
        return list(self.simulation.records.rows(table))

    def reduce(self, bits: float, members: Sequence[int] | None = None) -> Reduction:
        """Return what a single all-reduce from time 0 on brings; of all regions by default."""
        everybody = range(len(self.network.names))
        answers = self.all_reduce(0.0, everybody if members is None else members, bits)
        self.run()
        (reduction,) = answers
        return reduction
