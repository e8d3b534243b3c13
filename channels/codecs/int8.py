"""The codec "int8": whole numbers from -127 to 127 times a scale, 8 bits an entry and 32 a scale.

    q = rint(127 x / max|x|)        decoded: q max|x| / 127        size = 8 n + 32 S

Symmetric, so that zero stays zero; rounding is to nearest, ties to even. Idempotent; the error of an entry is at most
max|x| / 254. Our choice: -128 is not used, and scales are per tensor unless one for the whole vector is asked for.
"""

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from channels.codecs.scaled import ScaledCodec
from testbed.layout import FloatArray

__all__ = ["Int8Codec"]

_LARGEST = 127


class Int8Codec(ScaledCodec):
    """Whole numbers of 8 bits times a scale."""

    kind: str = "int8"
    width_bits: ClassVar[int] = 8

    def _codes(self, relative: FloatArray) -> npt.NDArray[np.unsignedinteger]:
        return np.rint(_LARGEST * relative).astype(np.int8).view(np.uint8)

    def _levels(self, codes: npt.NDArray[np.unsignedinteger]) -> FloatArray:
        return codes.view(np.int8) / np.float64(_LARGEST)
