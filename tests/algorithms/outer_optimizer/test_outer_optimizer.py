import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from algorithms.outer_optimizer import Average, DelayedNesterov, HeavyBall, Nesterov, OuterOptimizer, Sgd

seeds = st.integers(0, 2**32 - 1)


def steps(optimizer: OuterOptimizer, start: np.ndarray, deltas: np.ndarray, num_regions: int = 1) -> list[np.ndarray]:
    state, passed = optimizer.start(len(start), num_regions), [start]
    for delta in deltas:
        passed.append(state.step(passed[-1], delta))
    return passed[1:]


@pytest.mark.parametrize(
    ("optimizer", "arguments"),
    [
        (Nesterov(), {"lr": 0.7, "momentum": 0.9, "nesterov": True}),
        (Nesterov(learning_rate=0.4, momentum=0.5), {"lr": 0.4, "momentum": 0.5, "nesterov": True}),
        (HeavyBall(), {"lr": 0.7, "momentum": 0.9}),
        (Sgd(learning_rate=0.3), {"lr": 0.3}),
        (Average(), {"lr": 1.0}),
    ],
)
@given(seed=seeds)
def test_it_steps_as_pytorch_does_with_the_pseudo_gradient_as_the_gradient(
    optimizer: OuterOptimizer, arguments: dict[str, float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    start, deltas = rng.normal(size=4).astype(np.float32), rng.normal(size=(6, 4)).astype(np.float32)
    parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
    theirs = torch.optim.SGD([parameter], **arguments)
    for ours, delta in zip(steps(optimizer, start, deltas), deltas, strict=True):
        parameter.grad = torch.from_numpy(delta.copy())
        theirs.step()
        np.testing.assert_allclose(ours, parameter.detach().numpy(), rtol=1e-5, atol=1e-5)


@given(seed=seeds)
def test_averaging_makes_the_mean_of_the_regions_the_global_parameters(seed: int) -> None:
    rng = np.random.default_rng(seed)
    anchor, regions = rng.normal(size=4), rng.normal(size=(3, 4))
    averaged = steps(Average(), anchor, [np.mean(anchor - regions, axis=0)])[0]
    np.testing.assert_allclose(averaged, regions.mean(axis=0), rtol=0, atol=1e-12)


def test_delayed_nesterov_by_hand() -> None:
    optimizer = DelayedNesterov(learning_rate=1, momentum=0.5)
    passed = steps(optimizer, np.zeros(1), np.array([[2.0], [4.0], [2.0], [0.0]]), num_regions=2)
    # v = (2 + 4) / 2 = 3 with the second, v = 0.5 * 3 + (2 + 0) / 2 = 2.5 with the fourth.
    assert [float(x[0]) for x in passed] == [-1, -1 - 2 - 1.5, -4.5 - 1, -5.5 - 0 - 1.25]


@given(seed=seeds, num_regions=st.integers(1, 5))
def test_as_many_equal_arrivals_as_regions_move_as_far_as_one_step_of_nesterov(seed: int, num_regions: int) -> None:
    rng = np.random.default_rng(seed)
    start, deltas = rng.normal(size=3), rng.normal(size=(4, 3))
    once = steps(Nesterov(learning_rate=0.3), start, deltas)
    late = steps(DelayedNesterov(learning_rate=0.3), start, np.repeat(deltas, num_regions, axis=0), num_regions)
    np.testing.assert_allclose(late[num_regions - 1 :: num_regions], once, rtol=0, atol=1e-12)


def test_a_stated_number_of_arrivals_goes_before_the_number_of_regions() -> None:
    deltas = np.ones((6, 1))
    stated = steps(DelayedNesterov(num_arrivals=3), np.zeros(1), deltas, num_regions=2)
    np.testing.assert_array_equal(stated, steps(DelayedNesterov(), np.zeros(1), deltas, num_regions=3))


def test_the_buffer_of_single_precision_parameters_does_not_lose_small_pseudo_gradients() -> None:
    state = HeavyBall(learning_rate=1, momentum=0.999999).start(1)
    for _ in range(1000):
        state.step(np.zeros(1, dtype=np.float32), np.full(1, 1e-9, dtype=np.float32))
    assert state.buffer[0] == pytest.approx(1e-9 * 1000, rel=1e-3)


@pytest.mark.parametrize("momentum", [-0.1, 1.0])
def test_a_momentum_outside_zero_to_one_is_refused(momentum: float) -> None:
    for rule in (Nesterov, HeavyBall, DelayedNesterov):
        with pytest.raises(ValidationError, match="momentum"):
            rule(momentum=momentum)
