"""So many clients train at any time: laws of `concurrency`, for every method that has it."""

import math
from itertools import zip_longest
from typing import Any

import numpy as np
import pytest
from small import small_experiment

from algorithms.worlds.concurrency import _Places
from testbed.errors import RequestError
from testbed.experiments.run import Experiment
from testbed.simulation import DeadlockError
from testbed.streams import stream

METHODS = pytest.mark.parametrize("method", ["fedasync", "fedbuff"])
MEANWHILE_AWAY: dict[str, Any] = {"availability": {"kind": "bernoulli-blocks", "probability": 0.3, "block_s": 7.0}}


def finished(method: str, **settings: Any) -> Experiment:
    untrained = {"run__kernel": "none", "algorithm__kind": method}
    experiment = small_experiment(**(untrained | settings))
    experiment.run()
    return experiment


def rows(experiment: Experiment, table: str) -> list[dict[str, Any]]:
    return list(experiment.simulation.records.rows(table))


def visits(experiment: Experiment) -> list[tuple[int, float, float]]:
    """Return who trained, from when until its upload arrived: the end of the run for those who go on."""
    spans = [row for row in rows(experiment, "span") if row["entity"].startswith("device-")]
    found = []
    for client in range(6):
        of_client = [row for row in spans if row["entity"] == f"device-{client}"]
        starts_s = [row["start_s"] for row in of_client if row["kind"] == "compute"]
        ends_s = [row["end_s"] for row in of_client if row["kind"] == "transmit"]
        found += [(client, *visit) for visit in zip_longest(starts_s, ends_s, fillvalue=math.inf)]
    return found


@METHODS
@pytest.mark.parametrize("concurrency", [1, 4])
def test_while_everybody_is_there_exactly_so_many_train_at_any_time(method: str, concurrency: int) -> None:
    experiment = finished(method, algorithm__concurrency=concurrency)
    found, until_s = visits(experiment), experiment.simulation.now_s
    assert len(found) > 5 * concurrency
    edges_s = sorted({start_s for _, start_s, _ in found})
    for time_s in [(a + b) / 2 for a, b in zip(edges_s, [*edges_s[1:], until_s], strict=True)]:
        training = [client for client, start_s, end_s in found if start_s < time_s < end_s]
        assert len(training) == len(set(training)) == concurrency


@METHODS
@pytest.mark.parametrize("num_clients", [6, 1100])
def test_those_who_are_away_are_not_sampled_and_places_are_empty_only_while_nobody_else_is_there(
    method: str, num_clients: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[tuple[int, int]] = []  # at each choice: places taken after it, and others who are there

    def choose(places: _Places, choose: Any = _Places.choose) -> int | None:
        client = choose(places)
        idle = np.flatnonzero(~places._is_training).tolist()
        looks.append((places._num_training, len(places._fed.those_here(idle))))
        assert client is None or places._fed.those_here((client,))
        assert places._num_training == places._is_training.sum() <= 3
        if client is None:
            assert looks[-1][1] == 0
        return client

    monkeypatch.setattr(_Places, "choose", choose)
    data = {"data__partition": "iid", "run__horizon_s": 60.0} if num_clients > 6 else {}
    finished(method, algorithm__concurrency=3, devices__count=num_clients, **MEANWHILE_AWAY, **data)
    assert any(others == 0 and taken < 3 for taken, others in looks) == (num_clients == 6)


def test_everything_is_as_with_no_limit_when_there_are_as_many_places_as_clients() -> None:
    free, limited = (finished("fedbuff", run__kernel="serial", algorithm__concurrency=c) for c in (None, 6))
    for table in ("span", "transfer", "training", "version", "contribution", "evaluation"):
        assert repr(rows(free, table)) == repr(rows(limited, table))
    free, limited = (finished("fedasync", run__kernel="serial", algorithm__concurrency=c) for c in (None, 6))
    for table in ("transfer", "training", "evaluation"):
        assert repr(rows(free, table)) == repr(rows(limited, table))


@METHODS
def test_the_same_seed_samples_the_same_clients_and_another_seed_others(method: str) -> None:
    one, again, other = (visits(finished(method, algorithm__concurrency=2, seed=seed)) for seed in (0, 0, 1))
    assert one == again != other


@pytest.mark.parametrize("num_clients", [20, 2000])
def test_everybody_who_does_not_train_is_as_likely_to_be_sampled(num_clients: int) -> None:
    """A chi-square statistic over ten classes of clients, within four standard errors of its mean 9."""
    num_choices, places = 2000, _Places.__new__(_Places)

    class Everywhere:
        simulation = type("Luck", (), {"stream": staticmethod(lambda *address: stream(3, *address))})

        def those_here(self, clients: Any) -> Any:
            return clients

    places._fed = Everywhere()  # type: ignore[assignment]
    places._is_training, places._num_training, places._num_choices = np.zeros(num_clients, dtype=np.bool_), 0, 0
    chosen = []
    for _ in range(num_choices):
        client = places.choose()
        assert client is not None
        chosen.append(client)
        places._is_training[client], places._num_training = False, 0
    counts = np.bincount(np.array(chosen) * 10 // num_clients, minlength=10)
    assert abs(((counts - num_choices / 10) ** 2 / (num_choices / 10)).sum() - 9) < 4 * math.sqrt(18)


@METHODS
@pytest.mark.parametrize("concurrency", [None, 2])
def test_when_everybody_has_left_for_good_nothing_is_left_to_happen(method: str, concurrency: int | None) -> None:
    faults = [{"device": device, "start_s": 50.0 + device} for device in range(6)]
    with pytest.raises(DeadlockError, match="no process is left"):
        finished(method, algorithm__concurrency=concurrency, fault=faults, devices__on_loss="abandon")


@METHODS
def test_every_span_starts_when_its_cause_ended(method: str) -> None:
    experiment = finished(method, algorithm__concurrency=2, **MEANWHILE_AWAY)
    spans = {row["span_id"]: row for row in rows(experiment, "span")}
    for row in spans.values():
        assert row["start_s"] == (spans[row["cause_id"]]["end_s"] if row["cause_id"] >= 0 else 0.0)
    assert any(row["entity"] == "server" and row["kind"] == "wait" for row in spans.values())


@METHODS
def test_more_places_than_clients_are_refused(method: str) -> None:
    with pytest.raises(RequestError, match=r"algorithm.concurrency = 7: must be at most the number of clients, 6"):
        finished(method, algorithm__concurrency=7)
