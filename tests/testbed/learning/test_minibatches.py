"""Laws of minibatches: every epoch is a permutation, luck is prefix-stable, padding is the row's own."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.errors import RequestError
from testbed.learning.job_luck import draw_luck, draw_luck_ahead
from testbed.learning.minibatches import BatchPlan, BatchSize, padded_width
from testbed.streams import Purpose, stream


def _draw(num_samples: int, plan: BatchPlan, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    shard = np.arange(100, 100 + num_samples)
    ((_, samples, counts),) = draw_luck([np.random.default_rng(seed)], [shard], plan, plan.width(num_samples))
    return samples, counts


@given(st.integers(2, 60), st.integers(1, 59), st.integers(1, 4))
def test_every_epoch_visits_every_sample_exactly_once(size: int, batch: int, epochs: int) -> None:
    plan = BatchPlan(min(batch, size - 1), local_epochs=epochs)
    samples, counts = _draw(size, plan)
    per_epoch = plan.steps_per_epoch(size)
    for first in range(0, len(samples), per_epoch):
        rows = range(first, first + per_epoch)
        visited = np.concatenate([samples[row, : counts[row]] for row in rows])
        assert sorted(visited) == list(range(100, 100 + size))
    assert counts.sum() == epochs * size == plan.samples_per_job(size)


@given(st.integers(1, 60), st.integers(1, 80), st.integers(1, 12))
def test_the_samples_of_a_job_are_counted_before_it_is_drawn(size: int, batch: int, steps: int) -> None:
    plan = BatchPlan(batch, local_steps=steps)
    _, counts = _draw(size, plan)
    assert plan.samples_per_job(size) == counts.sum() * (steps // len(counts))


def test_epochs_are_reshuffled() -> None:
    samples, _ = _draw(20, BatchPlan(10, local_epochs=3))
    orders = [list(range(100, 120)), *samples.reshape(3, 20).tolist()]
    assert all(one != other for one, other in itertools.combinations(orders, 2))


def test_more_steps_leave_the_first_ones_as_they_were() -> None:
    short, long = (
        draw_luck([np.random.default_rng(0)], [np.arange(25)], BatchPlan(10, local_steps=num_steps), 10)[0]
        for num_steps in (4, 9)
    )
    np.testing.assert_array_equal(short.samples, long.samples[:4])
    assert short.torch_seed == long.torch_seed


def test_the_last_partial_batch_is_kept() -> None:
    _, counts = _draw(25, BatchPlan(10, local_epochs=1))
    assert counts.tolist() == [10, 10, 5]


def test_padding_repeats_the_first_sample_of_its_own_row() -> None:
    samples, counts = _draw(25, BatchPlan(10, local_epochs=1))
    assert np.all(samples[2, counts[2] :] == samples[2, 0])


@pytest.mark.parametrize("batch_size", ["full", 30, 31])
def test_a_batch_of_the_whole_shard_is_one_row_and_draws_nothing(batch_size: int | str) -> None:
    rng, other = np.random.default_rng(0), np.random.default_rng(0)
    plan = BatchPlan(batch_size, local_steps=7)
    ((torch_seed, samples, counts),) = draw_luck([rng], [np.arange(30)], plan, 31)
    assert samples.shape[0] == 1
    assert samples[0, :30].tolist() == list(range(30))
    assert counts.tolist() == [30]
    assert torch_seed == other.integers(2**63)
    assert rng.bit_generator.state == other.bit_generator.state


@given(
    st.dictionaries(st.tuples(st.integers(0, 9), st.integers(0, 5)), st.integers(1, 12), max_size=5),
    st.sampled_from([1, 4, 12, "full"]),
    st.sampled_from([{"local_steps": 5}, {"local_epochs": 2}]),
)
def test_luck_drawn_ahead_is_what_each_job_alone_draws(
    num_samples: dict[tuple[int, int], int], batch_size: BatchSize, length: dict[str, int]
) -> None:
    plan = BatchPlan(batch_size, **length)
    shards = {address: np.arange(num) + 100 * address[0] for address, num in num_samples.items()}
    ahead = draw_luck_ahead(3, shards, plan, 12)
    assert ahead.keys() == shards.keys()
    for address, (torch_seed, samples, counts) in ahead.items():
        (alone,) = draw_luck([stream(3, Purpose.TRAIN, *address)], [shards[address]], plan, 12)
        assert torch_seed == alone.torch_seed
        np.testing.assert_array_equal(samples, alone.samples)
        np.testing.assert_array_equal(counts, alone.counts)


@given(st.integers(1, 500))
def test_the_padded_width_holds_the_row_and_wastes_less_than_half_above_the_smallest(size: int) -> None:
    width = padded_width(size, 500)
    assert size <= width <= 500
    assert width <= max(32, 2 * size - 1)


def test_a_row_wider_than_the_task_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        padded_width(11, 10)


@pytest.mark.parametrize("settings", [{"local_steps": 2, "local_epochs": 2}, {"local_steps": 0}])
def test_a_plan_has_one_positive_number_of_steps_or_epochs_at_most(settings: dict[str, int]) -> None:
    with pytest.raises(RequestError):
        BatchPlan(10, **settings)
