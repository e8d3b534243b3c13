"""ParallelSFL's decisions: planned times, local frequencies, label mixes and Algorithm 1."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.split.cluster_times import Cluster, PlannedTimes, local_frequencies
from algorithms.split.clustering import ClusterProblem, _fill, _place, _swapped, form_clusters, pair_at_random
from algorithms.split.label_mix import mix_divergence
from algorithms.split.mixed_cohort import cohort_of_closest_labels
from algorithms.split.regulated_batches import regulated_batches
from testbed.errors import RequestError

NUM_CLASSES = 4


def problem(
    seed: int, num_clients: int, trade_off: float = 0.5, scale: float = 1.0, alike: bool = False
) -> ClusterProblem:
    rng = np.random.default_rng(seed)
    ones = np.ones(num_clients)
    rates = 4.0 * ones if alike else rng.uniform(2.0, 8.0, num_clients)
    bottom_s = ones if alike else rng.uniform(0.5, 3.0, num_clients)
    exchange_s = ones if alike else rng.uniform(0.5, 3.0, num_clients)
    times = PlannedTimes(
        bottom_s=bottom_s / scale,
        top_s=0.1 * ones / scale,
        exchange_s=exchange_s / scale,
        model_s=4.0 * ones / (rates * scale),
        capacity=np.floor(rates).astype(np.int64),
    )
    return ClusterProblem(times, rng.dirichlet(np.full(NUM_CLASSES, 0.3), num_clients), rates, trade_off)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 24))
def test_every_client_is_once_host_or_bottom_and_no_host_is_overloaded(seed: int, num_clients: int) -> None:
    given_ = problem(seed, num_clients)
    clusters = form_clusters(given_, max(1, round(num_clients / 5)), np.random.default_rng(0))
    everybody = [client for cluster in clusters for client in (cluster.host, *cluster.bottoms)]
    assert sorted(everybody) == list(range(num_clients))
    assert all(cluster.bottoms and given_.times.admits(cluster) for cluster in clusters)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_a_cluster_is_filled_until_its_host_can_take_no_more_or_nobody_brings_its_labels_closer(seed: int) -> None:
    filled: list[Cluster] = []
    for only_closer in (False, True):
        given_ = replace(problem(seed, 16), only_closer=only_closer)
        left = [set(range(first, 16, 4)) for first in (1, 2, 3, 4)]
        cluster = _fill(given_, 0, left)
        assert sorted([*cluster.bottoms, *set().union(*left)]) == list(range(1, 16))
        slowest = [max(one, key=lambda client: given_.times.alone_s([client])[0]) for one in left if one]
        more = [Cluster(0, (*cluster.bottoms, client)) for client in slowest]
        admitted = [given_.divergence(one.bottoms) for one in more if given_.times.admits(one)]
        assert min(admitted, default=math.inf) >= (given_.divergence(cluster.bottoms) if only_closer else math.inf)
        filled.append(cluster)
    assert set(filled[1].bottoms) <= set(filled[0].bottoms)


def test_labels_that_are_all_alike_leave_clusters_of_one_bottom_if_each_must_bring_them_closer() -> None:
    times = problem(0, 8, alike=True).times
    even = ClusterProblem(times, np.full((8, NUM_CLASSES), 0.25), np.ones(8), 0.5)
    sizes = [
        sorted(
            len(one.bottoms) for one in form_clusters(replace(even, only_closer=closer), 2, np.random.default_rng(0))
        )
        for closer in (False, True)
    ]
    assert sizes == [[2, 4], [1, 1, 1, 1]]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_swaps_never_raise_the_sum_of_utilities_and_overload_no_host(seed: int) -> None:
    given_ = problem(seed, 15)
    given_ = replace(given_, times=replace(given_.times, top_s=np.full(15, 0.8)))
    dealt = [c for c in pair_at_random(given_, 4, np.random.default_rng(seed)) if given_.times.admits(c)]
    before = sum(map(given_.utility, dealt))
    after = _swapped(given_, list(dealt))
    assert sum(map(given_.utility, after)) <= before + 1e-12
    assert all(map(given_.times.admits, after))
    assert sorted(c for one in after for c in one.bottoms) == sorted(c for one in dealt for c in one.bottoms)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_who_is_left_over_joins_the_cluster_that_it_costs_least(seed: int) -> None:
    given_ = problem(seed, 7, trade_off=0.2)
    given_ = replace(given_, times=replace(given_.times, capacity=np.full(7, 8)))
    before = [Cluster(0, (1,)), Cluster(2, (3,)), Cluster(4, (5,))]
    after = list(before)
    _place(given_, after, 6)
    joined = [replace(one, bottoms=(*one.bottoms, 6)) for one in before]
    alternatives = [[*before[:k], joined[k], *before[k + 1 :]] for k in range(3)]
    totals = [sum(map(given_.utility, each)) for each in alternatives]
    assert sum(map(given_.utility, after)) == pytest.approx(min(totals))
    assert sorted(client for one in after for client in one.bottoms) == [1, 3, 5, 6]


def test_swaps_bring_labels_together() -> None:
    given_ = problem(3, 16, trade_off=0.0)
    dealt = [c for c in pair_at_random(given_, 3, np.random.default_rng(3)) if given_.times.admits(c)]
    assert sum(map(given_.utility, _swapped(given_, list(dealt)))) < 0.9 * sum(map(given_.utility, dealt))


@pytest.mark.parametrize("scale", [0.1, 7.0])
def test_faster_machines_and_links_change_no_cluster_and_no_frequency(scale: float) -> None:
    answers = []
    for s in (1.0, scale):
        given_ = problem(5, 18, scale=s)
        clusters = form_clusters(given_, 4, np.random.default_rng(0))
        iteration_s = [given_.times.iteration_s(c) for c in clusters]
        paces = local_frequencies(iteration_s, [given_.times.model_s[c.host] for c in clusters], 20)
        answers.append((clusters, paces))
    assert answers[0] == answers[1]


def test_clients_alike_wait_for_nobody_and_utility_is_labels_alone() -> None:
    given_ = problem(0, 8, trade_off=0.3, alike=True)
    cluster = Cluster(0, (1, 2, 3))
    assert given_.times.waiting_s(cluster) == 0.0
    labels = min(1.0, given_.divergence((1, 2, 3)) / math.log(NUM_CLASSES))
    assert given_.utility(cluster) == pytest.approx(0.7 * labels)


def test_equal_labels_diverge_nowhere_and_utility_is_waiting_alone() -> None:
    given_ = problem(0, 8, trade_off=0.3)
    even = ClusterProblem(given_.times, np.full((8, NUM_CLASSES), 0.25), given_.rates, 0.3)
    cluster = Cluster(0, (1, 2, 3))
    share = given_.times.waiting_s(cluster) / given_.times.iteration_s(cluster)
    assert even.utility(cluster) == pytest.approx(0.3 * share)
    assert share > 0


def test_a_host_with_several_bottoms_must_not_be_what_an_iteration_takes_longest_for() -> None:
    times = PlannedTimes(
        bottom_s=np.ones(3), top_s=np.full(3, 0.9), exchange_s=np.full(3, 0.5), model_s=np.ones(3),
        capacity=np.full(3, 8),
    )  # fmt: skip
    assert times.admits(Cluster(0, (1,)))
    assert not times.admits(Cluster(0, (1, 2)))  # 2 * 0.9 > 1.5
    assert times.iteration_s(Cluster(0, (1, 2))) == pytest.approx(2.4)
    assert replace(times, top_s=np.full(3, 2.0)).admits(Cluster(0, (1,)))  # nobody stands in its line


@settings(max_examples=60)
@given(st.lists(st.floats(0.1, 10.0), min_size=1, max_size=8), st.integers(1, 40), st.integers(0, 99))
def test_unclipped_frequencies_end_less_than_an_iteration_before_the_fastest(
    iteration_s: list[float], most: int, seed: int
) -> None:
    model_s = np.random.default_rng(seed).uniform(0.0, 5.0, len(iteration_s)).tolist()
    paces = local_frequencies(iteration_s, model_s, most)
    fastest = min(range(len(paces)), key=lambda c: iteration_s[c])
    assert paces[fastest] == most
    end_s = most * iteration_s[fastest] + model_s[fastest]
    for one_s, beta_s, pace in zip(iteration_s, model_s, paces, strict=True):
        assert 1 <= pace <= most
        if 1 < pace < most:
            assert -1e-6 <= end_s - (pace * one_s + beta_s) < one_s + 1e-6


def test_equal_clusters_make_equally_many_iterations() -> None:
    assert local_frequencies([0.7, 0.7, 0.7], [0.3, 0.3, 0.3], 20) == (20, 20, 20)


@given(st.integers(0, 10_000), st.integers(2, 10))
def test_divergence_is_zero_for_equal_mixes_and_positive_for_others(seed: int, num_classes: int) -> None:
    one, other = np.random.default_rng(seed).dirichlet(np.ones(num_classes), 2)
    assert mix_divergence(one, one) == 0.0
    assert mix_divergence(one, other) > 0.0


def test_two_clients_of_one_class_each_are_together_what_everybody_is() -> None:
    half = np.array([0.5, 0.5])
    assert mix_divergence(np.array([1.0, 0.0]), half) == pytest.approx(math.log(2))
    assert mix_divergence(half, half) == 0.0
    with pytest.raises(ValueError, match="not in the reference"):
        mix_divergence(half, np.array([1.0, 0.0]))


def test_one_client_makes_no_cluster() -> None:
    with pytest.raises(RequestError, match="two clients"):
        form_clusters(problem(0, 1), 1, np.random.default_rng(0))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.05, 1.0))
def test_a_cohort_keeps_to_its_budget_and_is_closer_to_everybodys_labels_than_chance(seed: int, part: float) -> None:
    rng = np.random.default_rng(seed)
    shares, batches = rng.dirichlet(np.full(NUM_CLASSES, 0.3), 12), rng.integers(1, 17, 12)
    chosen = list(cohort_of_closest_labels(shares, batches, part * batches.sum(), 20, 15, rng))
    assert len(chosen) == 1 or batches[chosen].sum() <= part * batches.sum()

    def cost(clients: list[int]) -> float:
        return mix_divergence(batches[clients] @ shares[clients] / batches[clients].sum(), shares.mean(axis=0))

    chance = [cost(rng.choice(12, size=len(chosen), replace=False).tolist()) for _ in range(20)]
    assert cost(chosen) <= np.median(chance) + 1e-9


def test_batches_are_inverse_to_times() -> None:
    assert regulated_batches(np.array([0.1, 0.2, 0.3, 9.0]), 16).tolist() == [16, 8, 5, 1]
    assert regulated_batches(np.full(3, 0.3), 16).tolist() == [16, 16, 16]
