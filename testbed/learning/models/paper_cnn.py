"""The convolutional networks of the Air-FedGA evaluation.

The paper states two 5x5 convolutions of 20 and 50 filters and fully connected layers from 800 to 500 for
MNIST, and 32, 64, 1600 and 512 for CIFAR-10. Those widths follow from 2x2 pooling and no padding. Our choice:
the activation, which it does not state, is ReLU after each convolution and after the hidden layer.
"""

from pydantic import PositiveInt
from torch import nn

from testbed.errors import RequestError
from testbed.learning.torch_seed import seeded
from testbed.settings import Part

__all__ = ["PaperCnn"]

_KERNEL = 5
_POOL = 2


class PaperCnn(Part):
    """Two 5x5 convolutions with 2x2 pooling, one hidden layer, logits; images of at least 16x16.

    The defaults are the paper's network for MNIST (431,080 parameters with 10 classes); `num_filters = [32,
    64]` and `num_hidden = 512` give its network for CIFAR-10.
    """

    kind: str = "paper-cnn"
    num_filters: tuple[PositiveInt, PositiveInt] = (20, 50)  # of the two convolutions
    num_hidden: PositiveInt = 500  # units of the hidden layer

    def build(self, input_shape: tuple[int, ...], num_classes: int, torch_generator_seed: int) -> nn.Module:
        """Return the module; see `Architecture.build`."""
        if len(input_shape) != 3:
            raise RequestError(f"model paper-cnn needs images (channels, height, width), not inputs of {input_shape}")
        num_planes, height, width = input_shape
        first, second = self.num_filters
        pooled = _pooled_twice(height) * _pooled_twice(width)
        if min(_pooled_twice(height), _pooled_twice(width)) < 1:
            raise RequestError(
                f"model paper-cnn: images of {height}x{width} are too small, two 5x5 convolutions with 2x2 "
                "pooling leave nothing of them; use images of at least 16x16, or the model mlp"
            )
        with seeded(torch_generator_seed):
            return nn.Sequential(  # (n, planes, h, w); sizes below are for 28x28
                nn.Conv2d(num_planes, first, _KERNEL),  # (n, 20, 24, 24)
                nn.ReLU(),
                nn.MaxPool2d(_POOL),  # (n, 20, 12, 12)
                nn.Conv2d(first, second, _KERNEL),  # (n, 50, 8, 8)
                nn.ReLU(),
                nn.MaxPool2d(_POOL),  # (n, 50, 4, 4)
                nn.Flatten(),  # (n, 800)
                nn.Linear(second * pooled, self.num_hidden),  # (n, 500)
                nn.ReLU(),
                nn.Linear(self.num_hidden, num_classes),  # (n, num_classes)
            )


def _pooled_twice(side: int) -> int:
    """Return the side of an image after two convolutions and poolings; not positive if nothing is left.

    >>> _pooled_twice(28), _pooled_twice(32), _pooled_twice(8)
    (4, 5, -1)
    """
    for _ in range(2):
        side = (side - _KERNEL + 1) // _POOL
    return side
