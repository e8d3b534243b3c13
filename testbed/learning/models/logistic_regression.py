"""Logistic regression: one linear layer on the flattened input; convex, so theory applies to it."""

import math

from torch import nn

from testbed.learning.torch_seed import seeded
from testbed.settings import Part

__all__ = ["LogisticRegression"]


class LogisticRegression(Part):
    """Multinomial logistic regression with (entries of the input + 1) x num_classes parameters."""

    kind: str = "logistic-regression"

    def build(self, input_shape: tuple[int, ...], num_classes: int, torch_generator_seed: int) -> nn.Module:
        """Return the module; see `Architecture.build`."""
        with seeded(torch_generator_seed):
            return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), num_classes))
