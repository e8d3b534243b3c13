"""FlexCom: full models down, sparse updates up, each client's share chosen so that its round costs the least energy.

Li et al., "To Talk or to Work: Flexible Communication Compression for Energy Efficient Federated
Learning over Heterogeneous Mobile Edge Devices", INFOCOM 2021, of which the abstract was read: compression is adapted
to each client's computing and communication, trading the energy of one for that of the other. Our reading of it:

    H(s) = ceil(H_0 (1 + c (1 / s - 1)))                        local steps that make up for sending a share s
    s_i  = argmin_s  P_tx size(s) / rate_i + P_compute H(s) / speed_i          s = 0.1, 0.2, ..., 1

so a slow link sends less and works more. What is left out goes into the next update (error feedback, a declared state).
"""

import math
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveInt

from algorithms.compression.packing import Per, plain_packets, sparse, step_along_mean
from algorithms.compression.rounds import serve_rounds
from algorithms.grouping.single import SingleGroup
from algorithms.selection.context import Selection
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.packets import Answers, Order
from channels.codecs.fp32 import Fp32Codec
from testbed.layout import FloatArray
from testbed.settings import Part, component
from testbed.simulation import Process

__all__ = ["Flexcom"]


class Flexcom(Part):
    """Sparse updates at the least energy."""

    reads_trained_values: ClassVar[bool] = False

    kind: str = "flexcom"
    min_share: Annotated[float, Field(gt=0, le=1)] = 0.1  # the least share of an update that is sent; our choice
    num_shares: PositiveInt = 10  # shares that are tried, evenly from the least to 1; our choice
    extra_work: NonNegativeFloat = 0.1  # c, of steps for what is not sent; our choice
    per: Per = "tensor"  # the largest entries of every tensor, or of the whole vector
    selection: Annotated[Selection, component("selection")] = "all"  # type: ignore[assignment]  # whom a round asks

    def start(self, fed: Federation) -> None:
        """Put all clients in one group and serve it."""
        for group in fed.form_groups(SingleGroup()):
            fed.simulation.start(self.serve(fed, group), "all clients")

    def serve(self, fed: Federation, group: Group) -> Process:
        """One round after another."""
        residuals: dict[int, FloatArray] = {}  # of each client

        def step(answers: Answers) -> None:
            step_along_mean(fed, answers)
            residuals.update({client: answer.residual for client, answer in answers.answers.items()})

        yield from serve_rounds(
            fed,
            group,
            self.selection,
            lambda asked: plain_packets(fed, dict.fromkeys(asked, Fp32Codec())),
            lambda base: {client: self._order(fed, client, residuals.get(client)) for client in base.arrivals},
            step,
        )

    def _order(self, fed: Federation, client: int, residual: FloatArray | None) -> Order:
        plan, count = fed.workload.plan, int(fed.workload.data_sizes[client])
        step_s = plan.width(count) * fed.workload.cost.flop(1) / fed.fleet.flop_per_s[client]
        (seconds_per_bit,) = fed.cell.foresee_upload_now_s([client], np.ones(1))

        def energy_j(share: float) -> float:
            sending_j = fed.cell.transmit_power_w * fed.size_bits(sparse(1.0 - share, self.per)) * seconds_per_bit
            return float(sending_j + fed.fleet.profile.compute_w * steps(share) * step_s)

        def steps(share: float) -> int:
            return math.ceil(plan.num_steps(count) * (1.0 + self.extra_work * (1.0 / share - 1.0)) - 1e-9)

        share = min(np.linspace(1.0, self.min_share, self.num_shares).tolist(), key=energy_j)
        return Order(sparse(1.0 - share, self.per), local_steps=steps(share), residual=residual)
