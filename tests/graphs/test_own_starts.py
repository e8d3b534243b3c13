"""Where the tensors that stay with clients start: all alike, or each from a draw of its own."""

import numpy as np
import pytest
from graph_runs import graph_experiment

from testbed.errors import RequestError
from testbed.learning.workload import Workload


def starts(workload: Workload) -> np.ndarray:
    return np.stack([workload.state_of(client, workload.initial_state) for client in range(5)])


def test_apart_only_what_stays_differs_and_the_draws_are_those_of_the_seed() -> None:
    alike, apart, again = (
        graph_experiment("fedavg", training__own_starts=own).workload for own in ("alike", "apart", "apart")
    )
    exchanged = np.zeros(alike.task.layout.size, dtype=bool)
    for run in alike.task.exchanged:
        exchanged[run] = True
    same, own = starts(alike), starts(apart)
    assert (same == same[0]).all() and (own[:, exchanged] == same[:, exchanged]).all()
    for client in range(5):
        others = [other for other in range(5) if other != client]
        assert all(np.linalg.norm(own[client] - own[other]) > 0.1 for other in others)
    assert own.tobytes() == starts(again).tobytes()


def test_a_module_of_which_there_is_only_one_cannot_start_apart() -> None:
    alone = graph_experiment("ifca").workload
    alone._own._build, alone._own._starts = None, "apart"
    with pytest.raises(RequestError, match="function that builds the module"):
        alone.state_of(0, alone.initial_state)
