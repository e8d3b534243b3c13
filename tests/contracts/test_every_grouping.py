"""The contract of every grouping: a partition of the clients that depends on the problem alone."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.grouping.problem import Grouping, GroupingProblem, as_partition

MANY = settings(max_examples=15, deadline=None)
NUM_CLASSES = 3


@dataclass(frozen=True)
class Clients:
    """What a grouping problem is made of; small whole numbers, so that ties are common."""

    training_times_s: np.ndarray
    label_histograms: np.ndarray
    upload_time_s: float
    mean_power_gains: np.ndarray

    def problem(self, classes: list[int] | None = None) -> GroupingProblem:
        histograms = self.label_histograms[:, classes or list(range(NUM_CLASSES))].copy()
        sizes = histograms.sum(axis=1)
        times_s = self.training_times_s.copy()
        gains = self.mean_power_gains.copy()
        for array in (histograms, sizes, times_s, gains):
            array.flags.writeable = False
        return GroupingProblem(times_s, sizes, histograms, self.upload_time_s, gains)


@st.composite
def populations(draw: st.DrawFn) -> Clients:
    num_clients = draw(st.integers(3, 9))
    gains = st.integers(1, 3).map(float) | st.floats(1e-9, 10.0)
    times = st.integers(1, 12).map(float) | st.floats(0.1, 10.0)
    some_of_each = st.lists(st.integers(0, 20), min_size=NUM_CLASSES, max_size=NUM_CLASSES).filter(any)
    one_class_only = st.sampled_from((7 * np.eye(NUM_CLASSES)).tolist())
    counts = draw(st.sampled_from([some_of_each, one_class_only]))
    return Clients(
        np.array(draw(st.lists(times, min_size=num_clients, max_size=num_clients))),
        np.array(draw(st.lists(counts, min_size=num_clients, max_size=num_clients)), dtype=np.float64),
        draw(st.sampled_from([0.0, 0.3, 2.0])),
        # Of at least two values, or there is nothing to tell channels apart by.
        np.array(draw(st.lists(gains, min_size=num_clients, max_size=num_clients).filter(lambda g: len(set(g)) > 1))),
    )


@pytest.fixture(scope="module", params=examples("grouping"), ids=str)
def rule(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


def groups_of(rule: Grouping, problem: GroupingProblem) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(group) for group in rule.partition(problem, np.random.default_rng(0)))


@MANY
@given(clients=populations())
def test_every_client_is_in_exactly_one_group_and_no_group_is_empty(rule: Grouping, clients: Clients) -> None:
    problem = clients.problem()
    groups = groups_of(rule, problem)
    assert sorted(client for group in groups for client in group) == list(range(problem.num_clients))
    assert all(groups)
    assert all(type(client) is int for group in groups for client in group)
    assert groups == as_partition(groups)


@MANY
@given(clients=populations())
def test_asking_twice_or_about_an_equal_problem_changes_nothing(rule: Grouping, clients: Clients) -> None:
    problem = clients.problem()
    first = groups_of(rule, problem)
    assert groups_of(rule, problem) == first
    assert groups_of(rule, clients.problem()) == first


@MANY
@given(clients=populations(), classes=st.permutations(range(NUM_CLASSES)))
def test_what_the_classes_are_called_changes_nothing(rule: Grouping, clients: Clients, classes: list[int]) -> None:
    assert groups_of(rule, clients.problem(classes)) == groups_of(rule, clients.problem())


@MANY
@given(clients=populations(), factor=st.sampled_from([0.25, 2.0, 1024.0]))
def test_the_unit_of_time_changes_nothing(rule: Grouping, clients: Clients, factor: float) -> None:
    times_s, upload_time_s = factor * clients.training_times_s, factor * clients.upload_time_s
    slower = replace(clients, training_times_s=times_s, upload_time_s=upload_time_s)
    assert groups_of(rule, slower.problem()) == groups_of(rule, clients.problem())


@MANY
@given(clients=populations(), factor=st.sampled_from([2.0**-20, 0.25, 2.0]))
def test_how_far_away_all_are_together_changes_nothing(rule: Grouping, clients: Clients, factor: float) -> None:
    farther = replace(clients, mean_power_gains=factor * clients.mean_power_gains)
    assert groups_of(rule, farther.problem()) == groups_of(rule, clients.problem())
