import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.schedules.magic_mirror import (
    Orders,
    RoundTimes,
    best_of_starts,
    magic_mirror,
    makespan_s,
    trained_s,
    upload_only,
)

MANY = settings(max_examples=100, deadline=None)
NUM_INSTANCES = 1000
# The longest training, in units of the longest transfer.
TRAINING = (1.0, 2.0, 4.0, 8.0)


@st.composite
def rounds(draw: st.DrawFn) -> RoundTimes:
    num_clients = draw(st.integers(1, 8))
    # Quarters, so that ties are common and sums are exact.
    durations = st.lists(st.integers(0, 24).map(lambda n: n / 4), min_size=num_clients, max_size=num_clients)
    return RoundTimes(*(np.array(draw(durations)) for _ in range(3)))


def random_orders(times: RoundTimes, seed: int) -> Orders:
    rng = np.random.default_rng(seed)
    num_clients = len(times.train_s)
    return Orders(*(tuple(rng.permutation(num_clients).tolist()) for _ in range(2)))


def random_round(rng: np.random.Generator, num_clients: int, longest_training: float) -> RoundTimes:
    download_s, upload_s = rng.uniform(0, 1, (2, num_clients))
    return RoundTimes(download_s, rng.uniform(0, longest_training, num_clients), upload_s)


def least_makespan_s(times: RoundTimes) -> float:
    """Return the least makespan of all pairs of orders."""
    everybody = range(len(times.train_s))
    pairs = itertools.product(itertools.permutations(everybody), repeat=2)
    return min(makespan_s(times, Orders(*pair)) for pair in pairs)


def least_makespan_over_downloads_s(times: RoundTimes) -> float:
    """Return the same: for given downloads, uploading first trained, first served is best (a law below)."""
    orders = itertools.permutations(range(len(times.train_s)))
    return min(makespan_s(times, upload_only(times, downloads)) for downloads in orders)


@MANY
@given(times=rounds(), seed=st.integers(0, 999))
def test_a_schedule_and_its_mirror_have_equal_makespan(times: RoundTimes, seed: int) -> None:
    orders = random_orders(times, seed)
    assert makespan_s(times.mirrored(), orders.mirrored()) == makespan_s(times, orders)
    assert orders.mirrored().mirrored() == orders


@MANY
@given(times=rounds(), seed=st.integers(0, 999))
def test_the_makespan_is_the_longest_path_through_a_download_a_training_and_the_uploads_behind_it(
    times: RoundTimes, seed: int
) -> None:
    orders = random_orders(times, seed)
    until, behind = np.zeros(len(times.train_s)), np.zeros(len(times.train_s))
    until[list(orders.downloads)] = np.cumsum(times.download_s[list(orders.downloads)])
    behind[list(orders.uploads[::-1])] = np.cumsum(times.upload_s[list(orders.uploads[::-1])])
    longest_s = max(times.download_s.sum() + times.upload_s.sum(), (until + times.train_s + behind).max())
    assert makespan_s(times, orders) == longest_s


@settings(max_examples=60, deadline=None)
@given(times=rounds().filter(lambda times: len(times.train_s) <= 5), seed=st.integers(0, 99))
def test_first_trained_first_served_is_the_best_order_of_uploads(times: RoundTimes, seed: int) -> None:
    downloads = random_orders(times, seed).downloads
    every = (Orders(downloads, uploads) for uploads in itertools.permutations(downloads))
    assert makespan_s(times, upload_only(times, downloads)) == min(makespan_s(times, orders) for orders in every)


def test_a_worked_example() -> None:
    # Slow trainer 0: downloading it first hides its training behind the others' transfers.
    times = RoundTimes(np.array([1.0, 1.0, 1.0]), np.array([6.0, 0.0, 1.0]), np.array([2.0, 2.0, 2.0]))
    assert trained_s(times, (2, 1, 0)).tolist() == [9.0, 2.0, 2.0]
    assert makespan_s(times, Orders((2, 1, 0), (1, 2, 0))) == 11.0
    best = magic_mirror(times, (2, 1, 0))
    assert best.downloads[0] == 0 and best.uploads[-1] == 0
    assert makespan_s(times, best) == 9.0 == least_makespan_s(times)


