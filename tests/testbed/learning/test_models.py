import pytest
import torch
from torch import nn

from testbed.errors import RequestError
from testbed.learning.models.logistic_regression import LogisticRegression
from testbed.learning.models.mlp import Mlp
from testbed.learning.models.paper_cnn import PaperCnn

DIGITS, MNIST, CIFAR = (1, 8, 8), (1, 28, 28), (3, 32, 32)
CASES = [
    (LogisticRegression(), DIGITS),
    (Mlp(hidden=(32,)), DIGITS),
    (PaperCnn(), MNIST),
    (PaperCnn(num_filters=(32, 64), num_hidden=512), CIFAR),
]


def num_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def flat(model: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@pytest.mark.parametrize(("part", "input_shape"), CASES)
def test_a_model_maps_samples_to_one_logit_per_class(part, input_shape):
    model = part.build(input_shape, 10, 0)
    logits = model(torch.zeros(3, *input_shape))
    assert logits.shape == (3, 10)
    # Logits, not probabilities and not clipped: the last layer is linear.
    assert isinstance(list(model.modules())[-1], nn.Linear)


@pytest.mark.parametrize(("part", "input_shape"), CASES)
def test_the_same_seed_builds_the_same_parameters_and_another_seed_others(part, input_shape):
    first, again, other = (flat(part.build(input_shape, 10, seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("part", "input_shape"), CASES)
def test_building_leaves_the_global_generator_as_it_was(part, input_shape):
    before = torch.get_rng_state()
    part.build(input_shape, 10, 3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("part", "input_shape"), CASES)
def test_a_model_answers_each_sample_by_itself(part, input_shape):
    model = part.build(input_shape, 10, 0)
    inputs = torch.rand(4, *input_shape, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([model(sample[None]) for sample in inputs])
    torch.testing.assert_close(model(inputs), alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("part", "input_shape"), CASES)
def test_initial_parameters_are_within_one_over_the_root_of_the_fan_in(part, input_shape):
    for layer in part.build(input_shape, 10, 0).children():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            bound = layer.weight[0].numel() ** -0.5
            assert 0.5 * bound < layer.weight.abs().max() <= bound
            assert layer.bias.abs().max() <= bound


def test_the_sizes_of_the_papers_models_are_those_of_the_paper():
    assert num_parameters(Mlp(hidden=(512, 512)).build(MNIST, 10, 0)) == 669_706
    # 20*25+20 + 50*20*25+50 + 800*500+500 + 500*10+10
    assert num_parameters(PaperCnn().build(MNIST, 10, 0)) == 431_080
    # 32*75+32 + 64*32*25+64 + 1600*512+512 + 512*10+10
    assert num_parameters(PaperCnn(num_filters=(32, 64), num_hidden=512).build(CIFAR, 10, 0)) == 878_538


def test_logistic_regression_has_one_weight_per_input_and_class_and_one_bias_per_class():
    assert num_parameters(LogisticRegression().build(DIGITS, 7, 0)) == (64 + 1) * 7


@pytest.mark.parametrize("part", [LogisticRegression(), Mlp(hidden=(16, 8))])
def test_linear_stacks_are_made_of_flatten_linear_and_relu_alone(part):
    model = part.build(DIGITS, 10, 0)
    assert type(model) is nn.Sequential
    assert {type(layer) for layer in model} <= {nn.Flatten, nn.Linear, nn.ReLU}


@pytest.mark.parametrize("side", [1, 8, 15])
def test_the_papers_network_refuses_images_of_which_nothing_would_be_left(side):
    with pytest.raises(RequestError, match=f"{side}x{side} are too small.*at least 16x16"):
        PaperCnn().build((1, side, side), 10, 0)


def test_the_papers_network_accepts_the_smallest_image_it_names():
    assert PaperCnn().build((1, 16, 16), 10, 0)(torch.zeros(1, 1, 16, 16)).shape == (1, 10)


def test_the_papers_network_refuses_inputs_that_are_not_images():
    with pytest.raises(RequestError, match="images"):
        PaperCnn().build((64,), 10, 0)


@pytest.mark.parametrize("hidden", [[], [0], [-3], ["a"]])
def test_impossible_hidden_widths_are_refused(hidden):
    with pytest.raises(ValueError, match="hidden"):
        Mlp.from_table("mlp", {"hidden": hidden})
