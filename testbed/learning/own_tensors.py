"""What stays with the clients of a run between their jobs: tensors of their own, and the states of their optimisers."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Literal

from torch import nn

from testbed.errors import RequestError
from testbed.learning.jobs import Handle, TrainingOutput
from testbed.learning.task import LearningTask, State
from testbed.streams import Purpose, stream

__all__ = ["OwnTensors"]


class OwnTensors:
    """The last job that each client finished, and where its own tensors started.

    Parameters
    ----------
    task : says which tensors stay with a client; there may be none.
    root_seed : the run's seed.
    build : returns a module like the task's for a torch seed; None: there is only the one that the task was given.
    starts : whether the tensors that stay start alike, or each client's from a draw of its own, of stream
        (MODEL_INITIALISATION, 0, client).
    """

    def __init__(
        self,
        task: LearningTask,
        root_seed: int,
        build: Callable[[int], nn.Module] | None,
        starts: Literal["alike", "apart"],
    ) -> None:
        self._task, self._root_seed, self._build, self._starts = task, root_seed, build, starts
        self._kept: dict[int, Handle[TrainingOutput]] = {}
        self._first = lru_cache(maxsize=None)(self._first_state)

    def keep(self, client: int, trained: Handle[TrainingOutput]) -> None:
        """Take note of a job that the client has finished."""
        self._kept[client] = trained

    def optimizer_state_of(self, client: int) -> State | None:
        """Return what the client's optimiser ended with, (num_state,); None before its first job."""
        return self._kept[client].value().optimizer_state if client in self._kept else None

    def state_of(self, client: int, exchanged: State) -> State:
        """Return the client's whole state with `exchanged` in it, (num_entries of the layout,)."""
        return self._merged(self._kept, client, exchanged)

    def as_of_now(self) -> Callable[[int, State], State]:
        """Return `state_of` with the own tensors that clients have now, whatever they learn until it is called."""
        return partial(self._merged, dict(self._kept))

    def drawn(self, *ids: int) -> State:
        """Return the state of a model from a draw of its own, of stream (MODEL_INITIALISATION, *ids).

        Raises
        ------
        RequestError : the model was given as a module, of which there is only one.
        """
        if self._build is None:
            raise RequestError("several initial models need an architecture or a function that builds the module")
        seed = int(stream(self._root_seed, Purpose.MODEL_INITIALISATION, *ids).integers(2**63))
        return self._task.state_in(self._build(seed))

    def _first_state(self, client: int) -> State:
        return self._task.initial_state() if self._starts == "alike" else self.drawn(0, client)

    def _merged(self, kept: Mapping[int, Handle[TrainingOutput]], client: int, exchanged: State) -> State:
        if not self._task.is_personal:
            return exchanged
        own = kept[client].value().parameters if client in kept else self._first(client)
        return self._task.with_exchanged(own, exchanged)
