"""Codecs: how a vector is written for a link, and how many bits that takes.

Read `codec.py` first: what crosses the link (`Encoded`, words of stated widths, so that bits are counted and not
claimed) and the protocol `Codec`. Then one form a file: `fp32.py` and `bf16.py`, an entry a word; `int8.py` and
`e3m0.py`, few bits and a scale (`scaled.py` is what they share); `top_k.py`, the largest entries alone; `chained.py`,
one after another. `error_feedback.py` keeps what a lossy codec left out, as a state that its owner holds.
"""

from channels.codecs.bf16 import Bf16Codec
from channels.codecs.chained import ChainedCodec
from channels.codecs.codec import Codec, Encoded, Words
from channels.codecs.e3m0 import E3m0Codec
from channels.codecs.error_feedback import Feedback, encode_with_feedback
from channels.codecs.fp32 import Fp32Codec
from channels.codecs.int8 import Int8Codec
from channels.codecs.top_k import TopKCodec

__all__ = [
    "Bf16Codec",
    "ChainedCodec",
    "Codec",
    "E3m0Codec",
    "Encoded",
    "Feedback",
    "Fp32Codec",
    "Int8Codec",
    "TopKCodec",
    "Words",
    "encode_with_feedback",
]
