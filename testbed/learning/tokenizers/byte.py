"""One token a byte of the text in UTF-8: 256 tokens whatever the text, and no unknown one."""

from typing import Final

import numpy as np

from testbed.learning.tokenizers.tokenizer import Tokens
from testbed.settings import Part

__all__ = ["ByteTokenizer", "ByteVocabulary"]

_NUM_BYTES: Final = 256


class ByteVocabulary:
    """The 256 bytes."""

    size: Final = _NUM_BYTES

    def encode(self, text: str) -> Tokens:
        """Return a token a byte, (num_bytes,)."""
        return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int64)

    def decode(self, tokens: Tokens) -> str:
        """Return the text; bytes that are no character become U+FFFD."""
        return tokens.astype(np.uint8).tobytes().decode(errors="replace")


class ByteTokenizer(Part):
    """One token a byte of the text in UTF-8 (as ByT5 has it, Xue et al. 2022)."""

    kind: str = "byte"

    def fit(self, text: str) -> ByteVocabulary:
        """Return the vocabulary, which learns nothing from the text."""
        return ByteVocabulary()
