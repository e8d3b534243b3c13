"""The protocol of tokenizers: settings that look at the training text and return a vocabulary."""

from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Tokenizer", "Tokens", "Vocabulary"]

Tokens: TypeAlias = npt.NDArray[np.int64]


class Vocabulary(Protocol):
    """The tokens 0, ..., size - 1 and how text is made of them."""

    @property
    def size(self) -> int:
        """How many tokens there are."""
        ...

    def encode(self, text: str) -> Tokens:
        """Return the tokens of any text, (num_tokens,) int64."""
        ...

    def decode(self, tokens: Tokens) -> str:
        """Return the text of tokens (num_tokens,); of encoded training text, that text."""
        ...


class Tokenizer(Protocol):
    """A rule by which a text is cut into tokens."""

    def fit(self, text: str) -> Vocabulary:
        """Return the vocabulary of a training text, a function of the text and the settings alone.

        Raises
        ------
        RequestError : the text cannot give what the settings ask, or a package is missing.
        """
        ...
