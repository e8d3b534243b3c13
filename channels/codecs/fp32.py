"""The codec "fp32": every entry as an IEEE 754 single precision number, 32 bits each; without loss.

size = 32 n
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from channels.codecs.codec import Encoded, Words, as_float32
from testbed.layout import FloatArray
from testbed.settings import Part

__all__ = ["Fp32Codec"]


class Fp32Codec(Part):
    """Every entry in single precision."""

    kind: str = "fp32"

    def encode(self, vector: FloatArray, tensors: Sequence[slice]) -> Encoded:
        """Return the encoding; see `Codec.encode`."""
        single, tensors = as_float32(vector, tensors)
        return Encoded((Words(single.copy().view(np.uint32), 32),), tensors)

    def decode(self, encoded: Encoded) -> npt.NDArray[np.float32]:
        """Return the vector; see `Codec.decode`."""
        (entries,) = encoded.words
        return entries.values.view(np.float32).copy()

    def size_bits(self, num_entries: float, num_tensors: int) -> float:
        """Return 32 n [bit].

        >>> Fp32Codec().size_bits(150e6, 1)
        4800000000.0
        """
        return 32.0 * num_entries
