"""Where the tensors that stay with clients start: all alike, or each from a draw of its own."""

import numpy as np
import pytest
from graph_runs import graph_experiment
from personal import graph_scenario

from testbed.errors import RequestError
from testbed.experiments.store import run_id
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


def test_what_stays_is_drawn_apart_from_the_models_that_go_round() -> None:
    workload = graph_experiment("ifca", training__own_starts="apart").workload
    stays = np.ones(workload.task.layout.size, dtype=bool)
    for run in workload.task.exchanged:
        stays[run] = False
    for own in starts(workload):
        for number in range(5):  # the draws of the k models of IFCA, and the one of all methods
            assert np.linalg.norm((own - workload._own.drawn(number))[stays]) > 0.1


def test_a_record_says_that_clients_start_apart_and_nothing_where_they_start_alike() -> None:
    alike, apart = (graph_scenario(training__own_starts=own).resolve().document for own in ("alike", "apart"))
    assert "own_starts" not in alike["training"]
    assert apart["training"]["own_starts"] == "apart"
    assert run_id(alike, 0) != run_id(apart, 0)


def test_a_module_of_which_there_is_only_one_cannot_start_apart() -> None:
    alone = graph_experiment("ifca").workload
    alone._own._build, alone._own._starts = None, "apart"
    with pytest.raises(RequestError, match="function that builds the module"):
        alone.state_of(0, alone.initial_state)
