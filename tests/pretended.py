"""A device that is not there: what lies on it is computed by the CPU, and may meet nothing that does not lie there too.

PyTorch's own rules are kept: a tensor elsewhere has no `numpy()`, operations take tensors of one device (and numbers of
the CPU), indices and copies may come from the CPU. So code that runs here names the device of all that it makes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

__all__ = ["DEVICE", "pretended"]

_setup_privateuseone_for_python_backend("pretended")
DEVICE = torch.device("pretended", 0)

# Operations whose tensors may lie on two devices: copies, and what is looked up by indices.
_MIXING = {"_to_copy", "copy_", "index", "index_put_", "_index_put_impl_"}


class _Far(torch.Tensor):
    """A tensor that says it lies on the device; its numbers are those of `near`."""

    near: torch.Tensor

    @staticmethod
    def __new__(cls, near: torch.Tensor) -> "_Far":
        made = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, near.shape, near.stride(), near.storage_offset(), dtype=near.dtype, device=DEVICE
        )
        made.near = near
        return made  # type: ignore[no-any-return]

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})


class _Pretence(TorchDispatchMode):
    """What is made on the device is made as a `_Far`."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})


def _compute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    name = func._schema.name.removeprefix("aten::")
    far = any(isinstance(tensor, _Far) for tensor in given)
    strangers = [tensor for tensor in given if not isinstance(tensor, _Far) and tensor.ndim]
    if far and strangers and name not in _MIXING:
        raise RuntimeError(f"{name}: expected all tensors to be on the same device, but found {DEVICE} and cpu")
    wanted = kwargs.get("device")
    if wanted is not None:
        far = torch.device(wanted).type == DEVICE.type
        kwargs = kwargs | {"device": torch.device("cpu")}
    if name == "copy_":
        far = isinstance(args[0], _Far)
    near_args, near_kwargs = tree_map(_near, (args, kwargs))
    found = func(*near_args, **near_kwargs)
    if name in ("_local_scalar_dense", "equal", "is_same_size"):
        return found
    found = tree_map(lambda leaf: _Far(leaf) if far and isinstance(leaf, torch.Tensor) else leaf, found)
    return return_and_correct_aliasing(func, args, kwargs, found) if far else _given_back(func, args, found)


def _given_back(func: Any, args: Any, found: Any) -> Any:
    return args[0] if func._schema.name.endswith("_") and args else found


def _near(value: Any) -> Any:
    return value.near if isinstance(value, _Far) else value


@contextmanager
def pretended() -> Iterator[torch.device]:
    """Have the device there inside."""
    with _Pretence():
        yield DEVICE
