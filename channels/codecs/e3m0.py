"""The codec "e3m0": a sign and three exponent bits, no mantissa; 4 bits an entry and 32 a scale.

    s = max|x| / 16        levels {0, 1/4, 1/2, 1, 2, 4, 8, 16} s        nearest level, a tie to the lower magnitude
    size = 4 n + 32 S

Streaming DiLoCo (arXiv 2501.18512) sends pseudo-gradients as 4-bit floats with 3 exponent bits; it is silent about
scales. Our choice: the scale above, one a tensor; `scale_per = "vector"` has one for the whole fragment, the other
reading. Idempotent; the relative error is at most 1/3 from max|x| / 64 on, and up to max|x| / 128 an entry becomes 0.
Each region's contribution is quantised once and summed in full precision: quantising each hop would add up errors.
"""

from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from channels.codecs.scaled import ScaledCodec
from testbed.layout import FloatArray

__all__ = ["E3m0Codec"]

_LEVELS: Final = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0]) / 16
_MIDPOINTS: Final = (_LEVELS[1:] + _LEVELS[:-1]) / 2
_SIGN: Final = np.uint8(8)


class E3m0Codec(ScaledCodec):
    """Powers of two with a sign, in 4 bits."""

    kind: str = "e3m0"
    width_bits: ClassVar[int] = 4

    def _codes(self, relative: FloatArray) -> npt.NDArray[np.unsignedinteger]:
        # On the left of equals: an entry halfway between two levels counts among those below.
        exponents = np.searchsorted(_MIDPOINTS, np.abs(relative), side="left").astype(np.uint8)
        return np.where((relative < 0) & (exponents > 0), exponents | _SIGN, exponents)

    def _levels(self, codes: npt.NDArray[np.unsignedinteger]) -> FloatArray:
        magnitudes: FloatArray = _LEVELS[codes & (_SIGN - 1)]
        return np.where(codes & _SIGN, -magnitudes, magnitudes)
