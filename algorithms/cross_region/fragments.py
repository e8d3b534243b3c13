"""Fragments: a model cut into pieces that are synchronised one after another (Streaming DiLoCo, arXiv 2501.18512).

What stays together is a *unit*: everything before the first numbered block, each block, everything after the last, so
12 blocks make 14 units. A layout without numbered blocks has a unit a module, its weight and bias together. With L
units and K fragments

    sequential    unit i goes to fragment min(i // ceil(L / K), K - 1)     14 units, K = 4: 4, 4, 4, 2
    strided       unit i goes to fragment i mod K                          14 units, K = 4: 4, 4, 3, 3
    balanced      the largest unit first, each to the smallest fragment so far (our choice)

A tensor's block is what comes before and at the first number in its dotted name. Our choice: tensors between two blocks
belong to the block before them; fragments of `balanced` are numbered by their first unit.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

import numpy as np

from testbed.errors import RequestError, unknown_name
from testbed.layout import FloatArray, Layout, Slot

__all__ = ["Fragment", "Pattern", "fragment", "units_of", "whole"]

Pattern: TypeAlias = Literal["strided", "sequential", "balanced"]
Unit: TypeAlias = tuple[Slot, ...]

_BLOCK: Final = re.compile(r"^((?:[^.]+\.)*?\d+)\.")  # up to the first number among the dotted parts


@dataclass(frozen=True)
class Fragment:
    """Some tensors of a model.

    Attributes
    ----------
    index : p, from 0.
    names : the tensors, in the order of the layout.
    slices : where they stand in the vector of the whole model, ascending; neighbours are one slice.
    tensors : where each stands in the vector of this fragment.
    """

    index: int
    names: tuple[str, ...]
    slices: tuple[slice, ...]
    tensors: tuple[slice, ...]

    @property
    def size(self) -> int:
        """How many entries the fragment has."""
        return sum(tensor.stop - tensor.start for tensor in self.tensors)

    def gather(self, vector: FloatArray) -> FloatArray:
        """Return the fragment's entries of `vector : (num_parameters,)`, a copy (size,)."""
        return np.concatenate([vector[piece] for piece in self.slices])

    def scatter(self, vector: FloatArray, part: FloatArray) -> None:
        """Write `part : (size,)` over the fragment's entries of `vector : (num_parameters,)`.

        Raises
        ------
        ValueError : a part of another shape.
        """
        if np.shape(part) != (self.size,):
            raise ValueError(f"fragment {self.index} has {self.size} entries, got an array of shape {np.shape(part)}")
        start = 0
        for piece in self.slices:
            stop = start + piece.stop - piece.start
            vector[piece] = part[start:stop]
            start = stop


def fragment(layout: Layout, num_fragments: int, pattern: Pattern = "strided") -> tuple[Fragment, ...]:
    """Return the fragments of a layout, every entry in exactly one and none empty.

    Raises
    ------
    RequestError : more fragments than units, or a pattern that leaves some empty.
    """
    if pattern not in _PATTERNS:
        raise unknown_name("pattern of fragments", str(pattern), get_args(Pattern))
    units = units_of(layout)
    if not 1 <= num_fragments <= len(units):
        raise RequestError(
            f"num_fragments = {num_fragments}: the model has {len(units)} units that can be synchronised on their own, "
            f"so from 1 to {len(units)} fragments"
        )
    owners = _PATTERNS[pattern]([sum(slot.stop - slot.start for slot in unit) for unit in units], num_fragments)
    members = [[unit for unit, owner in zip(units, owners, strict=True) if owner == p] for p in range(num_fragments)]
    if not all(members):
        raise RequestError(
            f"pattern {pattern!r} leaves {sum(not some for some in members)} of {num_fragments} fragments empty, as "
            f"there are {len(units)} units; 'strided' and 'balanced' fill them all"
        )
    return tuple(_fragment(p, [slot for unit in some for slot in unit]) for p, some in enumerate(members))


def whole(layout: Layout) -> Fragment:
    """Return the whole model as one fragment."""
    return fragment(layout, 1, "sequential")[0]


def units_of(layout: Layout) -> tuple[Unit, ...]:
    """Return the units of a layout in order, each its tensors.

    >>> layout = Layout([("wte", (9,)), ("h.0.w", (4,)), ("h.0.b", (2,)), ("h.1.w", (4,)), ("norm", (2,))])
    >>> [[slot.name for slot in unit] for unit in units_of(layout)]
    [['wte'], ['h.0.w', 'h.0.b'], ['h.1.w'], ['norm']]
    """
    slots = tuple(layout)
    blocks = [match[1] if (match := _BLOCK.match(slot.name)) else None for slot in slots]
    numbered = [i for i, block in enumerate(blocks) if block is not None]
    if not numbered:
        return _grouped(slots, [slot.name.rpartition(".")[0] for slot in slots])
    first, last = numbered[0], numbered[-1]
    keys = ["before"] * first
    for block in blocks[first : last + 1]:
        keys.append(keys[-1] if block is None else block)
    return _grouped(slots, keys + ["after"] * (len(slots) - last - 1))


def _grouped(slots: Sequence[Slot], keys: Sequence[str]) -> tuple[Unit, ...]:
    """Return the slots of each key together, in the order in which keys appear first."""
    units: dict[str, list[Slot]] = {}
    for slot, key in zip(slots, keys, strict=True):
        units.setdefault(key, []).append(slot)
    return tuple(tuple(unit) for unit in units.values())


def _sequential(sizes: Sequence[int], num_fragments: int) -> list[int]:
    length = -(-len(sizes) // num_fragments)
    return [min(i // length, num_fragments - 1) for i in range(len(sizes))]


def _strided(sizes: Sequence[int], num_fragments: int) -> list[int]:
    return [i % num_fragments for i in range(len(sizes))]


def _balanced(sizes: Sequence[int], num_fragments: int) -> list[int]:
    loads = [0] * num_fragments
    owners = [0] * len(sizes)
    for unit in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        owners[unit] = min(range(num_fragments), key=loads.__getitem__)
        loads[owners[unit]] += sizes[unit]
    renumbered = {owner: p for p, owner in enumerate(dict.fromkeys(owners))}
    return [renumbered[owner] for owner in owners]


_PATTERNS: Final[dict[str, Callable[[Sequence[int], int], list[int]]]] = {
    "strided": _strided,
    "sequential": _sequential,
    "balanced": _balanced,
}


def _fragment(index: int, slots: Sequence[Slot]) -> Fragment:
    ordered = sorted(slots, key=lambda slot: slot.start)
    slices: list[slice] = []
    tensors: list[slice] = []
    size = 0
    for slot in ordered:
        if slices and slices[-1].stop == slot.start:
            slices[-1] = slice(slices[-1].start, slot.stop)
        else:
            slices.append(slice(slot.start, slot.stop))
        tensors.append(slice(size, size + slot.stop - slot.start))
        size = tensors[-1].stop
    return Fragment(index, tuple(slot.name for slot in ordered), tuple(slices), tuple(tensors))
