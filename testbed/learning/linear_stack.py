"""Plain stacks of linear layers and rectifiers: the models whose gradient is three lines of matrix products.

Recognised is an `nn.Sequential` (nested or not) of `Flatten`, `Linear`, `ReLU` and `Identity` that begins,
after flattening, with a linear layer and ends with one. Anything else has an empty answer: subclasses,
hooks, shared or frozen weights may mean something this module cannot see.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

__all__ = ["LinearLayer", "is_modified", "layers_in_order", "linear_layers", "linear_layers_of"]


@dataclass(frozen=True)
class LinearLayer:
    """One layer z = W x + b, and whether a rectifier follows; the names are those of the model's state."""

    weight: str
    bias: str | None
    num_inputs: int
    num_outputs: int
    rectified: bool


def linear_layers(module: nn.Module) -> tuple[LinearLayer, ...]:
    """Return the layers of a plain stack in order; empty if the model is anything else.

    >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> [layer.rectified for layer in linear_layers(model)]
    [True, False]
    >>> linear_layers(nn.Sequential(nn.Linear(4, 3), nn.Tanh()))
    ()
    """
    if type(module) is not nn.Sequential:
        return ()
    leaves = list(layers_in_order(module))
    return () if is_modified(module, [leaf for _, leaf in leaves]) else linear_layers_of(leaves)


def linear_layers_of(leaves: Sequence[tuple[str, nn.Module]]) -> tuple[LinearLayer, ...]:
    """Return the layers that these modules, by name, are in order; empty if they are anything else."""
    layers: list[LinearLayer] = []
    for name, leaf in leaves:
        if type(leaf) is nn.Linear:
            bias = None if leaf.bias is None else f"{name}.bias"
            layers.append(LinearLayer(f"{name}.weight", bias, leaf.in_features, leaf.out_features, rectified=False))
        elif type(leaf) is nn.ReLU and layers:
            layers[-1] = _rectified(layers[-1])
        elif type(leaf) is nn.Flatten and not layers:
            if (leaf.start_dim, leaf.end_dim) != (1, -1):
                return ()
        elif type(leaf) is not nn.Identity:
            return ()
    # A single output is a binary classifier's log-odds, not a score a class.
    ends_in_scores = bool(layers) and not layers[-1].rectified and layers[-1].num_outputs > 1
    return tuple(layers) if ends_in_scores else ()


def is_modified(module: nn.Module, leaves: Sequence[nn.Module]) -> bool:
    """Return whether hooks, sharing or freezing make the stack more than its layers."""
    parameters = [p for leaf in leaves for p in leaf.parameters()]
    shared = len({id(p) for p in parameters}) < len(parameters)
    frozen = not all(p.requires_grad for p in parameters)
    hooked = any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in module.modules())
    return shared or frozen or hooked or any(True for _ in module.buffers())


def layers_in_order(module: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield the layers of a sequence in the order in which they are applied, a repeated one every time."""
    for name, child in module._modules.items():
        if child is None:
            continue
        inner = f"{path}.{name}" if path else name
        if type(child) is nn.Sequential:
            yield from layers_in_order(child, inner)
        else:
            yield inner, child


def _rectified(layer: LinearLayer) -> LinearLayer:
    return LinearLayer(layer.weight, layer.bias, layer.num_inputs, layer.num_outputs, rectified=True)
