"""One token a character."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from testbed.learning.tokenizers.tokenizer import Tokens
from testbed.settings import Part

__all__ = ["CharTokenizer", "CharVocabulary"]

_UNKNOWN: Final = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, eq=False)
class CharVocabulary:
    """The characters of the training text in the order of their code points, and one token for all others.

    Parameters
    ----------
    code_points : (num_characters,) uint32, sorted, each once.
    """

    code_points: npt.NDArray[np.uint32]

    @property
    def size(self) -> int:
        """The characters, and the token for those that the training text does not have, which is the last."""
        return len(self.code_points) + 1

    def encode(self, text: str) -> Tokens:
        """Return a token a character, (num_characters,)."""
        found = _code_points(text)
        places = np.searchsorted(self.code_points, found).clip(max=len(self.code_points) - 1)
        return np.where(self.code_points[places] == found, places, self.size - 1).astype(np.int64)

    def decode(self, tokens: Tokens) -> str:
        """Return the text; an unknown character becomes U+FFFD."""
        with_unknown = np.append(self.code_points, np.uint32(ord(_UNKNOWN)))
        return with_unknown[tokens].astype("<u4").tobytes().decode("utf-32-le")


class CharTokenizer(Part):
    """One token a character of the training text, and one for every character that it does not have (our choice)."""

    kind: str = "char"

    def fit(self, text: str) -> CharVocabulary:
        """Return the vocabulary; see `Tokenizer.fit`."""
        return CharVocabulary(np.unique(_code_points(text)))


def _code_points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4").astype(np.uint32)
