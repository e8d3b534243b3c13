"""The contract of every model: built from a seed alone, for any samples it accepts, with one score a class.

Samples are images, or windows of tokens with a score a class for each token. Models of graphs have a contract of their
own, `test_every_graph_model`.
"""

from contextlib import suppress
from typing import Any

import pytest
import torch
from examples import examples, takes_graphs
from torch import nn

from testbed.errors import RequestError
from testbed.learning.loss import mean_loss

WINDOW = (12,)
SHAPES: list[tuple[int, ...]] = [(1, 8, 8), (1, 28, 28), (3, 32, 32), WINDOW]


@pytest.fixture(scope="module", params=[model for model in examples("model") if not takes_graphs(model)], ids=str)
def architecture(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


def accepted_shapes(architecture: Any) -> list[tuple[int, ...]]:
    """Return the shapes the model takes; it refuses the others by name."""
    accepted: list[tuple[int, ...]] = []
    for shape in SHAPES:
        try:
            model = architecture.build(shape, 10, 0)
        except RequestError as refusal:
            assert architecture.kind in str(refusal)
            continue
        if shape != WINDOW or any(isinstance(module, nn.Embedding) for module in model.modules()):
            accepted.append(shape)
    assert accepted, f"the model {architecture.kind!r} takes none of the samples {SHAPES}"
    return accepted


def samples(shape: tuple[int, ...], num_samples: int, num_classes: int) -> torch.Tensor:
    luck = torch.Generator().manual_seed(0)
    if shape == WINDOW:
        return torch.randint(num_classes, (num_samples, *shape), generator=luck)
    return torch.rand(num_samples, *shape, generator=luck)


def labels_of(inputs: torch.Tensor, num_classes: int) -> torch.Tensor:
    shape = inputs.shape if inputs.dtype == torch.int64 else inputs.shape[:1]
    return torch.arange(shape.numel()).reshape(shape) % num_classes


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
        inputs = samples(shape, num_samples, num_classes)
        scores = model(inputs)
        assert scores.shape == (*labels_of(inputs, num_classes).shape, num_classes)
        assert torch.isfinite(scores).all()


def test_scores_are_not_probabilities_for_the_loss_makes_them_so(architecture: Any) -> None:
    for shape in accepted_shapes(architecture):
        model = architecture.build(shape, 10, 0)
        scores = model(samples(shape, 20, 10))
        assert (scores < 0).any()
        assert not torch.allclose(scores.sum(-1), torch.ones(scores.shape[:-1]))


def test_every_parameter_is_trainable_single_precision_and_reached_by_the_gradient(architecture: Any) -> None:
    for shape in accepted_shapes(architecture):
        model = architecture.build(shape, 10, 0)
        inputs = samples(shape, 3, 10)
        loss = mean_loss(model(inputs), labels_of(inputs, 10))
        parameters = dict(model.named_parameters())
        assert all(p.dtype == torch.float32 and p.requires_grad for p in parameters.values())
        for name, gradient in zip(parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True):
            assert gradient.abs().sum() > 0, name
