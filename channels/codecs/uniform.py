"""The codec "uniform": whole numbers of few bits times a scale.

    q = rint(L x / max|x|),  L = 2^(b - 1) - 1        decoded: q max|x| / L        size = b n + 32 S

Symmetric, so that zero stays zero; with b = 8 it decodes as `int8` does, with b = 2 there are -1, 0 and 1.
"""

from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from channels.codecs.scaled import ScaledCodec
from testbed.layout import FloatArray

__all__ = ["UniformCodec"]


class UniformCodec(ScaledCodec):
    """Whole numbers of a stated number of bits times a scale."""

    kind: str = "uniform"
    width_bits: ClassVar[int] = 16  # at the most
    num_bits: Annotated[int, Field(ge=2, le=16)]  # b, of an entry

    @property
    def num_levels(self) -> int:
        """L, the levels above zero."""
        return int(2 ** (self.num_bits - 1) - 1)

    def _entry_bits(self) -> int:
        return self.num_bits

    def _codes(self, relative: FloatArray) -> npt.NDArray[np.unsignedinteger]:
        return (np.rint(self.num_levels * relative) + self.num_levels).astype(np.uint16)

    def _levels(self, codes: npt.NDArray[np.unsignedinteger]) -> FloatArray:
        return (codes.astype(np.float64) - self.num_levels) / self.num_levels
