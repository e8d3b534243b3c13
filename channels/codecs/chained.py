"""The codec "chained": what one codec keeps is written by the next, such as the largest entries in 8 bits.

    { kind = "chained", codecs = [{ kind = "top-k", fraction = 0.01 }, "int8"] }

All but the last keep some entries and leave open how these are written (`top-k`). It is the same as naming each as the
`values` of the one before, in the order in which they work.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from channels.codecs.codec import Codec, Encoded
from channels.codecs.fp32 import Fp32Codec
from channels.codecs.top_k import TopKCodec
from testbed.layout import FloatArray
from testbed.settings import Part, component

__all__ = ["ChainedCodec"]


class ChainedCodec(Part):
    """One codec after another, each writing what the one before it kept."""

    kind: str = "chained"
    codecs: Annotated[tuple[Annotated[Any, component("codec")], ...], Field(min_length=1)]  # first to last

    @model_validator(mode="after")
    def _all_but_the_last_leave_values_open(self) -> Self:
        for codec in self.codecs[:-1]:
            if not isinstance(codec, TopKCodec):
                raise ValueError(f"codec chained: {codec.kind} keeps every entry, so it can only be the last")
            if codec.values != Fp32Codec():
                raise ValueError("codec chained: the next codec says how values are written, so `values` must not")
        return self

    @property
    def nested(self) -> Codec:
        """The same codec with each as the `values` of the one before."""
        nested: Codec = self.codecs[-1]
        for codec in reversed(self.codecs[:-1]):
            nested = codec.model_copy(update={"values": nested})
        return nested

    def encode(self, vector: FloatArray, tensors: Sequence[slice]) -> Encoded:
        """Return the encoding; see `Codec.encode`."""
        return self.nested.encode(vector, tensors)

    def decode(self, encoded: Encoded) -> npt.NDArray[np.float32]:
        """Return the vector; see `Codec.decode`."""
        return self.nested.decode(encoded)

    def size_bits(self, num_entries: float, num_tensors: int) -> float:
        """Return the size [bit]; see `Codec.size_bits`."""
        return self.nested.size_bits(num_entries, num_tensors)
