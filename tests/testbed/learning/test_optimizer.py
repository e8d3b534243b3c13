"""Laws of the flat optimiser: it is PyTorch's, and its state holds everything that the next step needs."""

from typing import Any

import numpy as np
import pytest
import torch

from testbed.learning.optimizer import _BLOCK, FlatOptimizer, OptimizerSettings

SHAPES = [(17, 5), (17,), (3, 17), (1,)]
SIZE = sum(int(np.prod(shape)) for shape in SHAPES)
CASES: list[dict[str, Any]] = [
    {"kind": "sgd"},
    {"kind": "sgd", "momentum": 0.9, "weight_decay": 0.1},
    {"kind": "sgd", "momentum": 0.9, "clip_norm": 0.7},
    {"kind": "adam"},
    {"kind": "adam", "weight_decay": 0.1, "betas": (0.8, 0.95), "epsilon": 1e-6},
    {"kind": "adam", "clip_norm": 0.7},
    {"kind": "adamw"},
    {"kind": "adamw", "weight_decay": 0.1, "betas": (0.9, 0.95), "epsilon": 1e-6},
    {"kind": "adamw", "weight_decay": 0.1, "clip_norm": 0.7},
]


def settings_of(case: dict[str, Any]) -> OptimizerSettings:
    return OptimizerSettings(learning_rate=0.01, **case)


def gradients(num_steps: int, size: int = SIZE) -> np.ndarray:
    """Return gradients of very different sizes, (num_steps, size)."""
    rng = np.random.default_rng(3)
    scales = 10.0 ** rng.uniform(-3, 1, size=(num_steps, 1))
    return (scales * rng.normal(size=(num_steps, size)) / np.sqrt(size)).astype(np.float32)


def walk(optimizer: FlatOptimizer, rates: list[float], slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    for rate, slope in zip(rates, slopes, strict=True):
        optimizer.gradient.copy_(torch.tensor(slope))
        optimizer.step(rate)
    return optimizer.parameters.numpy().copy(), optimizer.state()


def start(case: dict[str, Any], size: int = SIZE) -> FlatOptimizer:
    optimizer = FlatOptimizer(settings_of(case), size)
    begin = np.random.default_rng(1).normal(size=size).astype(np.float32)
    optimizer.load([begin], np.zeros(optimizer.settings.num_state(size), np.float32))
    return optimizer


@pytest.mark.parametrize("case", CASES, ids=str)
def test_many_steps_are_those_of_pytorch_with_its_own_clipping(case: dict[str, Any]) -> None:
    optimizer = start(case)
    tensors = [
        torch.nn.Parameter(piece.view(shape).clone())
        for piece, shape in zip(
            optimizer.parameters.split([int(np.prod(shape)) for shape in SHAPES]), SHAPES, strict=True
        )
    ]
    settings = settings_of(case)
    theirs: torch.optim.Optimizer
    if case["kind"] != "sgd":
        theirs = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[case["kind"]](
            tensors, lr=1.0, betas=settings.betas, eps=settings.epsilon, weight_decay=settings.weight_decay
        )
    else:
        theirs = torch.optim.SGD(tensors, lr=1.0, momentum=settings.momentum, weight_decay=settings.weight_decay)
    rates, slopes = list(np.linspace(0.02, 0.001, 200)), gradients(200)
    for rate, slope in zip(rates, slopes, strict=True):
        for tensor, piece in zip(
            tensors, torch.tensor(slope).split([tensor.numel() for tensor in tensors]), strict=True
        ):
            tensor.grad = piece.view(tensor.shape).clone()
        if settings.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(tensors, settings.clip_norm)
        theirs.param_groups[0]["lr"] = rate
        theirs.step()
    expected = torch.cat([tensor.detach().reshape(-1) for tensor in tensors]).numpy()
    np.testing.assert_allclose(walk(optimizer, rates, slopes)[0], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("cut", [1, 4, 9])
def test_the_state_holds_all_that_the_next_step_needs_to_the_bit(case: dict[str, Any], cut: int) -> None:
    rates, slopes = list(np.linspace(0.02, 0.001, 10)), gradients(10)
    whole = walk(start(case), rates, slopes)
    optimizer = start(case)
    parameters, state = walk(optimizer, rates[:cut], slopes[:cut])
    walk(optimizer, rates[:3], slopes[:3])  # another job in between
    optimizer.load([parameters[:30], parameters[30:]], state)
    parts = walk(optimizer, rates[cut:], slopes[cut:])
    assert [vector.tobytes() for vector in parts] == [vector.tobytes() for vector in whole]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_vector_of_many_blocks_is_stepped_in_every_entry(case: dict[str, Any]) -> None:
    size = 2 * _BLOCK + 7
    optimizer = start(case, size)
    before = optimizer.parameters.numpy().copy()
    slopes = np.ones((3, size), np.float32)
    after, state = walk(optimizer, [0.1] * 3, slopes)
    assert (after < before).all()
    assert len(state) == optimizer.settings.num_state(size)


def test_decay_shrinks_every_trained_entry_whatever_its_gradient() -> None:
    """Loshchilov and Hutter: w <- (1 - eta decay) w, apart from the gradient."""
    optimizer = start({"kind": "adamw", "weight_decay": 0.5})
    before = optimizer.parameters.numpy().copy()
    after, _ = walk(optimizer, [0.1], np.zeros((1, SIZE), np.float32))
    np.testing.assert_allclose(after, before * (1 - 0.1 * 0.5), rtol=1e-6)


def test_a_gradient_is_clipped_to_the_norm_and_one_that_is_short_enough_is_left_alone() -> None:
    for factor, expected in ((0.5, 0.5), (1.0, 1.0), (7.0, 1.0)):
        optimizer = start({"kind": "sgd", "clip_norm": 1.0})
        before = optimizer.parameters.double().numpy()
        slope = np.full((1, SIZE), factor / np.sqrt(SIZE), np.float32)
        after, _ = walk(optimizer, [1.0], slope)
        assert np.linalg.norm(before - after) == pytest.approx(expected, rel=1e-5)


def test_clipping_hides_no_gradient_that_is_not_a_number() -> None:
    optimizer = start({"kind": "sgd", "clip_norm": 1.0})
    after, _ = walk(optimizer, [1.0], np.full((1, SIZE), np.nan, np.float32))
    assert np.isnan(after).all()


def test_adam_without_decay_is_adamw_without_decay_to_the_last_bit() -> None:
    rates, slopes = [0.01] * 20, gradients(20)
    adam, adamw = (walk(start({"kind": kind}), rates, slopes) for kind in ("adam", "adamw"))
    assert adam[0].tobytes() == adamw[0].tobytes()
    assert adam[1].tobytes() == adamw[1].tobytes()


def test_the_decay_of_adam_goes_through_its_moments_and_that_of_adamw_does_not() -> None:
    rates, slopes = [0.01] * 20, gradients(20)
    free, adam, adamw = (
        walk(start({"kind": kind, "weight_decay": decay}), rates, slopes)[1]
        for kind, decay in (("adamw", 0.0), ("adam", 0.1), ("adamw", 0.1))
    )
    assert adamw.tobytes() == free.tobytes()
    assert np.abs(adam - free).max() > 1e-3
