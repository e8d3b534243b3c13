"""Jobs that go side by side and ask for products with matrices that some of them have in common.

A job is a generator: where it needs such a product it yields what it wants and is sent the result. When all have asked,
those of one matrix are put on top of each other and multiplied in one go, so that the matrix is read once.

The bits of a job must not depend on who else is there. A library computes each row of such a product by itself, in an
order that should not depend on the other rows, but nobody promises that; so it is tried once for each size, and where a
row has other bits in company, everybody's product is computed alone.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias, TypeVar

import torch

__all__ = ["Asking", "Product", "in_lockstep"]

Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class Product:
    """The wish for rows @ matrix^T (`forward`) or rows @ matrix."""

    rows: torch.Tensor
    matrix: torch.Tensor
    forward: bool


Asking: TypeAlias = Generator[Product, torch.Tensor, Answer]


def in_lockstep(jobs: Sequence[Asking[Answer]]) -> list[Answer]:
    """Return what the jobs return, each answered as if it were alone.

    >>> def job(row):
    ...     doubled = yield Product(row, 2.0 * torch.eye(2), forward=True)
    ...     return doubled.tolist()
    >>> in_lockstep([job(torch.tensor([[1.0, 2.0]])), job(torch.tensor([[3.0, 4.0]]))])
    [[[2.0, 4.0]], [[6.0, 8.0]]]
    """
    answers: dict[int, Answer] = {}
    found: dict[int, torch.Tensor | None] = dict.fromkeys(range(len(jobs)))
    while found:
        wishes: dict[int, Product] = {}
        for number, result in found.items():
            try:
                wishes[number] = next(jobs[number]) if result is None else jobs[number].send(result)
            except StopIteration as end:
                answers[number] = end.value
        found = _fulfil(wishes)
    return [answers[number] for number in range(len(jobs))]


def _fulfil(wishes: dict[int, Product]) -> dict[int, torch.Tensor | None]:
    alike: dict[tuple[int, bool, int], list[int]] = {}
    for number, wish in wishes.items():
        alike.setdefault((wish.matrix.data_ptr(), wish.forward, len(wish.rows)), []).append(number)
    found: dict[int, torch.Tensor | None] = {}
    for numbers in alike.values():
        first = wishes[numbers[0]]
        matrix = first.matrix.t() if first.forward else first.matrix
        rows = [wishes[number].rows for number in numbers]
        found.update(zip(numbers, _products(rows, matrix), strict=True))
    return found


def _products(rows: Sequence[torch.Tensor], matrix: torch.Tensor) -> list[torch.Tensor]:
    shape = (len(rows), len(rows[0]), *matrix.shape, *matrix.stride())
    if len(rows) == 1 or not _rows_are_independent(torch.get_num_threads(), *shape):
        return [own.mm(matrix) for own in rows]
    # Each a tensor of its own: what is done with it next can depend on where it lies.
    return [own.clone() for own in torch.cat(list(rows)).mm(matrix).view(len(rows), len(rows[0]), -1).unbind()]


@cache
def _rows_are_independent(
    _num_threads: int, num_parts: int, num_rows: int, depth: int, num_columns: int, *stride: int
) -> bool:
    """Return whether parts of `num_rows` rows have the same bits in one product as each in its own."""
    luck = torch.Generator().manual_seed(0)
    parts = [torch.randn(num_rows, depth, generator=luck) for _ in range(num_parts)]
    matrix = torch.randn(depth * num_columns, generator=luck).as_strided((depth, num_columns), stride)
    together = torch.cat(parts).mm(matrix).view(num_parts, num_rows, num_columns).unbind()
    return all(torch.equal(part.mm(matrix), own) for part, own in zip(parts, together, strict=True))
