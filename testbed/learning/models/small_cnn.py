"""A small convolutional network that is cheap to send below and cheap to compute above, as AlexNet is.

Two 3x3 convolutions that keep the image's size, one pooling by four, one hidden layer. For the 8x8 digits: 4800
parameters and 304 thousand multiply-adds in the convolutions, 71,178 parameters in the layers above. Our choice: made
for split learning, whose cut lies after the pooling (`cut = 6`).
"""

from pydantic import PositiveInt
from torch import nn

from testbed.errors import RequestError
from testbed.learning.torch_seed import seeded
from testbed.settings import Part

__all__ = ["SmallCnn"]

_POOL = 4


class SmallCnn(Part):
    """Two 3x3 convolutions, pooling by four, one hidden layer, logits; images of at least 4x4."""

    kind: str = "small-cnn"
    num_filters: tuple[PositiveInt, PositiveInt] = (16, 32)  # of the two convolutions
    num_hidden: PositiveInt = 512  # units of the hidden layer

    def build(self, input_shape: tuple[int, ...], num_classes: int, torch_generator_seed: int) -> nn.Module:
        """Return the module; see `Architecture.build`."""
        if len(input_shape) != 3 or min(input_shape[1:]) < _POOL:
            raise RequestError(
                f"model small-cnn needs images (channels, height, width) of at least 4x4, not inputs of {input_shape}"
            )
        num_planes, height, width = input_shape
        first, second = self.num_filters
        num_pooled = second * (height // _POOL) * (width // _POOL)
        with seeded(torch_generator_seed):
            return nn.Sequential(  # (n, planes, h, w); sizes below are for 8x8
                nn.Conv2d(num_planes, first, 3, padding=1),  # (n, 16, 8, 8)
                nn.ReLU(),
                nn.Conv2d(first, second, 3, padding=1),  # (n, 32, 8, 8)
                nn.ReLU(),
                nn.MaxPool2d(_POOL),  # (n, 32, 2, 2)
                nn.Flatten(),  # (n, 128)
                nn.Linear(num_pooled, self.num_hidden),  # (n, 512)
                nn.ReLU(),
                nn.Linear(self.num_hidden, num_classes),  # (n, num_classes)
            )
