"""Codecs: how a vector is written for a link, and how many bits that takes.

Read `codec.py` first: what crosses the link (`Encoded`, words of stated widths, so that bits are counted and not
claimed) and the protocol `Codec`. Then one form a file: `fp32.py` and `bf16.py`, an entry a word; `int8.py`, `e3m0.py`
and `uniform.py`, few bits and a scale (`scaled.py` is what they share); `top_k.py`, the largest entries alone;
`hybrid.py`, these and the signs of the others, for a receiver with an old copy (`largest.py` is what both share);
`whole_tensors.py`, some tensors alone; `chained.py`, one after another. `error_feedback.py` keeps what a lossy codec
left out, as a state that its owner holds.
"""

from channels.codecs.bf16 import Bf16Codec
from channels.codecs.chained import ChainedCodec
from channels.codecs.codec import Codec, Encoded, Words
from channels.codecs.e3m0 import E3m0Codec
from channels.codecs.error_feedback import Feedback, encode_with_feedback
from channels.codecs.fp32 import Fp32Codec
from channels.codecs.hybrid import HybridCodec
from channels.codecs.int8 import Int8Codec
from channels.codecs.top_k import TopKCodec
from channels.codecs.uniform import UniformCodec
from channels.codecs.whole_tensors import WholeTensors

__all__ = [
    "Bf16Codec",
    "ChainedCodec",
    "Codec",
    "E3m0Codec",
    "Encoded",
    "Feedback",
    "Fp32Codec",
    "HybridCodec",
    "Int8Codec",
    "TopKCodec",
    "UniformCodec",
    "WholeTensors",
    "Words",
    "encode_with_feedback",
]
