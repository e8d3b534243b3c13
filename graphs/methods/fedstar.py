"""FedStar: what is known of structure is exchanged, what is known of features stays at home.

Tan, Liu, Long, Jiang, Lu and Zhang, "Federated learning on non-IID graphs via structural knowledge sharing", AAAI 2023.
The network has two channels (`graphs/models/fedstar_gin.py`); only the parameters of the structure channel are
averaged, as in FedAvg,

    W_s <- sum_i n_i W_s,i / sum_i n_i .

Before the first round every client computes the return probabilities and degrees of all its graphs, which never leave
it: a preparation of operations and no bits. Our choice: it is charged as the dense products of the textbook
(`graphs/structure/encodings.py`), and a client whose preparation is lost takes no part.
"""

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np

from algorithms.federated.average_uploads import average_uploads
from algorithms.grouping.single import SingleGroup
from algorithms.selection.context import Selection
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.scheduler import Scheduler
from graphs.graph_dataset import GraphDataset
from graphs.structure.encodings import RwseDse
from testbed.errors import RequestError
from testbed.layout import FloatArray
from testbed.learning.models.architecture import Architecture
from testbed.settings import Part, PositiveSeconds, component
from testbed.simulation import Process

__all__ = ["Fedstar"]


class Fedstar(Part):
    """Federated averaging of the structure channel; for sets of graphs."""

    reads_trained_values: ClassVar[bool] = False

    kind: str = "fedstar"
    model: Annotated[Architecture, component("model")] = "fedstar-gin"  # type: ignore[assignment]  # instead of [model]
    selection: Annotated[Selection, component("selection")] = "all"  # type: ignore[assignment]  # whom a round asks
    access: Literal["tdma", "ofdma"] = "tdma"  # uploads one after another, or side by side
    deadline_s: PositiveSeconds | None = None  # longest a round waits for training [s]; None: for the slowest

    def start(self, fed: Federation) -> None:
        """Put all clients in one group and serve it.

        Raises
        ------
        RequestError : the data are no graphs, or the model takes no encodings of structure.
        """
        flop = _encoding_flop(fed)
        for group in fed.form_groups(SingleGroup()):
            fed.simulation.start(self.serve(fed, group, flop), "all clients")

    def serve(self, fed: Federation, group: Group, flop: FloatArray) -> Process:
        """The preparation, then one round after another."""
        ready = yield from fed.prepare(group, flop, 0.0, self.access)
        group, scheduler = replace(group, members=ready), Scheduler(fed, self.selection)
        while ready and fed.serves(group):
            base = yield from fed.broadcast(group, scheduler.choose)
            results = yield from fed.train(base, self.deadline_s)
            turn = yield from average_uploads(fed, results, self.access)
            scheduler.end_round(turn)


def _encoding_flop(fed: Federation) -> FloatArray:
    """Return what the encodings of all its graphs, those to test with included, cost each client [FLOP]."""
    data, splits = fed.workload.data, fed.workload.splits
    if not isinstance(data, GraphDataset) or splits is None or data.node_extras is None:
        raise RequestError(
            f"fedstar exchanges what its clients know of the structure of graphs, and {data.name!r} as the model takes "
            "it has no encodings of structure: choose a dataset of graphs and the model fedstar-gin"
        )
    parts = zip(splits.train, splits.validation, splits.test, strict=True)
    return np.array([RwseDse().flop(data.graphs, np.concatenate(graphs)) for graphs in parts])
