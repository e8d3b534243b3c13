import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.learning.partition import StratifiedPartition, label_histogram


@settings(max_examples=60, deadline=None)
@given(
    class_sizes=st.lists(st.integers(0, 40), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) >= 12),
    num_clients=st.integers(1, 12),
    seed=st.integers(0, 99),
)
def test_sizes_and_every_class_are_equal_up_to_one_sample(class_sizes: list[int], num_clients: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(class_sizes)), class_sizes))
    shards = StratifiedPartition().deal(labels, num_clients, rng)
    sizes = np.array([len(shard) for shard in shards])
    counts = label_histogram(labels, shards, len(class_sizes))
    assert sizes.max() - sizes.min() <= 1
    assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()


def test_who_gets_one_more_and_which_samples_is_chance() -> None:
    labels, draws = np.arange(9) % 2, 400
    rule, rng = StratifiedPartition(), np.random.default_rng(3)
    deals = [rule.deal(labels, 4, rng)[0] for _ in range(draws)]
    larger = np.mean([len(shard) == 3 for shard in deals])
    assert abs(larger - 0.25) < 4 * np.sqrt(0.25 * 0.75 / draws)
    held = np.bincount(np.concatenate(deals), minlength=9) / draws
    assert (abs(held - 0.25) < 4 * np.sqrt(0.25 * 0.75 / draws)).all()
