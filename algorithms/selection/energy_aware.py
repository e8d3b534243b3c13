"""Energy-aware selection by drift plus penalty: the scheduling of the baseline Dynamic.

Sun, Zhou, Niu and Gunduz, "Dynamic scheduling for over-the-air federated edge learning with energy constraints", IEEE
JSAC 2022, in the form in which the comparison of Air-FedGA (Ma et al., IPDPS 2025) can be rebuilt. Every client has a
virtual energy queue; it is asked where its worth exceeds what the queue makes of the energy it would need:

    Q_i(t+1) = max(Q_i(t) + E_i(t) - phi Ehat_i, 0)
    Epred_i = (d_i sigma_ref / |h_i|)^2 W_i^2                    W_i the last known norm
    margin_i = v d_i / mean(d) - Q_i(t) Epred_i / Ehat_i^2,      S_t = {i : margin_i > 0}

at least one client (the largest margin), at most `max_fraction` of all. The rule ignores labels.

Our choices. Scheduling precedes training, so norms are predicted by the last ones; who never sent is taken to send the
mean of the known norms. sigma_ref, which nobody states, is that at which a candidate of mean data size, mean norm and
root-mean-square amplitude would spend the mean budget, so the rule does not depend on the units of the model or the
channel. Where more are worth their price than may be asked, those asked are drawn among them (`overflow`): taking the
largest margins asks the clients with the most data round after round, and what the others hold is never learnt (100
single-class clients on MNIST: 31 % accuracy, for two of ten classes were heard). Equal margins are ordered at random.

The laws are tested in `tests/algorithms/selection/test_energy_aware.py`.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from algorithms.selection.context import EnergyQueues, SelectionContext
from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["EnergyAware", "margins", "predicted_energies_j"]

# A whole number that rounding left just below itself is meant: 0.29 * 100 is 28.999999999999996.
_ROUNDING = 1e-9


def predicted_energies_j(context: SelectionContext, clients: npt.NDArray[np.intp]) -> FloatArray:
    """Return Epred_i of `clients` (num_chosen,), what each would radiate for a signal as large as its last [J]."""
    known = context.last_norms[clients]
    everywhere = context.last_norms[~np.isnan(context.last_norms)]
    stand_in = float(np.mean(everywhere)) if len(everywhere) else 1.0
    norms = np.where(np.isnan(known), stand_in, known)
    sizes, amplitudes = context.data_sizes[clients], context.amplitudes[clients]
    mean_norm = float(np.mean(norms))
    if mean_norm == 0.0:
        return np.zeros(len(clients))
    mean_budget_j = float(np.mean(context.energy_budgets_j[clients]))
    relative_power_gains = amplitudes**2 / np.mean(amplitudes**2)
    return np.asarray(
        mean_budget_j * (sizes / np.mean(sizes) * norms / mean_norm) ** 2 / relative_power_gains, dtype=np.float64
    )


def margins(context: SelectionContext, clients: npt.NDArray[np.intp], utility_weight: float) -> FloatArray:
    """Return by how much the worth of each of `clients` exceeds its price: (num_chosen,)."""
    sizes, budgets_j = context.data_sizes[clients], context.energy_budgets_j[clients]
    prices = context.queues.backlogs_j[clients] * predicted_energies_j(context, clients) / budgets_j**2
    return np.asarray(utility_weight * sizes / np.mean(context.data_sizes) - prices)


class EnergyAware(Part):
    """Clients whose worth exceeds the price of their energy, in the long run within a fraction of the budget."""

    reads_norms: ClassVar[bool] = True

    kind: str = "energy-aware"
    # All four: our choice, of a form the paper leaves open.
    budget_fraction: Annotated[float, Field(gt=0, le=1)] = 0.5  # phi, of the budget of a round, in the long run
    utility_weight: Annotated[float, Field(gt=0)] = 1.0  # v: larger means more clients and longer queues
    max_fraction: Annotated[float, Field(gt=0, le=1)] = 0.2  # of all clients, asked in one round
    overflow: Literal["random", "largest"] = "random"  # of more than may be asked: any, or the largest margins

    def select(self, candidates: Sequence[int], context: SelectionContext, rng: np.random.Generator) -> tuple[int, ...]:
        """Return the scheduled clients S_t; `rng` draws among those worth it and orders equal margins."""
        if len(candidates) == 0:
            return ()
        clients = np.sort(np.asarray(candidates, dtype=np.intp))
        values = margins(context, clients, self.utility_weight)
        shuffled = rng.permutation(len(clients))
        best_first = shuffled[np.argsort(-values[shuffled], kind="stable")]
        worthwhile = shuffled[values[shuffled] > 0]
        most = int(self.max_fraction * context.num_clients + _ROUNDING)
        size = max(min(len(worthwhile), most), 1)
        order = worthwhile if self.overflow == "random" and len(worthwhile) > size else best_first
        return tuple(sorted(clients[order[:size]].tolist()))

    def advance(self, context: SelectionContext, spent_j: FloatArray) -> EnergyQueues:
        """Return the queues after a round in which the clients spent `spent_j : (num_clients,)` [J]."""
        return context.queues.advance(spent_j, self.budget_fraction * context.energy_budgets_j)
