"""Dropout: as often as it says, the mean kept, luck from the generator that is seeded."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphs.models.dropout import Dropout
from testbed.learning.torch_seed import seeded

NUM_ENTRIES = 200_000


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_entries_are_dropped_with_the_probability_and_the_mean_stays(p: float) -> None:
    with seeded(0):
        y = Dropout(p).train()(torch.ones(NUM_ENTRIES))
    deviation = (p * (1 - p) / NUM_ENTRIES) ** 0.5
    assert float((y == 0).float().mean()) == pytest.approx(p, abs=5 * deviation)
    assert y.unique().tolist() == pytest.approx([0.0, 1 / (1 - p)], rel=1e-3)
    assert float(y.double().mean()) == pytest.approx(1.0, abs=5 * deviation / (1 - p))


def test_neighbouring_entries_are_dropped_independently() -> None:
    """Four entries share a draw of 64 bits: none of them tells anything of another."""
    with seeded(0):
        dropped = (Dropout(0.5).train()(torch.ones(4 * NUM_ENTRIES)) == 0).float().view(-1, 4)
    correlation = torch.corrcoef(dropped.T)
    assert (correlation - torch.eye(4)).abs().max() < 5 / NUM_ENTRIES**0.5


@given(st.floats(0, 1, exclude_max=True))
def test_the_probability_is_rounded_by_less_than_2_to_the_16(p: float) -> None:
    dropout = Dropout(p)
    assert abs(dropout.p - p) <= 2.0**-16
    assert dropout.p < 1


@pytest.mark.parametrize("num_entries", [0, 1, 3, 4, 5, 9])
def test_any_number_of_entries_has_its_bits(num_entries: int) -> None:
    x = torch.ones(num_entries)
    assert Dropout(0.5).train()(x).shape == x.shape


def test_in_evaluation_and_at_zero_nothing_is_drawn_or_changed() -> None:
    x = torch.rand(50)
    before = torch.get_rng_state()
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0).train()(x) is x
    assert torch.equal(torch.get_rng_state(), before)


def test_the_global_generator_decides_and_a_generator_of_the_same_seed_gives_the_same() -> None:
    dropout, x = Dropout(0.3).train(), torch.ones(7, 5)
    with seeded(4):
        first, second = dropout(x), dropout(x)
    own = torch.Generator().manual_seed(4)
    assert torch.equal(dropout.factors(x.shape, own), first)
    assert torch.equal(dropout.factors(x.shape, own), second)
    assert not torch.equal(first, second)


def test_the_gradient_passes_where_the_entry_did() -> None:
    x = torch.ones(100, requires_grad=True)
    with seeded(0):
        y = Dropout(0.4).train()(x)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())
