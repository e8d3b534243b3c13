"""Writing models for clients, and the step along their answers: what all methods that compress have in common."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from algorithms.worlds.federation import Federation
from algorithms.worlds.packets import Answers, Packet
from algorithms.worlds.server import ModelVector
from channels.codecs.codec import Codec
from channels.codecs.fp32 import Fp32Codec
from channels.codecs.hybrid import HybridCodec
from channels.codecs.top_k import TopKCodec

__all__ = ["Per", "hybrid_packets", "plain_packets", "sparse", "step_along_mean"]

Per = Literal["tensor", "vector"]


def hybrid_packets(
    fed: Federation, fractions: Mapping[int, float], copies: Mapping[int, ModelVector], per: Per
) -> dict[int, Packet]:
    """Return the global model for each client, `fractions[client]` of it compressed, one encoding a fraction.

    `copies` : the old models that clients fill in from; who is not there fills in from nothing.
    """
    codecs = {theta: HybridCodec(compressed_fraction=theta, per=per) for theta in fractions.values()}
    written = {theta: codec.encode(fed.server.vector, fed.tensors) for theta, codec in codecs.items()}
    return {
        client: Packet(written[theta], codecs[theta].recover(written[theta], copies.get(client)))
        for client, theta in fractions.items()
    }


def plain_packets(fed: Federation, codecs: Mapping[int, Codec]) -> dict[int, Packet]:
    """Return the global model for each client as its codec writes it."""
    packets = {}
    for client, codec in codecs.items():
        encoded = codec.encode(fed.server.vector, fed.tensors)
        packets[client] = Packet(encoded, codec.decode(encoded))
    return packets


def sparse(fraction: float, per: Per) -> Codec:
    """Return the codec that leaves out a fraction of the entries, the smallest; without one, the dense codec."""
    return TopKCodec(fraction=1.0 - fraction, index="smaller", per=per) if fraction > 0 else Fp32Codec()


def step_along_mean(fed: Federation, answers: Answers) -> None:
    """Advance to w_t = w_(t-1) + the plain mean of the updates that arrived; without any the model stays.

    The updates were measured from what each client had received, and are applied to the server's own model: the error
    of a download shows in where a gradient was taken, and is not sent back.
    """
    if answers.delivered:
        fed.server.mix(answers, fed.server.vector.astype(np.float64) + answers.mean(), weight=1.0)
