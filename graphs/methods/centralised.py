"""Centralised training: all training samples of all clients lie in one place, and one model is trained on them.

The upper bound of a federation where labels mean the same everywhere. A round is one job on the union of the clients'
training samples, as long as `[training]` says, and makes one version; every client is tested with it. First and last
layers that clients of a federation would keep to themselves are common to all here.

Our choice: the server computes, at `server_flop_per_s`, and the samples got there before time zero for free: no message
is sent. What that would cost in traffic is not in the records. The job has the luck of client 0, and appears under its
number in the table `update`. Data sets of several domains are refused: their features and classes have nothing in
common.
"""

from typing import ClassVar

import numpy as np

from algorithms.grouping.single import SingleGroup
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.round import Base, RoundTurn
from testbed.errors import RequestError
from testbed.records import NO_CAUSE
from testbed.settings import FlopPerSecond, Part
from testbed.simulation import Process

__all__ = ["Centralised"]


class Centralised(Part):
    """One model on everything; no federation at all."""

    reads_trained_values: ClassVar[bool] = False
    exchanges: ClassVar[bool] = False  # nothing is sent
    trains_at_server: ClassVar[bool] = True  # clients take no part

    kind: str = "centralised"
    server_flop_per_s: FlopPerSecond = 1e12  # how fast the server trains [FLOP/s]

    def start(self, fed: Federation) -> None:
        """Put all clients in one group and serve it.

        Raises
        ------
        RequestError : data of several domains.
        """
        domains = getattr(getattr(fed.workload.data, "graphs", None), "domains", ())
        if len(domains) > 1:
            raise RequestError(
                f"algorithm centralised needs data of one domain, not of {', '.join(domains)}: their features and "
                "classes mean different things, so that no model takes all of them; local-only and fedavg do"
            )
        for group in fed.form_groups(SingleGroup(), upload_s=0.0):
            fed.simulation.start(self.serve(fed, group), "the server")

    def serve(self, fed: Federation, group: Group) -> Process:
        """One job after another."""
        workload, cause_id = fed.workload, NO_CAUSE
        everything = np.concatenate(workload.shards)
        while not fed.simulation.finished:
            base = Base(group, fed.server.version, fed.server.vector, {}, cause_id)
            job = workload.next_job(group.members[0], base.version, base.vector, samples=everything)
            flop = workload.flop_of(job)
            handle = workload.jobs.submit(job, fed.simulation.now_s + flop / self.server_flop_per_s)
            cause_id = yield from fed.compute_at_server(group, flop, self.server_flop_per_s, cause_id)
            for client in group.members:
                workload.keep(client, handle)
            turn = RoundTurn(base, (), span_id=cause_id, delivered=list(group.members))
            fed.server.mix(turn, workload.task.exchanged_part(handle.value().parameters), weight=1.0)
