import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.errors import RequestError
from testbed.learning.partition import (
    DirichletPartition,
    IidPartition,
    PathologicalPartition,
    label_distance,
    label_histogram,
)

FEW = settings(max_examples=40, deadline=None)


def rng_of(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def labels_of(class_sizes: list[int], seed: int = 0) -> np.ndarray:
    return rng_of(seed).permutation(np.repeat(np.arange(len(class_sizes)), class_sizes))


def assert_is_a_partition(shards: list[np.ndarray], num_samples: int) -> None:
    assert all(shard.dtype == np.int64 and (np.diff(shard) > 0).all() for shard in shards)
    assert np.array_equal(np.sort(np.concatenate(shards)), np.arange(num_samples))


# Rules that can serve 12 clients with 10 classes of 30 samples.
RULES = [
    IidPartition(),
    DirichletPartition(alpha=0.3),
    DirichletPartition(alpha=5.0, min_samples=4),
    PathologicalPartition(classes_per_client=1),
    PathologicalPartition(classes_per_client=3),
]


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_deal_is_sorted_disjoint_and_covers_all_samples(rule):
    labels = labels_of([30] * 10)
    shards = rule.deal(labels, 12, rng_of(1))
    assert len(shards) == 12
    assert_is_a_partition(shards, len(labels))


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_the_same_stream_deals_the_same_and_another_stream_otherwise(rule):
    labels = labels_of([30] * 10)

    def deal(seed: int) -> list[list[int]]:
        return [shard.tolist() for shard in rule.deal(labels, 12, rng_of(seed))]

    assert deal(5) == deal(5)
    assert deal(5) != deal(6)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_dealing_leaves_the_labels_as_they_were(rule):
    labels = labels_of([30] * 10)
    labels.flags.writeable = False
    rule.deal(labels, 12, rng_of(0))


@pytest.mark.parametrize(
    "rule",
    [IidPartition(), DirichletPartition(alpha=1.0), PathologicalPartition(classes_per_client=1)],
    ids=lambda rule: type(rule).__name__,
)
def test_more_clients_than_samples_are_refused(rule):
    with pytest.raises(RequestError, match="4 samples cannot give each of 5 clients 1"):
        rule.deal(np.array([0, 0, 1, 1]), 5, rng_of(0))


@FEW
@given(num_clients=st.integers(1, 30), extra=st.integers(0, 70))
def test_iid_sizes_differ_by_at_most_one(num_clients, extra):
    labels = labels_of([num_clients + extra])
    sizes = [len(shard) for shard in IidPartition().deal(labels, num_clients, rng_of(0))]
    assert max(sizes) - min(sizes) <= 1


def test_iid_label_mixes_have_the_hypergeometric_mean_and_spread():
    # One client of N gets n of D samples without replacement: a class of share 1/2 has variance
    # n/4 * (D - n)/(D - 1), and each of the 200 deals is a fresh draw of client 0.
    labels, num_clients = labels_of([100, 100]), 10
    rng = rng_of(2)
    held = np.array([(labels[IidPartition().deal(labels, num_clients, rng)[0]] == 0).sum() for _ in range(200)])
    variance = 20 / 4 * (200 - 20) / 199
    assert abs(held.mean() - 10.0) < 4 * np.sqrt(variance / 200)
    assert abs(held.var(ddof=1) - variance) < 4 * variance * np.sqrt(2 / 199)


@FEW
@given(
    alpha=st.floats(0.2, 100.0),
    class_sizes=st.lists(st.integers(0, 60), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) >= 60),
    num_clients=st.integers(1, 4),
    min_samples=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_a_dirichlet_deal_gives_everybody_the_least_and_loses_nothing(
    alpha, class_sizes, num_clients, min_samples, seed
):
    labels = labels_of(class_sizes)
    rule = DirichletPartition(alpha=alpha, min_samples=min_samples)
    shards = rule.deal(labels, num_clients, rng_of(seed))
    assert_is_a_partition(shards, len(labels))
    assert min(len(shard) for shard in shards) >= min_samples


def test_dirichlet_with_a_huge_alpha_splits_every_class_evenly():
    labels = labels_of([40, 80, 120])
    shards = DirichletPartition(alpha=1e8).deal(labels, 8, rng_of(0))
    # Cuts are rounded, so a piece may be off by one.
    assert np.abs(label_histogram(labels, shards, 3) - np.array([5, 10, 15])).max() <= 1


def test_dirichlet_shares_have_the_mean_and_variance_of_the_distribution():
    # A share of a symmetric Dirichlet over N clients is Beta(alpha, (N-1) alpha).
    alpha, num_clients, num_classes = 2.0, 5, 400
    labels = np.repeat(np.arange(num_classes), 1000)
    shards = DirichletPartition(alpha=alpha).deal(labels, num_clients, rng_of(3))
    share = label_histogram(labels, shards, num_classes)[0] / 1000
    mean = 1 / num_clients
    variance = mean * (1 - mean) / (num_clients * alpha + 1)
    fourth = ((share - mean) ** 4).mean()
    assert abs(share.mean() - mean) < 4 * np.sqrt(variance / num_classes)
    assert abs(((share - mean) ** 2).mean() - variance) < 4 * np.sqrt((fourth - variance**2) / num_classes)


def test_a_smaller_alpha_makes_label_mixes_differ_more():
    labels = labels_of([200] * 10)

    def mean_distance(alpha: float) -> float:
        shards = DirichletPartition(alpha=alpha).deal(labels, 10, rng_of(0))
        return float(label_distance(label_histogram(labels, shards, 10)).mean())

    assert mean_distance(0.1) > mean_distance(1.0) > mean_distance(10.0) > mean_distance(1000.0)


def test_a_dirichlet_request_that_no_draw_meets_is_refused_with_what_to_change():
    with pytest.raises(RequestError, match=r"alpha = 0\.01.*each of 20 clients 9 of 200 samples.*larger alpha"):
        DirichletPartition(alpha=0.01, min_samples=9).deal(labels_of([100, 100]), 20, rng_of(0))


@pytest.mark.parametrize("table", [{"alpha": 0.0}, {"alpha": -1.0}, {"alpha": 1.0, "min_samples": 0}, {}])
def test_impossible_dirichlet_settings_are_refused(table):
    with pytest.raises(ValueError, match=r"alpha|min_samples"):
        DirichletPartition.from_table("dirichlet", table)


@pytest.mark.parametrize("clients_per_class", [1, 4, 10])
def test_single_class_clients_stand_in_the_order_of_the_paper(clients_per_class):
    num_clients = 10 * clients_per_class
    labels = labels_of([40] * 10)
    shards = PathologicalPartition(classes_per_client=1).deal(labels, num_clients, rng_of(0))
    for client, shard in enumerate(shards):
        assert set(labels[shard]) == {client * 10 // num_clients}
        assert len(shard) == 40 // clients_per_class


@FEW
@given(num_classes=st.integers(1, 10), num_clients=st.integers(1, 25), width=st.integers(1, 10))
def test_a_pathological_client_holds_exactly_so_many_classes_or_the_request_is_refused(num_classes, num_clients, width):
    labels = labels_of([300] * num_classes)
    rule = PathologicalPartition(classes_per_client=width)
    if width > num_classes or num_clients * width < num_classes:
        with pytest.raises(RequestError, match="classes"):
            rule.deal(labels, num_clients, rng_of(0))
        return
    shards = rule.deal(labels, num_clients, rng_of(0))
    assert_is_a_partition(shards, len(labels))
    assert [len(set(labels[shard])) for shard in shards] == [width] * num_clients


def test_a_class_too_small_for_its_holders_is_refused_by_name():
    with pytest.raises(RequestError, match="class 1 has 2 samples for the 3 clients"):
        PathologicalPartition(classes_per_client=1).deal(labels_of([9, 2]), 6, rng_of(0))


def test_the_histogram_conserves_the_samples_of_every_class():
    labels = labels_of([7, 0, 21, 14])
    shards = DirichletPartition(alpha=0.5).deal(labels, 4, rng_of(1))
    histogram = label_histogram(labels, shards, 5)
    assert histogram.shape == (4, 5)
    assert histogram.sum(axis=0).tolist() == [7, 0, 21, 14, 0]
    assert histogram.sum(axis=1).tolist() == [len(shard) for shard in shards]


@pytest.mark.parametrize("num_classes", [2, 5, 10])
def test_the_label_distance_of_single_class_clients_is_two_minus_two_over_k(num_classes):
    expected = 2 - 2 / num_classes
    assert label_distance(7 * np.eye(num_classes)) == pytest.approx(np.full(num_classes, expected), abs=1e-12)


def test_the_label_distance_of_equal_mixes_is_zero_whatever_their_sizes():
    assert label_distance(np.array([[1, 2, 3], [10, 20, 30]])) == pytest.approx([0.0, 0.0], abs=1e-12)


def test_the_label_distance_of_a_worked_example():
    # Population (1/2, 1/2); the first mix is (3/4, 1/4), the second (1/4, 3/4).
    assert label_distance(np.array([[3, 1], [1, 3]])).tolist() == [0.5, 0.5]
    assert label_distance(np.array([4, 0]), np.array([4, 12])) == pytest.approx(1.5)


mixes = st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any), min_size=2, max_size=6)


@FEW
@given(mixes)
def test_pooling_clients_never_raises_the_mean_label_distance(rows):
    # The distance is convex: a group is no farther than the data-weighted mean of its members.
    histograms = np.array(rows)
    population, weights = histograms.sum(axis=0), histograms.sum(axis=1)
    pooled = label_distance(histograms[:2].sum(axis=0), population)
    apart = np.average(label_distance(histograms[:2], population), weights=weights[:2])
    assert -1e-12 <= pooled <= apart + 1e-12 < 2 + 1e-12


@FEW
@given(mixes, st.permutations(range(4)))
def test_renaming_the_classes_changes_no_label_distance(rows, order):
    histograms = np.array(rows)
    assert label_distance(histograms[:, order]) == pytest.approx(label_distance(histograms), abs=1e-12)


def test_a_label_mix_of_no_samples_is_refused():
    with pytest.raises(ValueError, match="no samples"):
        label_distance(np.array([[0, 0], [1, 1]]))


def test_the_partition_module_needs_no_torch():
    code = "import sys, testbed.learning.partition; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
