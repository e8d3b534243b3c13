"""Laws of the learning rate: continuous where warm-up ends, falling to its final fraction, and never further."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from testbed.errors import RequestError
from testbed.learning.learning_rate import Decay, LearningRate

DECAYS: list[Decay] = ["none", "cosine", "linear"]


@given(st.sampled_from(DECAYS), st.floats(1e-5, 10), st.integers(0, 20), st.integers(1, 200), st.floats(0, 1))
def test_the_rate_rises_to_the_peak_and_falls_to_its_final_fraction(
    decay: Decay, peak: float, warmup: int, length: int, fraction: float
) -> None:
    total = warmup + length
    rates = LearningRate(peak, warmup, decay, fraction, total).rates(0, total + 5)
    assert (np.diff(rates[: warmup + 1]) >= -1e-12 * peak).all()
    assert (np.diff(rates[warmup:]) <= 1e-12 * peak).all()
    assert rates[warmup] == pytest.approx(peak)
    assert rates[0] > 0 or fraction == 0
    expected = peak if decay == "none" else fraction * peak
    np.testing.assert_allclose(rates[total:], expected, rtol=1e-12, atol=1e-12 * peak)


def test_the_cosine_is_that_of_pytorch_and_the_middle_of_a_decay_is_half_way() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30, eta_min=0.04)
    theirs = []
    for _ in range(31):
        theirs.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(LearningRate(0.4, 0, "cosine", 0.1, 30).rates(0, 31), theirs, rtol=1e-12)
    for decay in ("cosine", "linear"):
        assert LearningRate(1.0, 10, decay, 0.2, 30).rate(20) == pytest.approx(0.6)


def test_an_exponential_decay_is_that_of_pytorch_until_it_meets_the_final_fraction() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.4)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    theirs = []
    for _ in range(30):
        theirs.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    rates = LearningRate(0.4, 3, "exponential", 0.2, factor=0.9).rates(3, 30)
    np.testing.assert_allclose(rates, np.maximum(theirs, 0.2 * 0.4), rtol=1e-12)
    assert rates[-15] > 0.08 and rates[-14] == rates[-1] == pytest.approx(0.08)  # 0.9^15 > 0.2 > 0.9^16
    np.testing.assert_allclose(LearningRate(0.4, 0, "exponential", 0.0, factor=0.9).rates(0, 30), theirs, rtol=1e-12)


def test_the_warm_up_is_a_line_through_zero_one_step_before_the_first() -> None:
    np.testing.assert_allclose(LearningRate(2.0, warmup_steps=4).rates(0, 6), [0.5, 1.0, 1.5, 2.0, 2.0, 2.0])


@given(st.integers(0, 60), st.integers(1, 30))
def test_the_rate_of_a_step_does_not_depend_on_where_one_starts_to_ask(first: int, num: int) -> None:
    schedule = LearningRate(1.0, 7, "cosine", 0.1, 50)
    np.testing.assert_array_equal(schedule.rates(first, num), schedule.rates(0, first + num)[first:])


def test_a_decay_needs_an_end_after_the_warm_up() -> None:
    with pytest.raises(RequestError, match=r"total_steps, or run\.horizon_rounds"):
        LearningRate(1.0, decay="cosine")
    with pytest.raises(RequestError, match="leaves nothing of total_steps = 5"):
        LearningRate(1.0, 5, "linear", 0.1, 5)
    with pytest.raises(RequestError, match="decay = 'exponential', decay_factor = None"):
        LearningRate(1.0, decay="exponential")
    with pytest.raises(RequestError, match=r"decay = 'linear', decay_factor = 0\.9"):
        LearningRate(1.0, 0, "linear", 0.1, 5, factor=0.9)
    assert not LearningRate(1.0, decay="exponential", factor=0.9).is_constant
    assert not LearningRate(1.0, 5).is_constant
    assert LearningRate(1.0, total_steps=5).is_constant
