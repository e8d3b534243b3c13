"""Dropout that draws 16 bits an entry.

    y = x * keep / (1 - p),    keep = 1 with probability 1 - p

PyTorch's dropout draws 64 bits an entry, one after another on the CPU, and takes nearly half of the time of a step of a
small graph network. Here a draw of 64 bits serves four entries; p is therefore rounded to a multiple of 2^-16. Source:
Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014; the bits are our choice.
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import nn

__all__ = ["Dropout"]

_LEVELS: Final = 2**16
_PER_WORD: Final = 4  # entries that a draw of 64 bits serves


class Dropout(nn.Module):
    """Sets entries to zero with probability p while it trains, and scales the others so that the mean stays.

    Parameters
    ----------
    p : at least 0 and below 1.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.num_dropped_levels = min(round(p * _LEVELS), _LEVELS - 1)

    @property
    def p(self) -> float:
        """The probability as it is drawn."""
        return self.num_dropped_levels / _LEVELS

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return y; the bits come from PyTorch's global generator, as many as x has entries."""
        if not self.training or self.num_dropped_levels == 0:
            return x
        return x * self.factors(x.shape, torch.default_generator).to(x.device)

    def factors(self, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
        """Return what each entry is multiplied by, 0 or 1 / (1 - p), drawn from a generator of the CPU."""
        num_entries = shape.numel()
        words = torch.empty(-(-num_entries // _PER_WORD), dtype=torch.int64)
        words.random_(-(2**63), None, generator=generator)
        return self._factors(words)[:num_entries].view(shape)

    def factors_of_lanes(self, num_entries: Sequence[int], generators: Sequence[torch.Generator]) -> torch.Tensor:
        """Return the factors of several tensors one after another, (sum of num_entries,), each from its own generator.

        `num_entries` : their sizes, multiples of 4.
        """
        num_words = [size // _PER_WORD for size in num_entries]
        words = torch.empty(sum(num_words), dtype=torch.int64)
        for part, generator in zip(torch.split(words, num_words), generators, strict=True):
            part.random_(-(2**63), None, generator=generator)
        return self._factors(words)

    def _factors(self, words: torch.Tensor) -> torch.Tensor:
        keep = words.view(torch.int16) >= self.num_dropped_levels - _LEVELS // 2
        return keep.to(torch.float32).mul_(1.0 / (1.0 - self.p))

    def extra_repr(self) -> str:
        """Return what `print` shows of it."""
        return f"p={self.p:g}"
