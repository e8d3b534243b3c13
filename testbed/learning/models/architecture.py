"""What a scenario's model is before there is any data: an architecture that can be built."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Architecture"]


class Architecture(Protocol):
    """The shape of a model, from which the module with its initial parameters is built.

    The initial parameters are those of PyTorch's layers, uniform with a bound of 1/sqrt(fan-in), if a model does not
    say otherwise. They depend on the architecture, the shapes and the seed alone, and building leaves the global
    generators as they were.
    """

    def build(self, input_shape: tuple[int, ...], num_classes: int, torch_generator_seed: int) -> "nn.Module":
        """Return a new module that maps (num_samples, *input_shape) to logits (num_samples, num_classes).

        Of language `input_shape` is (T,), and logits are (num_samples, T, num_classes).

        Raises
        ------
        RequestError : the architecture does not fit inputs of this shape.
        """
        ...
