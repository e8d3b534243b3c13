"""What a selection is told when a round begins, what it remembers between rounds, and the protocol of the rules.

A rule is a frozen set of settings and keeps nothing itself. What it must remember is a declared state that the caller
holds; a round goes

    chosen = selection.select(candidates, context, rng)
    ... train and transmit; measure what each client spent ...
    queues = selection.advance(context, spent_j)            # the queues of the next round's context

so asking twice changes nothing, and a method can hold any rule in the same three lines.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from testbed.layout import FloatArray

__all__ = ["CurrentContext", "EnergyQueues", "Selection", "SelectionContext"]


@dataclass(frozen=True, eq=False)
class EnergyQueues:
    """The virtual energy queues of all clients: how far each is ahead of its long-run budget.

    Attributes
    ----------
    backlogs_j : (num_clients,) Q_i >= 0 [J].
    """

    backlogs_j: FloatArray

    def __post_init__(self) -> None:
        if np.ndim(self.backlogs_j) != 1 or not np.all(np.isfinite(self.backlogs_j) & (self.backlogs_j >= 0)):
            raise ValueError(f"backlogs_j must be one finite number of at least 0 per client, got {self.backlogs_j}")

    @classmethod
    def empty(cls, num_clients: int) -> Self:
        """Return the queues before the first round.

        >>> EnergyQueues.empty(2).backlogs_j.tolist()
        [0.0, 0.0]
        """
        return cls(np.zeros(num_clients))

    @cached_property
    def mean_backlog_j(self) -> float:
        """The mean over all clients [J]."""
        return float(self.backlogs_j.mean())

    @cached_property
    def longest_backlog_j(self) -> float:
        """The longest of all [J]."""
        return float(self.backlogs_j.max())

    def advance(self, spent_j: FloatArray, allowance_j: FloatArray) -> "EnergyQueues":
        """Return the queues after a round: Q_i <- max(Q_i + E_i - allowance_i, 0).

        Summed over rounds, mean E_i <= allowance_i + Q_i / rounds: whatever keeps the queues bounded keeps the budget.

        Parameters
        ----------
        spent_j : (num_clients,) E_i, what each client radiated in the round, 0 for those not asked [J].
        allowance_j : (num_clients,) what each may spend a round in the long run [J].
        """
        return EnergyQueues(np.maximum(self.backlogs_j + spent_j - allowance_j, 0.0))


@dataclass(frozen=True, eq=False)
class SelectionContext:
    """All clients as they stand at the beginning of a round; arrays are indexed by client id.

    Attributes
    ----------
    data_sizes : (num_clients,) d_i > 0, samples.
    training_times_s : (num_clients,) l_i > 0, one local training [s].
    amplitudes : (num_clients,) |h_i| > 0 of the uplink, path loss included, as far as the server knows it now.
    energy_budgets_j : (num_clients,) Ehat_i > 0, the most energy each may radiate in a round [J].
    last_norms : (num_clients,) the norm of the last signal each sent; NaN for those who never did.
    queues : the state of the rule.
    """

    data_sizes: FloatArray
    training_times_s: FloatArray
    amplitudes: FloatArray
    energy_budgets_j: FloatArray
    last_norms: FloatArray
    queues: EnergyQueues

    def __post_init__(self) -> None:
        shape = (self.num_clients,)
        for name in ("data_sizes", "training_times_s", "amplitudes", "energy_budgets_j"):
            values = getattr(self, name)
            if np.shape(values) != shape:
                raise ValueError(f"{name} has shape {np.shape(values)}; expected (num_clients,) = {shape}")
            if not np.all(np.isfinite(values) & (np.asarray(values) > 0)):
                raise ValueError(f"{name} must be positive and finite, got {values}")
        for name, values in {"last_norms": self.last_norms, "queues": self.queues.backlogs_j}.items():
            if np.shape(values) != shape:
                raise ValueError(f"{name} has shape {np.shape(values)}; expected (num_clients,) = {shape}")
        if np.any(np.isinf(self.last_norms) | (np.asarray(self.last_norms) < 0)):
            raise ValueError(f"last_norms must be at least 0 and finite, or NaN, got {self.last_norms}")

    @property
    def num_clients(self) -> int:
        """N, the number of clients, asked or not."""
        return len(self.data_sizes)


class CurrentContext(SelectionContext):
    """The context of one round, whose amplitudes are looked at when a rule asks for them, and not if it does not.

    Parameters
    ----------
    population : what stays as it is from round to round.
    last_norms, queues : as of now; see `SelectionContext`.
    look : returns the amplitudes as they are now, whenever it is called.
    """

    def __init__(
        self, population: SelectionContext, last_norms: FloatArray, queues: EnergyQueues, look: Callable[[], FloatArray]
    ) -> None:
        columns: dict[str, Any] = {"last_norms": last_norms, "queues": queues, "_look": look}
        for name in ("data_sizes", "training_times_s", "energy_budgets_j"):
            columns[name] = getattr(population, name)
        for name, value in columns.items():
            object.__setattr__(self, name, value)

    @cached_property
    def amplitudes(self) -> FloatArray:
        """See `SelectionContext`."""
        look: Callable[[], FloatArray] = self.__dict__["_look"]
        return look()


class Selection(Protocol):
    """A rule that chooses the clients of a round."""

    # Whether the choice depends on norms of what was sent, or on energies, which over the air follow from them.
    reads_norms: ClassVar[bool]

    def select(self, candidates: Sequence[int], context: SelectionContext, rng: np.random.Generator) -> tuple[int, ...]:
        """Return the chosen ones of `candidates`, ascending: at least one where there are any.

        Parameters
        ----------
        candidates : ids of the clients that can be asked now, without repetition; a `range` if they are all.
        rng : the stream of the selection (purpose SELECTION, the round).

        Raises
        ------
        RequestError : more clients asked for than the federation has.
        """
        ...

    def advance(self, context: SelectionContext, spent_j: FloatArray) -> EnergyQueues:
        """Return the state after a round in which the clients spent `spent_j : (num_clients,)` [J]."""
        ...
