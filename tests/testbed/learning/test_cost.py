import subprocess
import sys
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from testbed.learning.cost import training_cost
from testbed.learning.models.mlp import Mlp
from testbed.learning.models.paper_cnn import PaperCnn


def mlp(*widths: int) -> nn.Module:
    return Mlp(hidden=widths[1:-1]).build((widths[0],), widths[-1], 0)


def examples(num_samples: int, *input_shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(num_samples, *input_shape), torch.zeros(num_samples, dtype=torch.int64)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=3, max_size=5))
def test_the_flop_of_a_linear_stack_are_its_closed_form(widths):
    # A layer of a inputs and b outputs takes 2ab forward, 2ab for its weights' gradient and 2ab for its
    # inputs' gradient, which the first layer does not need.
    products = [a * b for a, b in pairwise(widths)]
    cost = training_cost(mlp(*widths), *examples(2, widths[0]))
    assert cost.forward_flop_per_sample == 2 * sum(products)
    assert cost.flop_per_sample == 6 * sum(products) - 2 * products[0]


def test_the_forward_flop_of_the_papers_network_are_its_closed_form():
    cost = training_cost(PaperCnn().build((1, 28, 28), 10, 0), *examples(1, 1, 28, 28))
    convolutions = 24 * 24 * 20 * 25 + 8 * 8 * 50 * 20 * 25
    assert cost.forward_flop_per_sample == 2 * (convolutions + 800 * 500 + 500 * 10)


@pytest.mark.parametrize("num_samples", [1, 3, 8])
def test_flop_and_activations_are_linear_in_the_batch(num_samples):
    model = PaperCnn(num_filters=(2, 3), num_hidden=4).build((1, 16, 16), 10, 0)
    assert training_cost(model, *examples(num_samples, 1, 16, 16)) == training_cost(model, *examples(2, 1, 16, 16))


def test_twice_the_samples_are_twice_the_flop():
    cost = training_cost(mlp(6, 5, 3), *examples(2, 6))
    assert cost.flop(40) == 2 * cost.flop(20) > 0


def test_the_activations_of_a_linear_stack_are_its_closed_form():
    # Kept per sample as float32: the input, each hidden layer's output (which ReLU and the next layer share)
    # and the log-probabilities; and the label as int64.
    cost = training_cost(mlp(6, 5, 4, 3), *examples(2, 6))
    assert cost.activation_bytes_per_sample == 4 * (6 + 5 + 4 + 3) + 8


def test_peak_memory_is_parameters_gradients_and_the_activations_of_the_batch():
    cost = training_cost(mlp(6, 5, 3), *examples(2, 6))
    assert cost.parameter_bytes == 4 * (6 * 5 + 5 + 5 * 3 + 3)
    assert cost.peak_bytes(7) - 2 * cost.parameter_bytes == 7 * cost.activation_bytes_per_sample > 0


def test_examples_that_are_a_view_of_a_large_set_cost_what_copies_cost():
    inputs, labels = examples(1000, 6)
    assert training_cost(mlp(6, 5, 3), inputs[:2], labels[:2]) == training_cost(mlp(6, 5, 3), *examples(2, 6))


def test_tied_parameters_are_counted_once():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    assert training_cost(model, *examples(2, 4)).parameter_bytes == 4 * (16 + 4 + 4)


class Attention(nn.Module):
    """Self-attention of `length` tokens of `width` features without projections, then the mean."""

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        scaled = tokens.requires_grad_()
        return functional.scaled_dot_product_attention(scaled, scaled, scaled).mean(dim=(1, 2))


def test_fused_attention_is_charged_for_its_two_matrix_products():
    # The counter of PyTorch does not see the fused kernel of the CPU; without care the cost would be zero.
    length, width = 8, 16
    cost = training_cost(Attention(), *examples(2, 2, length, width))
    assert cost.forward_flop_per_sample == 2 * 2 * (2 * length * length * width)


def test_counting_changes_neither_the_model_nor_the_global_generator():
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Linear(6, 3)).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    generator = torch.get_rng_state()
    training_cost(model, torch.rand(4, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0]))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.training
    assert torch.equal(torch.get_rng_state(), generator)


def test_no_example_is_refused():
    with pytest.raises(ValueError, match="example"):
        training_cost(mlp(6, 5, 3), *examples(0, 6))


@pytest.mark.parametrize(
    ("model", "shape"),
    [(Mlp(hidden=(16,)), (1, 28, 28)), (PaperCnn(), (1, 28, 28))],
    ids=["mlp", "cnn"],
)
def test_operations_are_those_that_torch_counts(model, shape):
    module = model.build(shape, 10, 0)
    inputs, labels = torch.rand(2, *shape), torch.zeros(2, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        functional.cross_entropy(module(inputs), labels).backward()
    assert training_cost(module, inputs, labels).flop_per_sample == counter.get_total_flops() / 2


def test_counting_loads_no_compiler():
    program = (
        "import sys, torch; from testbed.learning.cost import training_cost;"
        "training_cost(torch.nn.Linear(3, 2), torch.rand(2, 3), torch.tensor([0, 1]));"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
