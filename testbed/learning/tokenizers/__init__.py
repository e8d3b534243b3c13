"""Tokenizers: how a text becomes numbers, each a part with `fit(text) -> Vocabulary`.

What a vocabulary knows comes from the training text alone; every other text can be encoded all the same. `char` has a
token a character, `byte` one a byte, `bpe` one a frequent run of bytes.

Reading order: `tokenizer` (the protocols), `char`, `byte`, `bpe`. No torch here.
"""

from testbed.learning.tokenizers.tokenizer import Tokenizer, Vocabulary

__all__ = ["Tokenizer", "Vocabulary"]