@MANY
@given(times=rounds(), seed=st.integers(0, 999))
def test_the_iteration_ends_where_neither_order_alone_can_be_improved(times: RoundTimes, seed: int) -> None:
    orders = magic_mirror(times, random_orders(times, seed).downloads)
    length_s = makespan_s(times, orders)
    for order in orders:
        assert sorted(order) == list(range(len(times.train_s)))
    assert makespan_s(times, upload_only(times, orders.downloads)) == length_s
    mirror = times.mirrored()
    assert makespan_s(mirror, upload_only(mirror, orders.mirrored().downloads)) == length_s
    assert magic_mirror(times, orders.downloads) == orders


def test_it_is_never_worse_than_the_upload_only_ordering_and_the_best_of_starts_never_worse_than_it() -> None:
    rng = np.random.default_rng(0)
    gains = []
    for instance in range(NUM_INSTANCES):
        times = random_round(rng, int(rng.integers(1, 13)), TRAINING[instance % 4])
        plain = makespan_s(times, upload_only(times, range(len(times.train_s))))
        once, best = makespan_s(times, magic_mirror(times)), makespan_s(times, best_of_starts(times))
        assert best <= once <= plain
        gains.append(1 - once / plain)
    assert np.mean(gains) > 0.02
    assert np.mean(np.array(gains) > 0) > 0.3


def test_the_best_of_starts_of_a_round_and_of_its_mirror_are_equally_long() -> None:
    rng = np.random.default_rng(1)
    for instance in range(200):
        times = random_round(rng, 5, TRAINING[instance % 4])
        here_s = makespan_s(times, best_of_starts(times))
        there_s = makespan_s(times.mirrored(), best_of_starts(times.mirrored()))
        assert there_s == pytest.approx(here_s, rel=1e-12)


def share_of_optima(num_clients: int, longest_training: float, num_instances: int) -> tuple[float, float]:
    """Return how often the plain iteration and the best of starts are as short as brute force."""
    rng = np.random.default_rng(num_clients)
    hits = np.zeros(2)
    for _ in range(num_instances):
        times = random_round(rng, num_clients, longest_training)
        shortest_s = least_makespan_over_downloads_s(times)
        lengths_s = [makespan_s(times, magic_mirror(times)), makespan_s(times, best_of_starts(times))]
        assert min(lengths_s) >= shortest_s - 1e-12
        hits += np.array(lengths_s) <= shortest_s + 1e-12
    once, best = hits / num_instances
    return float(once), float(best)


@pytest.mark.parametrize("num_clients", [2, 3, 4])
def test_the_best_of_starts_equals_brute_force_on_at_least_nine_in_ten_small_instances(num_clients: int) -> None:
    shares = np.array([share_of_optima(num_clients, training, 60) for training in TRAINING])
    assert shares[:, 1].mean() >= 0.9
    assert (shares[:, 1] >= shares[:, 0]).all()


@pytest.mark.slow
@pytest.mark.parametrize("num_clients", [2, 3, 4, 5])
def test_the_share_of_optima_depends_on_how_training_compares_to_transfers(num_clients: int) -> None:
    # Measured with 200 instances each; the plain iteration finds as few as half of the optima (5 clients, training
    # up to 4 transfers), the best of starts at least nine in ten everywhere.
    shares = np.array([share_of_optima(num_clients, training, 200) for training in TRAINING])
    assert (shares[:, 1] >= 0.9).all()
    assert shares[:, 0].min() < 0.95


@pytest.mark.parametrize(
    ("durations", "complaint"),
    [
        (([], [], []), "at least one"),
        (([1.0], [1.0, 2.0], [1.0]), r"train_s has shape \(2,\)"),
        (([1.0], [1.0], [-1.0]), "upload_s must be at least 0"),
        (([np.inf], [1.0], [1.0]), "download_s must be at least 0 and finite"),
    ],
)
def test_impossible_durations_are_refused(durations: tuple[list[float], ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        RoundTimes(*(np.array(part) for part in durations))
