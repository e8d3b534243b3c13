"""Laws of a stratified draw: as many as asked, every class its share, every sample the same chance."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.learning.stratified_draw import stratified_draw

LABELS = st.lists(st.integers(-3, 5), min_size=1, max_size=60)


class AlmostOne(np.random.Generator):
    """Draws the largest number below one."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def random(self, *_: object, **__: object) -> float:  # type: ignore[override]
        return math.nextafter(1.0, 0.0)


@given(LABELS, st.floats(0, 1), st.integers(0, 2**32))
def test_it_draws_as_many_positions_as_asked_each_once_and_every_class_its_share_rounded(
    values: list[int], fraction: float, seed: int
) -> None:
    labels, count = np.array(values), round(fraction * len(values))
    drawn = stratified_draw(labels, count, np.random.default_rng(seed))
    assert drawn.dtype == np.int64
    assert len(drawn) == count
    assert (np.diff(drawn) > 0).all()
    assert set(drawn) <= set(range(len(labels)))
    for label in set(values):
        share = count * values.count(label) / len(values)
        assert math.floor(share + 1e-9) <= int((labels[drawn] == label).sum()) <= math.ceil(share - 1e-9)


@given(LABELS, st.floats(0, 1))
def test_the_largest_luck_below_one_draws_no_sample_too_many(values: list[int], fraction: float) -> None:
    count = round(fraction * len(values))
    assert len(stratified_draw(np.array(values), count, AlmostOne())) == count


def test_every_sample_has_the_same_chance_whatever_its_class() -> None:
    labels, count, draws = np.array([0] * 7 + [1] * 2 + [2]), 4, 4000
    rng = np.random.default_rng(5)
    hits = np.zeros(len(labels))
    for _ in range(draws):
        hits[stratified_draw(labels, count, rng)] += 1
    chance = count / len(labels)
    assert np.abs(hits / draws - chance).max() < 4 * math.sqrt(chance * (1 - chance) / draws)


@pytest.mark.parametrize("count", [-1, 4])
def test_more_than_there_are_or_fewer_than_none_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="0 to the number of samples, 3"):
        stratified_draw(np.zeros(3, np.int64), count, np.random.default_rng(0))
