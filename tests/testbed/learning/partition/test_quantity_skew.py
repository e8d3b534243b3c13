import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.errors import RequestError
from testbed.learning.partition import QuantitySkewPartition

FEW = settings(max_examples=40, deadline=None)


def deal(num_samples: int, num_clients: int, seed: int = 0, **settings: float) -> list[np.ndarray]:
    rule = QuantitySkewPartition.from_table("quantity-skew", settings)
    return rule.deal(np.arange(num_samples) % 2, num_clients, np.random.default_rng(seed))


def sizes_of(shards: list[np.ndarray]) -> np.ndarray:
    return np.array([len(shard) for shard in shards])


@FEW
@given(
    sigma=st.floats(0.0, 1000.0),
    num_clients=st.integers(1, 20),
    min_samples=st.integers(1, 4),
    extra=st.integers(0, 200),
    seed=st.integers(0, 99),
)
def test_nothing_is_lost_and_everybody_gets_the_least_however_wide_the_spread(
    sigma: float, num_clients: int, min_samples: int, extra: int, seed: int
) -> None:
    num_samples = num_clients * min_samples + extra
    shards = deal(num_samples, num_clients, seed, sigma=sigma, min_samples=min_samples)
    assert len(shards) == num_clients
    np.testing.assert_array_equal(np.sort(np.concatenate(shards)), np.arange(num_samples))
    assert sizes_of(shards).min() >= min_samples


@FEW
@given(num_clients=st.integers(1, 30), extra=st.integers(0, 70))
def test_without_a_spread_sizes_differ_by_at_most_one(num_clients: int, extra: int) -> None:
    sizes = sizes_of(deal(num_clients + extra, num_clients, sigma=0.0))
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_log_sizes_have_the_mean_zero_spread_sigma_and_no_skew_of_a_normal_distribution(sigma: float) -> None:
    num_clients = 2000
    logs = np.log(sizes_of(deal(4000 * num_clients, num_clients, seed=1, sigma=sigma)))
    spread = logs.std(ddof=1)
    assert abs(spread - sigma) < 4 * sigma / np.sqrt(2 * num_clients)
    skewness = np.mean(((logs - logs.mean()) / spread) ** 3)
    assert abs(skewness) < 4 * np.sqrt(6 / num_clients)


def test_in_the_limit_of_a_huge_spread_one_client_has_all_that_is_left() -> None:
    sizes = np.sort(sizes_of(deal(1000, 10, sigma=1e6, min_samples=3)))
    assert sizes.tolist() == [3] * 9 + [973]


def test_label_mixes_are_those_of_the_whole_whatever_the_size() -> None:
    # A client of n of D samples without replacement: a class of share 1/2 has variance n/4 (D - n)/(D - 1).
    deviations = []
    for seed in range(60):
        for shard in deal(400, 5, seed, sigma=1.0, min_samples=10):
            size = len(shard)
            deviations.append((np.sum(shard % 2) - size / 2) / np.sqrt(size / 4 * (400 - size) / 399))
    assert abs(np.mean(deviations)) < 4 / np.sqrt(len(deviations))
    assert abs(np.mean(np.square(deviations)) - 1) < 4 * np.sqrt(2 / len(deviations))


def test_more_clients_than_samples_are_refused() -> None:
    with pytest.raises(RequestError, match="5 samples cannot give each of 3 clients 2"):
        deal(5, 3, sigma=1.0, min_samples=2)


@pytest.mark.parametrize("table", [{"sigma": -0.1}, {}, {"sigma": 1.0, "min_samples": 0}])
def test_impossible_settings_are_refused(table: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"sigma|min_samples"):
        QuantitySkewPartition.from_table("quantity-skew", table)
