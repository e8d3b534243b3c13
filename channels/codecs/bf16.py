"""The codec "bf16": every entry as the upper half of a single precision number, 16 bits each.

    size = 16 n

One sign, 8 exponent and 7 mantissa bits. Rounding is to nearest, ties to the even mantissa, as PyTorch's `bfloat16`;
the relative error of a normal number is at most 2^-8.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from channels.codecs.codec import Encoded, Words, as_float32
from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["Bf16Codec"]


class Bf16Codec(Part):
    """Every entry in bfloat16, rounded to nearest, ties to even."""

    kind: str = "bf16"

    def encode(self, vector: FloatArray, tensors: Sequence[slice]) -> Encoded:
        """Return the encoding; see `Codec.encode`. An entry above 3.39e38 becomes infinite, as in PyTorch."""
        single, tensors = as_float32(vector, tensors)
        bits = single.view(np.uint32)
        # Half of the last kept place, less a trifle where the kept part is even: a tie then goes down, to the even one.
        rounded = (bits + (np.uint32(0x7FFF) + ((bits >> 16) & 1))) >> 16
        return Encoded((Words(rounded.astype(np.uint16), 16),), tensors)

    def decode(self, encoded: Encoded) -> npt.NDArray[np.float32]:
        """Return the vector; see `Codec.decode`."""
        (entries,) = encoded.words
        return (entries.values.astype(np.uint32) << 16).view(np.float32)

    def size_bits(self, num_entries: float, num_tensors: int) -> float:
        """Return 16 n [bit].

        >>> Bf16Codec().size_bits(150e6, 1)
        2400000000.0
        """
        return 16.0 * num_entries
