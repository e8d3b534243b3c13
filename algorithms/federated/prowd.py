"""ProWD, simplified: clients of unequal precision, whose models the server dequantises before it averages them.

Yoon, Park, Jeong and Hwang, "Bitwidth Heterogeneous Federated Learning with Progressive Weight Dequantization",
arXiv 2202.11453, of which the abstract was read. Client i is sent and sends models of b_i bits an entry, uniform and
symmetric with a scale a tensor, by its speed: the fastest fifth of all clients 32 bits, the next 16, 8, 4 and 2. What
the server makes of them is `algorithms/compression/dequantiser.py`: our choice, the paper trains its dequantiser.
"""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from algorithms.compression.dequantiser import gated_mean
from algorithms.compression.packing import plain_packets
from algorithms.compression.rounds import serve_rounds
from algorithms.grouping.single import SingleGroup
from algorithms.selection.context import Selection
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.packets import Answers, Order
from channels.codecs.codec import Codec
from channels.codecs.fp32 import Fp32Codec
from channels.codecs.uniform import UniformCodec
from testbed.settings import Part, component
from testbed.simulation import Process

__all__ = ["Prowd"]

_FULL = 32
Width = Annotated[int, Field(ge=2, le=_FULL)]


class Prowd(Part):
    """Models of as many bits as a client is able to handle."""

    reads_trained_values: ClassVar[bool] = False

    kind: str = "prowd"
    widths: Annotated[tuple[Width, ...], Field(min_length=1)] = (32, 16, 8, 4, 2)  # bits from the fastest clients to
    # the slowest, equal parts of all; up to 16, or 32 for single precision [paper: these five]
    selection: Annotated[Selection, component("selection")] = "all"  # type: ignore[assignment]  # whom a round asks

    def start(self, fed: Federation) -> None:
        """Put all clients in one group and serve it."""
        for group in fed.form_groups(SingleGroup()):
            fed.simulation.start(self.serve(fed, group), "all clients")

    def serve(self, fed: Federation, group: Group) -> Process:
        """One round after another."""
        num_bits = self.num_bits(fed)
        codecs: dict[int, Codec] = {
            client: Fp32Codec() if bits > 16 else UniformCodec(num_bits=bits) for client, bits in num_bits.items()
        }
        yield from serve_rounds(
            fed,
            group,
            self.selection,
            lambda asked: plain_packets(fed, {client: codecs[client] for client in asked}),
            lambda base: {client: Order(codecs[client], what="model") for client in base.arrivals},
            lambda answers: self._step(fed, answers, num_bits),
        )

    def _step(self, fed: Federation, answers: Answers, num_bits: dict[int, int]) -> None:
        clients = answers.delivered
        if clients:
            models = [answers.answers[client].sent for client in clients]
            sent = [answers.base.vector_of(client) for client in clients]
            bits = [num_bits[client] for client in clients]
            fed.server.mix(answers, gated_mean(models, sent, fed.server.vector, bits, fed.tensors), weight=1.0)

    def num_bits(self, fed: Federation) -> dict[int, int]:
        """Return the bits of an entry of every client."""
        by_speed = np.argsort(-fed.fleet.flop_per_s, kind="stable")
        return {
            int(client): self.widths[place * len(self.widths) // len(by_speed)] for place, client in enumerate(by_speed)
        }
