"""Caesar: each client is sent as much of the model as its own copy is stale, and sends as much as its data matters.

Yan, Liu, Xu, Huang, Gong, Liu and Hou, "Caesar: A Low-deviation Compression Approach for Efficient Federated Learning",
arXiv 2412.19989, 2024; KDD 2026. In round t = 1, 2, ..., for every client i of the round

    theta_d = (1 - delta_i / t) theta_d_max             compressed on the way down; delta_i: rounds since it took part
    what_i  = recover(encode(w_(t-1), theta_d), w_i)    from its own old copy w_i (`channels/codecs/hybrid.py`)
    theta_u = theta_min + (theta_max - theta_min) rank(C_i) / N         left out on the way up; C_i: its importance
    b_i     : the batch with which all finish together
    w_t = w_(t-1) + mean_i top-K(w_i^tau - what_i, 1 - theta_u)

The rules are in `algorithms/compression/`. With all fractions 0 and equal batches this is FedAvg with equal weights.
Deviations, our choice: the server knows present speeds and rates (the paper: from measurements); a client's copy and
its last round change when its answer arrived, so that both ends agree; ablations are settings. Expected results:
`tests/algorithms/federated/test_caesar.py`, `docs/papers/caesar.md`.
"""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt

from algorithms.compression.batch_sizes import fitting_batches
from algorithms.compression.importance import importance, label_divergences, rank_fractions
from algorithms.compression.packing import Per, hybrid_packets, sparse, step_along_mean
from algorithms.compression.rounds import serve_rounds
from algorithms.compression.staleness_fraction import staleness_fractions
from algorithms.grouping.single import SingleGroup
from algorithms.selection.context import Selection
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.packets import Answers, Order, Packet
from algorithms.worlds.round import Base
from algorithms.worlds.server import ModelVector
from testbed.layout import FloatArray
from testbed.settings import Fraction, Part, component
from testbed.simulation import Process

__all__ = ["Caesar"]

Compressed = Annotated[float, Field(ge=0, lt=1)]


@dataclass
class _Memory:
    """What is kept between rounds: by the server, who took part when; by each client, its copy and what it left out."""

    last_round: npt.NDArray[np.int64]  # (num_clients,) r_i, 0: never
    copies: dict[int, ModelVector] = field(default_factory=dict)
    residuals: dict[int, FloatArray] = field(default_factory=dict)
    round_number: int = 1  # t


class Caesar(Part):
    """Low-deviation compression of models and updates."""

    reads_trained_values: ClassVar[bool] = False

    kind: str = "caesar"
    max_download_fraction: Compressed = 0.6  # theta_d_max; our choice, a re-implementation has 0.5
    min_upload_fraction: Compressed = 0.1  # theta_u_min; our choice, as a re-implementation
    max_upload_fraction: Compressed = 0.6  # theta_u_max; our choice, a re-implementation has 0.5
    omega: Fraction = 0.5  # weight of the volume in a client's importance, the rest is that of its labels; our choice
    side_info: Literal["local-model", "received-model", "none"] = "local-model"  # the copy: its last model, what it
    # received last, or none at all (ablation: signs times a mean)
    error_feedback: bool = False  # whether what an update left out goes into the next; the paper describes none
    download: Literal["staleness", "mean"] = "staleness"  # or the round's mean for everybody (ablation)
    upload: Literal["importance", "mean"] = "importance"  # or the mean over all clients for everybody (ablation)
    batches: Literal["together", "equal"] = "together"  # sizes to finish together, or the scenario's (ablation)
    min_batch_size: PositiveInt = 8  # b_min; the largest is the scenario's `training.batch_size`; our choice
    staleness_window: PositiveInt | None = None  # rounds after which a copy counts as useless; none: those so far
    num_levels: PositiveInt | None = None  # of theta_d, rounded down, so that clients share encodings; none: any
    per: Per = "tensor"  # the largest entries of every tensor, or of the whole vector; our choice
    selection: Annotated[Selection, component("selection")] = "all"  # type: ignore[assignment]  # whom a round asks

    def start(self, fed: Federation) -> None:
        """Put all clients in one group and serve it."""
        for group in fed.form_groups(SingleGroup()):
            fed.simulation.start(self.serve(fed, group), "all clients")

    def serve(self, fed: Federation, group: Group) -> Process:
        """One round after another."""
        memory, upload_fractions = _Memory(np.zeros(len(fed.fleet), dtype=np.int64)), self._upload_fractions(fed)

        def step(answers: Answers) -> None:
            step_along_mean(fed, answers)
            self._remember(memory, answers)

        yield from serve_rounds(
            fed,
            group,
            self.selection,
            lambda asked: self._write(fed, memory, asked),
            lambda base: self._orders(fed, base, upload_fractions, memory),
            step,
        )

    def _write(self, fed: Federation, memory: _Memory, asked: tuple[int, ...]) -> dict[int, Packet]:
        now, last = memory.round_number, memory.last_round[list(asked)]
        fractions = staleness_fractions(
            now - last, now, self.max_download_fraction, self.staleness_window, self.num_levels
        )
        if self.download == "mean":
            fractions = np.full(len(asked), fractions.mean())
        copies = {} if self.side_info == "none" else memory.copies
        return hybrid_packets(fed, dict(zip(asked, fractions.tolist(), strict=True)), copies, self.per)

    def _upload_fractions(self, fed: Federation) -> FloatArray:
        """Return theta_u of every client; data do not change, so neither do they."""
        divergences = label_divergences(fed.workload.label_histograms)
        values = importance(fed.workload.data_sizes, divergences, self.omega)
        fractions = rank_fractions(values, self.min_upload_fraction, self.max_upload_fraction)
        return np.full(len(values), fractions.mean()) if self.upload == "mean" else fractions

    def _orders(self, fed: Federation, base: Base, upload_fractions: FloatArray, memory: _Memory) -> dict[int, Order]:
        codecs = {client: sparse(float(upload_fractions[client]), self.per) for client in base.arrivals}
        sizes = fitting_batches(fed, base, codecs, self.min_batch_size) if self.batches == "together" else {}
        return {
            client: Order(codec, batch_size=sizes.get(client), residual=memory.residuals.get(client))
            for client, codec in codecs.items()
        }

    def _remember(self, memory: _Memory, answers: Answers) -> None:
        for member in answers.trained:
            client = member.client
            memory.last_round[client] = memory.round_number
            is_own = self.side_info == "local-model"
            memory.copies[client] = member.parameters if is_own else answers.base.vector_of(client)
            if self.error_feedback:
                memory.residuals[client] = answers.answers[client].residual
        memory.round_number += 1
