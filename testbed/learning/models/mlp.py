"""A multilayer perceptron: flatten, then linear layers with ReLU between them."""

import math
from itertools import pairwise
from typing import Annotated

from pydantic import Field, PositiveInt
from torch import nn

from testbed.learning.torch_seed import seeded
from testbed.settings import Part

__all__ = ["Mlp"]


class Mlp(Part):
    """A multilayer perceptron; `hidden` holds the widths of the hidden layers, first to last.

    With 784 inputs, `hidden = [512, 512]` and 10 classes it is what Air-FedGA calls LR: 669,706 parameters.
    """

    kind: str = "mlp"
    hidden: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]  # units of each hidden layer

    def build(self, input_shape: tuple[int, ...], num_classes: int, torch_generator_seed: int) -> nn.Module:
        """Return the module; see `Architecture.build`."""
        widths = (math.prod(input_shape), *self.hidden, num_classes)
        layers: list[nn.Module] = [nn.Flatten()]
        with seeded(torch_generator_seed):
            for width_in, width_out in pairwise(widths):
                layers += [nn.Linear(width_in, width_out), nn.ReLU()]
        return nn.Sequential(*layers[:-1])  # the last layer gives logits
