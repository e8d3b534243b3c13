"""What reaches the server of FedGCF in one round, and the means it takes of that."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphs.fusion import mean_of
from graphs.graph_set import IntArray
from testbed.layout import FloatArray

__all__ = ["Received"]


@dataclass(frozen=True, eq=False)
class Received:
    """The uploads of one round.

    Attributes
    ----------
    clients : whose, ascending, at least one.
    data_sizes : (num_clients,) n_i, their training graphs.
    models : (num_clients, num_entries) what they learnt.
    starts : (num_clients, num_entries) what each had been sent.
    accuracies : (num_clients,) of what each had been sent, on its own validation graphs; NaN where nobody validates.
    traffic_bytes : (num_clusters,) of the round, up and down [B].
    """

    clients: tuple[int, ...]
    data_sizes: IntArray
    models: FloatArray
    starts: FloatArray
    accuracies: FloatArray
    traffic_bytes: FloatArray

    def mean_model(self, which: npt.NDArray[np.bool_], otherwise: FloatArray) -> FloatArray:
        """Return the mean of the models of `which : (num_clients,)`, weighted by graphs; `otherwise` if nobody's."""
        rows = np.flatnonzero(which).tolist()
        return mean_of(rows, self.models, self.data_sizes) if rows else otherwise

    def mean_accuracies(self, places: IntArray, num_places: int) -> FloatArray:
        """Return the mean accuracy at each place, weighted by graphs, NaN where nobody is: (num_places,).

        `places` : (num_clients,) the place of each client, from 0 on.
        """
        graphs = np.bincount(places, weights=self.data_sizes, minlength=num_places)
        right = np.bincount(places, weights=self.data_sizes * self.accuracies, minlength=num_places)
        return np.asarray(np.divide(right, graphs, out=np.full(num_places, math.nan), where=graphs > 0))
