"""IFCA: several models go round, and every client trains the one that fits its own data best.

Ghosh, Chung, Yin and Ramchandran, "An efficient framework for clustered federated learning", NeurIPS 2020, algorithm 1
with model averaging (option II):

    client i receives W_1 ... W_k, takes j(i) = argmin_j F_i(W_j), trains it and uploads the result and j(i)
    W_j <- sum_i n_i W_i / sum_i n_i over those who took it; one that nobody took stays

The models start from k different draws. With k = 1 this is FedAvg, but for a byte in each upload. Deviations, our
choice: weights n_i (the paper takes the plain mean); F_i is the loss on all training samples of the client in
evaluation mode, with its own first and last layers, where it keeps such; of equal losses the first counts; between
rounds a client is tested with the model it took last, and before its first with W_1.

Cost: k models down to every client, one byte more in each upload, and k forward passes over the training samples.
"""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from algorithms.grouping.single import SingleGroup
from algorithms.selection.context import Selection
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.round import RoundTurn
from algorithms.worlds.scheduler import Scheduler
from graphs.methods.choice_rows import MODEL_CHOICE
from graphs.model_choice import average_by_choice
from testbed.layout import FloatArray
from testbed.settings import Part, PositiveSeconds, component
from testbed.simulation import Process

__all__ = ["Ifca"]

CHOICE_BITS = 8


class Ifca(Part):
    """Clustered federated learning by choice; needs data on which each client is tested on its own samples."""

    reads_trained_values: ClassVar[bool] = True  # which model a client trains
    has_own_models: ClassVar[bool] = True  # so each client must be tested on samples of its own

    kind: str = "ifca"
    num_models: Annotated[int, Field(ge=1, le=256)] = 3  # k: models that go round; their number fits into a byte
    selection: Annotated[Selection, component("selection")] = "all"  # type: ignore[assignment]  # whom a round asks
    access: Literal["tdma", "ofdma"] = "tdma"  # uploads one after another, or side by side
    deadline_s: PositiveSeconds | None = None  # longest a round waits for training [s]; None: for the slowest

    def start(self, fed: Federation) -> None:
        """Put all clients in one group and serve it."""
        for group in fed.form_groups(SingleGroup()):
            fed.simulation.start(self.serve(fed, group), "all clients")

    def serve(self, fed: Federation, group: Group) -> Process:
        """One round after another."""
        models = np.stack([fed.workload.initial_state_of(number) for number in range(self.num_models)])
        taken = dict.fromkeys(group.members, 0)
        record, scheduler = fed.simulation.records.open(MODEL_CHOICE), Scheduler(fed, self.selection)
        while fed.serves(group):
            base = yield from fed.broadcast(group, scheduler.choose, num_models=self.num_models)
            results = yield from fed.train(base, self.deadline_s, candidates=list(models))
            with (yield from fed.take_turn(results)) as turn:
                if turn.clients:
                    uploads = yield from fed.upload(turn, self.access, extra_bits=CHOICE_BITS)
                    if turn.delivered:
                        chosen = _choices(turn)
                        models = _average(models, np.stack(uploads), group, chosen)
                        taken |= chosen
                        own = list(models)
                        fed.server.assign(turn, {client: own[model] for client, model in taken.items()})
                        for client, model in chosen.items():
                            record(fed.server.version, fed.simulation.now_s, client, model)
            scheduler.end_round(turn)


def _choices(turn: RoundTurn) -> dict[int, int]:
    """Return client -> the model it took, of those that were heard."""
    heard = set(turn.delivered)
    return {member.client: member.choice or 0 for member in turn.trained if member.client in heard}


def _average(models: FloatArray, uploads: FloatArray, group: Group, chosen: dict[int, int]) -> FloatArray:
    """Return the models after the round, (num_models, num_entries) float32, as they are sent."""
    sizes, choices = group.data_sizes[list(chosen)], np.array(list(chosen.values()))
    return np.asarray(average_by_choice(models, uploads, sizes, choices), dtype=np.float32)
