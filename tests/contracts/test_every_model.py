"""The contract of every model: built from a seed alone, for any image it accepts, with one score a class."""

from contextlib import suppress
from typing import Any

import pytest
import torch
from examples import examples
from torch import nn

from testbed.errors import RequestError

SHAPES: list[tuple[int, ...]] = [(1, 8, 8), (1, 28, 28), (3, 32, 32)]


@pytest.fixture(scope="module", params=examples("model"), ids=str)
def architecture(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


def accepted_shapes(architecture: Any) -> list[tuple[int, ...]]:
    """Return the shapes the model takes; it refuses the others by name."""
    accepted: list[tuple[int, ...]] = []
    for shape in SHAPES:
        try:
            architecture.build(shape, 10, 0)
            accepted.append(shape)
        except RequestError as refusal:
            assert architecture.kind in str(refusal)
    assert accepted, f"the model {architecture.kind!r} takes none of the images {SHAPES}"
    return accepted


def state(model: nn.Module) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}


def test_the_same_seed_builds_the_same_bytes_and_another_seed_others(architecture: Any) -> None:
    for shape in accepted_shapes(architecture):
        first, again, other = (state(architecture.build(shape, 10, seed)) for seed in (1, 1, 2))
        assert first == again
        matrices = [
            name for name, parameter in architecture.build(shape, 10, 1).named_parameters() if parameter.ndim > 1
        ]
        assert all(first[name] != other[name] for name in matrices)
        assert first.keys() == other.keys()


def test_building_leaves_the_global_generator_alone_even_when_it_refuses(architecture: Any) -> None:
    before = torch.get_rng_state()
    for shape in [*SHAPES, (3, 2, 2), (5,)]:
        with suppress(RequestError):
            architecture.build(shape, 10, 3)
        assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("num_classes", [2, 10])
@pytest.mark.parametrize("num_samples", [1, 5])
def test_samples_are_mapped_to_one_finite_score_a_class(architecture: Any, num_classes: int, num_samples: int) -> None:
    for shape in accepted_shapes(architecture):
        model = architecture.build(shape, num_classes, 0)
        inputs = torch.rand(num_samples, *shape, generator=torch.Generator().manual_seed(0))
        scores = model(inputs)
        assert scores.shape == (num_samples, num_classes)
        assert torch.isfinite(scores).all()


def test_scores_are_not_probabilities_for_the_loss_makes_them_so(architecture: Any) -> None:
    for shape in accepted_shapes(architecture):
        model = architecture.build(shape, 10, 0)
        scores = model(torch.rand(20, *shape, generator=torch.Generator().manual_seed(0)))
        assert (scores < 0).any()
        assert not torch.allclose(scores.sum(1), torch.ones(20))


def test_every_parameter_is_trainable_single_precision_and_reached_by_the_gradient(architecture: Any) -> None:
    for shape in accepted_shapes(architecture):
        model = architecture.build(shape, 10, 0)
        inputs = torch.rand(3, *shape, generator=torch.Generator().manual_seed(0))
        loss = nn.functional.cross_entropy(model(inputs), torch.tensor([0, 3, 9]))
        parameters = dict(model.named_parameters())
        assert all(p.dtype == torch.float32 and p.requires_grad for p in parameters.values())
        for name, gradient in zip(parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True):
            assert gradient.abs().sum() > 0, name
