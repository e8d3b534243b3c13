"""Plain stacks of convolutions, rectifiers and poolings under linear layers: networks computed without autograd.

Recognised is an `nn.Sequential` (nested or not) of `Conv2d`, each with a `ReLU` and a `MaxPool2d` after it in any
order, or one of them, or neither; then a plain stack of linear layers (`linear_stack`) that begins with `Flatten`.
Convolutions with groups, dilation or padding other than by zeros, and poolings that overlap, are not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import nn

from testbed.learning.linear_stack import LinearLayer, is_modified, layers_in_order, linear_layers_of

__all__ = ["ConvolutionLayer", "ConvolutionStack", "convolution_stack"]


@dataclass(frozen=True)
class ConvolutionLayer:
    """One layer z = W * x + b, what follows it, and the names of the model's state.

    `pooling` : the side of the squares of which the largest entry is kept; 1: it is not pooled.
    """

    weight: str
    bias: str | None
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    rectified: bool = False
    pooling: int = 1


@dataclass(frozen=True)
class ConvolutionStack:
    """Convolutions in order, and the linear layers above them."""

    convolutions: tuple[ConvolutionLayer, ...]
    linear: tuple[LinearLayer, ...]


def convolution_stack(module: nn.Module) -> ConvolutionStack | None:
    """Return the layers of a plain stack of convolutions; None if the model is anything else.

    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2))
    >>> [(layer.rectified, layer.pooling) for layer in convolution_stack(model).convolutions]
    [(True, 2)]
    >>> convolution_stack(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(36, 2)))
    """
    if type(module) is not nn.Sequential:
        return None
    leaves = [(name, leaf) for name, leaf in layers_in_order(module) if type(leaf) is not nn.Identity]
    if is_modified(module, [leaf for _, leaf in leaves]):
        return None
    border = next((at for at, (_, leaf) in enumerate(leaves) if type(leaf) is nn.Flatten), 0)
    convolutions, linear = _convolutions(leaves[:border]), linear_layers_of(leaves[border:])
    return ConvolutionStack(convolutions, linear) if convolutions and linear else None


def _convolutions(leaves: Sequence[tuple[str, nn.Module]]) -> tuple[ConvolutionLayer, ...]:
    layers: list[ConvolutionLayer] = []
    for name, leaf in leaves:
        if _is_plain_convolution(leaf):
            bias = None if leaf.bias is None else f"{name}.bias"
            layers.append(ConvolutionLayer(f"{name}.weight", bias, leaf.stride, leaf.padding))  # type: ignore[arg-type]
        elif type(leaf) is nn.ReLU and layers:
            layers[-1] = replace(layers[-1], rectified=True)
        elif _is_plain_pooling(leaf) and layers and layers[-1].pooling == 1:
            layers[-1] = replace(layers[-1], pooling=leaf.kernel_size)  # type: ignore[arg-type]
        else:
            return ()
    return tuple(layers)


def _is_plain_convolution(leaf: nn.Module) -> bool:
    return (
        type(leaf) is nn.Conv2d
        and leaf.groups == 1
        and leaf.dilation == (1, 1)
        and leaf.padding_mode == "zeros"
        and isinstance(leaf.padding, tuple)
    )


def _is_plain_pooling(leaf: nn.Module) -> bool:
    return (
        type(leaf) is nn.MaxPool2d
        and isinstance(leaf.kernel_size, int)
        and leaf.stride == leaf.kernel_size
        and leaf.padding == 0
        and leaf.dilation == 1
        and not leaf.ceil_mode
        and not leaf.return_indices
    )
