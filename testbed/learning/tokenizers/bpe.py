"""Byte-pair encoding: the pair of neighbouring tokens that is most frequent becomes a token, again and again.

It starts from the 256 bytes, so every text can be encoded; pairs do not reach over the borders of words, as in GPT-2.
The arithmetic is that of the package `tokenizers`, which is imported when it is used. Sources: Sennrich et al., "Neural
machine translation of rare words with subword units", ACL 2016; Radford et al., "Language models are unsupervised
multitask learners", 2019, section 2.2.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
from pydantic import Field

from testbed.errors import RequestError
from testbed.learning.tokenizers.tokenizer import Tokens
from testbed.settings import Part

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["BpeTokenizer", "BpeVocabulary"]

_NUM_BYTES: Final = 256
_PARALLELISM: Final = "TOKENIZERS_PARALLELISM"


@dataclass(frozen=True, eq=False)
class BpeVocabulary:
    """The 256 bytes and the merged pairs, in the order in which they were merged."""

    tokenizer: "Tokenizer"

    @property
    def size(self) -> int:
        """The bytes and the pairs."""
        return int(self.tokenizer.get_vocab_size())

    def encode(self, text: str) -> Tokens:
        """Return the tokens, (num_tokens,): never more than bytes."""
        with _one_thread():
            return np.array(self.tokenizer.encode(text).ids, dtype=np.int64)

    def decode(self, tokens: Tokens) -> str:
        """Return the text; bytes that are no character become U+FFFD."""
        return str(self.tokenizer.decode(tokens.tolist()))


class BpeTokenizer(Part):
    """Byte-pair encoding, learnt from the training text (Sennrich et al. 2016; of bytes, Radford et al. 2019)."""

    kind: str = "bpe"
    vocab_size: Annotated[int, Field(gt=_NUM_BYTES)]  # tokens in all: the 256 bytes and so many pairs

    def fit(self, text: str) -> BpeVocabulary:
        """Return the vocabulary; see `Tokenizer.fit`."""
        if find_spec("tokenizers") is None:
            raise RequestError(
                "the tokenizer 'bpe' needs the package tokenizers: python -m pip install tokenizers, or 'airwan[llm]'"
            )
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=self.vocab_size,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            special_tokens=[],
            show_progress=False,
        )
        with _one_thread():
            tokenizer.train_from_iterator([text], trainer)
        vocabulary = BpeVocabulary(tokenizer)
        if vocabulary.size < self.vocab_size:
            raise RequestError(
                f"tokenizer bpe: vocab_size = {self.vocab_size}, but the training text of {len(text)} characters has "
                f"words for {vocabulary.size} tokens only"
            )
        return vocabulary


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep the package from starting threads: runs side by side have none to spare, and processes are forked."""
    before = os.environ.get(_PARALLELISM)
    os.environ[_PARALLELISM] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PARALLELISM]
        else:
            os.environ[_PARALLELISM] = before
