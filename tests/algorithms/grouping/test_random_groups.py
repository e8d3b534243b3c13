import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.grouping import GroupingProblem, RandomGroups, SingletonGroups, TierGrouping, TierWidth
from algorithms.grouping.data_aware import DataAware
from algorithms.grouping.label_clusters import AntiKmeans, KmeansLabel
from testbed.errors import RequestError

COUNTED = [AntiKmeans, DataAware, KmeansLabel, RandomGroups, TierGrouping]


def problem_of(times_s: np.ndarray) -> GroupingProblem:
    histograms = np.tile([2.0, 3.0], (len(times_s), 1))
    return GroupingProblem(times_s, histograms.sum(axis=1), histograms, 0.1)


@given(num_clients=st.integers(1, 40), data=st.data())
def test_random_groups_differ_in_size_by_at_most_one(num_clients: int, data: st.DataObject) -> None:
    num_groups = data.draw(st.integers(1, num_clients))
    problem = problem_of(np.arange(1.0, num_clients + 1))
    groups = RandomGroups(num_groups=num_groups).partition(problem, np.random.default_rng(num_clients))
    sizes = [len(group) for group in groups]
    assert len(groups) == num_groups
    assert max(sizes) - min(sizes) <= 1
    assert sorted(client for group in groups for client in group) == list(range(num_clients))


@given(num_clients=st.integers(1, 20), seed=st.integers(0, 99))
def test_as_many_random_groups_as_clients_are_the_singletons(num_clients: int, seed: int) -> None:
    problem, rng = problem_of(np.ones(num_clients)), np.random.default_rng(seed)
    singletons = SingletonGroups().partition(problem, rng)
    assert singletons == tuple((client,) for client in range(num_clients))
    assert RandomGroups(num_groups=num_clients).partition(problem, rng) == singletons
    assert TierGrouping(num_groups=num_clients).partition(problem, rng) == singletons


def test_two_clients_share_a_random_group_as_often_as_chance_has_it() -> None:
    # Of 12 clients in groups of 3 a given other one is with client 0 with probability 2/11, whoever it is.
    problem, rng, draws = problem_of(np.arange(1.0, 13.0)), np.random.default_rng(0), 3000
    together = np.zeros(12)
    for _ in range(draws):
        (mine,) = (g for g in RandomGroups(num_groups=4).partition(problem, rng) if 0 in g)
        together[list(mine)] += 1
    error = np.sqrt(2 / 11 * 9 / 11 / draws)
    assert together[0] == draws
    assert np.abs(together[1:] / draws - 2 / 11).max() < 4 * error


@pytest.mark.parametrize("rule", COUNTED)
def test_more_groups_than_clients_are_refused_with_both_numbers(rule: type) -> None:
    problem = problem_of(np.ones(4))
    with pytest.raises(RequestError, match=rf"{rule.model_fields['kind'].default}: num_groups = 5, .* 4 clients"):  # type: ignore[attr-defined]
        rule(num_groups=5).partition(problem, np.random.default_rng(0))
    assert len(rule(num_groups=4).partition(problem, np.random.default_rng(0))) == 4


def test_rules_that_do_not_look_at_labels_do_not_depend_on_them() -> None:
    times_s = np.random.default_rng(0).uniform(1, 10, 9)
    plain = problem_of(times_s)
    skewed = GroupingProblem(times_s, np.arange(1.0, 10.0), np.diag(np.arange(1.0, 10.0)), 0.1)
    for rule in (RandomGroups(num_groups=3), SingletonGroups(), TierWidth(xi=0.4), TierGrouping(num_groups=2)):
        assert rule.partition(plain, np.random.default_rng(1)) == rule.partition(skewed, np.random.default_rng(1))
